"""The acceptance run: train on the weak labels of `scapes`, tune on half of dev, evaluate on the other half.

    python ../shared/tools/scapes.py train DIR && python ../shared/tools/scapes.py dev DIR
    python benchmarks/scapes.py DIR -o RUNS

Trains each recipe with each seed by `earmark train` (a finished or stopped training is taken up where it stands), tunes
and evaluates it, and prints the tables of docs/results.md, to which `--write` adds them.
"""

from __future__ import annotations

import argparse
import csv
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import safetensors.torch

from earmark.data.manifest import read_manifest
from earmark.data.records import Manifest
from earmark.decisions.tuning import tune_detection
from earmark.events import Event
from earmark.inference.fusion import mean_scores
from earmark.inference.labelled import ScoredClips, evaluate_scored, score_clips
from earmark.inference.scorer import Scorer
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.runtime import tune_allocator
from earmark.tagger import Tagger
from earmark.training.averaging import epoch_file
from sections import machine, replace_section

OBJECTIVE = "segment-f1-micro"
COLUMNS = ("tagging mAP", "tagging F1", "segment F1", "error rate", "event F1")


@dataclass
class Run:
    """One training."""

    recipe: str
    seed: int
    folder: pathlib.Path

    @property
    def log(self) -> list[dict[str, str]]:
        with (self.folder / "log.csv").open(newline="") as file:
            return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of the trainings")
    parser.add_argument("--recipes", nargs="+", default=["default", "plain-crnn"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--parallel", type=int, default=2, help="trainings at once")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    args = parser.parse_args()
    tune_allocator()
    halve_dev(args.scapes / "dev", args.output)
    runs = [Run(recipe, seed, args.output / f"{recipe}-{seed}") for recipe in args.recipes for seed in args.seeds]
    train_all(runs, args.scapes, args.output, args.threads, args.parallel)
    text = tables(runs, args.scapes, args.output, args)
    print(text)
    if args.write:
        replace_section("results.md", "scapes", text, title="# Results")


def halve_dev(dev: pathlib.Path, output: pathlib.Path) -> None:
    """Label tables of every second dev recording, to tune on, and of the others, to evaluate on."""
    names = [line.split("\t")[0] for line in (dev / "weak.tsv").read_text().splitlines()[1:]]
    for half, rest in (("tune", 0), ("test", 1)):
        kept = set(names[rest::2])
        folder = output / f"dev-{half}"
        folder.mkdir(parents=True, exist_ok=True)
        for table in ("weak", "strong", "durations"):
            header, *rows = (dev / f"{table}.tsv").read_text().splitlines()
            rows = [row for row in rows if row.split("\t")[0] in kept]
            (folder / f"{table}.tsv").write_text("\n".join([header, *rows]) + "\n")


def command(run: Run, scapes: pathlib.Path, output: pathlib.Path) -> list[str]:
    """The training of one run, as a user would type it."""
    data = ["train", str(scapes / "train" / "weak.tsv"), "-o", str(run.folder), "--seed", str(run.seed)]
    valid = ["--valid", str(output / "dev-tune"), "--valid-audio", str(scapes / "dev" / "audio")]
    recipe = [] if run.recipe == "default" else ["--recipe", run.recipe]
    return [*data, *recipe, *valid, "--set", "training.keep_epochs=true"]


def train_all(runs: list[Run], scapes: pathlib.Path, output: pathlib.Path, threads: int, parallel: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for first in range(0, len(runs), parallel):
        running = [
            subprocess.Popen([sys.executable, "-m", "earmark", *command(run, scapes, output)], env=environment)
            for run in runs[first : first + parallel]
        ]
        if any(process.wait() for process in running):
            sys.exit("a training failed")


def tables(runs: list[Run], scapes: pathlib.Path, output: pathlib.Path, args: argparse.Namespace) -> str:
    labels = Tagger.from_pretrained(runs[0].folder).labels
    audio = scapes / "dev" / "audio"
    halves = {half: read_manifest(output / f"dev-{half}", audio=audio, labels=labels) for half in ("tune", "test")}
    figures: dict[str, list[tuple[float, ...]]] = {}
    fusion: dict[str, list[tuple[float, ...]]] = {}
    for run in runs:
        figures.setdefault(run.recipe, []).append(measure(Tagger.from_pretrained(run.folder), halves))
        if run.recipe == "default":
            for name, numbers in fusion_rows(run, halves).items():
                fusion.setdefault(name, []).append(numbers)
    train = read_manifest(scapes / "train" / "weak.tsv")
    for name, numbers in baselines(train, halves["test"]).items():
        figures[name] = [numbers]
    timing = [f"{float(run.log[-1]['seconds']) / 60:.0f} min ({run.recipe}, seed {run.seed})" for run in runs]
    shown = "python benchmarks/scapes.py SCAPES -o RUNS --seeds " + " ".join(map(str, args.seeds))
    return "\n".join(
        [
            "## scapes: weak labels in, tags and events out",
            "",
            "2,000 ten-second soundscapes of real recordings to train on, tags only; thresholds and smoothing tuned "
            f"for `{OBJECTIVE}` on one half of dev ({len(halves['tune'])} soundscapes of other recordings), figures of "
            f"the other half ({len(halves['test'])}). Mean over seeds {', '.join(map(str, args.seeds))}, plus or minus "
            "half the range between them.",
            "",
            *markdown(figures),
            "",
            "### Fusing the last epochs of the default recipe",
            "",
            *markdown(fusion),
            "",
            f"Command: `{shown}`. Each training: `earmark train SCAPES/train/weak.tsv -o MODEL --valid DEV-TUNE`. "
            "Training took, evaluation after each epoch included: "
            f"{'; '.join(timing)}; {args.parallel} at once, {args.threads} thread each.",
            "",
            f"{machine()} Times are upper bounds.",
            "",
        ]
    )


def measure(tagger: Tagger, halves: dict[str, Manifest]) -> tuple[float, ...]:
    scored = {half: score_clips(Scorer(tagger), manifest) for half, manifest in halves.items()}
    return judged(scored["tune"], scored["test"])


def judged(tune: ScoredClips, test: ScoredClips) -> tuple[float, ...]:
    """Tuned on the one, measured on the other."""
    point = tune_detection(tune.references(), tune.scores, OBJECTIVE).point
    return numbers_of(evaluate_scored(test, point)[0])


def numbers_of(evaluation: Evaluation) -> tuple[float, ...]:
    tagging, segment, event = evaluation.tagging, evaluation.segment, evaluation.event
    assert tagging is not None
    assert segment is not None
    assert event is not None
    return tagging.map, tagging.micro_f1, segment.f1, segment.error_rate, event.f1


def fusion_rows(run: Run, halves: dict[str, Manifest]) -> dict[str, tuple[float, ...]]:
    """The last epoch alone, the mean of the last epochs' weights, and the mean of their probabilities."""
    files = sorted((run.folder / "training").glob("epoch-*.safetensors"))
    assert files[-1] == epoch_file(run.folder / "training", int(run.log[-1]["epoch"]))
    tagger = Tagger.from_pretrained(run.folder)
    each: dict[str, list[ScoredClips]] = {half: [] for half in halves}
    for file in files:
        tagger.load_state_dict(safetensors.torch.load_file(file))
        for half, manifest in halves.items():
            each[half].append(score_clips(Scorer(tagger), manifest))
    fused = {half: averaged(members) for half, members in each.items()}
    return {
        "last epoch alone": judged(each["tune"][-1], each["test"][-1]),
        f"mean weights of the last {len(files)} (the default)": measure(Tagger.from_pretrained(run.folder), halves),
        f"mean probabilities of the last {len(files)}": judged(fused["tune"], fused["test"]),
    }


def averaged(members: list[ScoredClips]) -> ScoredClips:
    scores = tuple(mean_scores(each) for each in zip(*(member.scores for member in members), strict=True))
    return ScoredClips(members[0].labels, members[0].clips, scores, ())


def baselines(train: Manifest, test: Manifest) -> dict[str, tuple[float, ...]]:
    """No learning at all: everything everywhere, and the commonest class everywhere."""
    counts = train.targets().sum(axis=0)
    targets = test.targets()
    chosen = {
        "everything, always": np.ones(len(counts), bool),
        "the commonest class, always": np.arange(len(counts)) == counts.argmax(),
    }
    rows = {}
    for name, given in chosen.items():
        events = [Event(0.0, 10.0, label) for label, on in zip(test.labels, given, strict=True) if on]
        rows[name] = numbers_of(
            evaluate(
                test.labels,
                reference=test.reference(),
                estimated={clip.name: events for clip in test.clips},
                reference_tags=targets,
                estimated_tags=np.tile(given, (len(targets), 1)),
                clip_scores=np.tile(counts / len(train), (len(targets), 1)).astype(np.float32),
            )
        )
    return rows


def markdown(rows: dict[str, list[tuple[float, ...]]]) -> list[str]:
    lines = ["| system | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, runs in rows.items():
        values = np.nan_to_num(np.array(runs))
        spread = np.ptp(values, axis=0) / 2
        cells = [
            f"{m:.3f}" + (f" ± {s:.3f}" if len(runs) > 1 else "") for m, s in zip(values.mean(0), spread, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
