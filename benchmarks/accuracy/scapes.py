"""The acceptance run: train on the weak labels of `scapes`, tune on each half of dev for the other half.

    python -m tools.scapes train DIR --data ESC50 && python -m tools.scapes dev DIR --data ESC50
    python -m benchmarks.accuracy.scapes DIR -o RUNS

Trains each recipe with each seed by `earmark train` (a finished or stopped training is taken up where it stands), and
prints the table of docs/results.md, to which `--write` adds it. A self-trained model is judged before as well, by the
teacher that its training leaves behind.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.crossing import FIGURES, SAID, figures, minutes, score_dev
from benchmarks.sections import machine, mean_and_range, replace_section
from earmark.data.manifest import read_manifest
from earmark.devices import tune_allocator
from earmark.evaluation.labelled import score_clips
from earmark.events import Event
from earmark.files import write_text
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.models.network import Network, fill_weights
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Scorer
from earmark.training.request import STATE, is_finished

COLUMNS = tuple(figure.name for figure in FIGURES)
TEACHER = "teacher.safetensors"


@dataclass
class Run:
    """One training."""

    recipe: str
    seed: int
    folder: pathlib.Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of the trainings")
    recipes = ["default=0,1,2", "best=0", "plain-crnn=0,1"]
    parser.add_argument("--recipes", nargs="+", default=recipes, metavar="RECIPE=SEEDS")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--parallel", type=int, default=2, help="trainings at once")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    args = parser.parse_args()
    tune_allocator()
    halve_dev(args.scapes / "dev", args.output)
    asked = [recipe.partition("=") for recipe in args.recipes]
    pairs = [(recipe, int(seed)) for recipe, _, seeds in asked for seed in seeds.split(",")]
    runs = [Run(recipe, seed, args.output / f"{recipe}-{seed}") for recipe, seed in pairs]
    train_all(
        [run for run in runs if not is_finished(run.folder)], args.scapes, args.output, args.threads, args.parallel
    )
    text = section(runs, args.scapes, args)
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
            write_text(folder / f"{table}.tsv", "\n".join([header, *rows]) + "\n")


def command(run: Run, scapes: pathlib.Path, output: pathlib.Path) -> list[str]:
    """The training of one run, as a user would type it."""
    data = ["train", str(scapes / "train" / "weak.tsv"), "-o", str(run.folder), "--seed", str(run.seed)]
    valid = ["--valid", str(output / "dev-tune"), "--valid-audio", str(scapes / "dev" / "audio")]
    recipe = [] if run.recipe == "default" else ["--recipe", run.recipe]
    return [*data, *recipe, *valid]


def train_all(runs: list[Run], scapes: pathlib.Path, output: pathlib.Path, threads: int, parallel: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for first in range(0, len(runs), parallel):
        running = [
            subprocess.Popen([sys.executable, "-m", "earmark", *command(run, scapes, output)], env=environment)
            for run in runs[first : first + parallel]
        ]
        if any(process.wait() for process in running):
            sys.exit("a training failed")


def section(runs: list[Run], scapes: pathlib.Path, args: argparse.Namespace) -> str:
    dev = scapes / "dev"
    rows: dict[str, list[dict[str, float]]] = {}
    for run in runs:
        rows.setdefault(run.recipe, []).append(figures(score_dev(run.folder, dev)))
        if (run.folder / STATE / TEACHER).is_file():
            rows.setdefault(f"{run.recipe}, before self-training", []).append(of_teacher(run, dev))
    rows.update({name: [found] for name, found in baselines(scapes / "train" / "weak.tsv", dev).items()})
    same = " The members of `best` are trainings of `default` with consecutive seeds." if "best" in rows else ""
    timing = [f"{minutes(run.folder):.0f} min ({run.recipe}, seed {run.seed})" for run in runs]
    return "\n".join(
        [
            "## scapes: weak labels in, tags and events out",
            "",
            "Training: 2,000 ten-second soundscapes of real recordings, tags only; dev: 400 soundscapes of other "
            f"recordings. {SAID} Mean over seeds, plus or minus half their range.{same}",
            "",
            *markdown(rows),
            "",
            f"Command: `python -m benchmarks.accuracy.scapes SCAPES -o RUNS --recipes {' '.join(args.recipes)}`. Each "
            "training: `earmark train SCAPES/train/weak.tsv -o MODEL --valid DEV-TUNE`. Training time, including the "
            f"evaluation after each epoch, at the speed of the fastest epochs: {'; '.join(timing)}; {args.parallel} at "
            f"once, {args.threads} thread each.",
            "",
            f"{machine()} Times are upper bounds.",
            "",
        ]
    )


def of_teacher(run: Run, dev: pathlib.Path) -> dict[str, float]:
    """What the teacher would be worth as the model."""
    network = Network.from_pretrained(run.folder)
    fill_weights(run.folder / STATE / TEACHER, network.state_dict())
    return figures(score_clips(Scorer(engine_of(network)), read_manifest(dev, labels=network.labels)))


def numbers_of(evaluation: Evaluation) -> dict[str, float]:
    """Figures of an evaluation, under the names of the columns; there is no PSDS of decisions."""
    tagging, segment, event = evaluation.tagging, evaluation.segment, evaluation.event
    assert tagging is not None
    assert segment is not None
    assert event is not None
    found = tagging.map, tagging.micro_f1, segment.f1, segment.error_rate, event.f1
    return dict(zip(COLUMNS, found, strict=False))


def baselines(train: pathlib.Path, dev: pathlib.Path) -> dict[str, dict[str, float]]:
    """No learning at all: everything everywhere, and the commonest class everywhere."""
    heard = read_manifest(train)
    test = read_manifest(dev, labels=heard.labels)
    counts, targets = heard.targets().sum(axis=0), test.targets()
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
                clip_scores=np.tile(counts / len(heard), (len(targets), 1)).astype(np.float32),
            )
        )
    return rows


def markdown(rows: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = ["| system | " + " | ".join(COLUMNS) + " | seeds |", "|---" + "|---:" * (len(COLUMNS) + 1) + "|"]
    for name, runs in rows.items():
        known = [[np.nan_to_num(run[column]) for run in runs if column in run] for column in COLUMNS]
        cells = [mean_and_range(values) if values else "–" for values in known]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {len(runs)} |")
    return lines


if __name__ == "__main__":
    main()
