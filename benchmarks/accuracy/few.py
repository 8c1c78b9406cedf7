"""Few clips: what `earmark train` makes of 4, 8 or all clips of a class, by how the training begins.

    python -m tools.few ../shared/data TABLES
    python -m benchmarks.accuracy.few TABLES ../shared/data -o RUNS

Trains by each of the ways, judges every model on the held-out fold, and prints the table of docs/results.md, into which
`--write` puts it. A training that is finished, or judged, is not done again. The ways:

    default    `earmark train DATA`, which chooses by itself
    anew       `--from none`
    bundled    `--from earmark/everyday`
    head       the same with `--freeze encoder`
    linear     the same with `--recipe linear-head`: a linear head on its lower blocks
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import earmark
from benchmarks.sections import machine, mean_and_range, replace_section
from earmark.data.manifest import read_manifest
from earmark.devices import tune_allocator
from earmark.hub import box
from earmark.labels import Labels
from earmark.metrics.tagging import tagging_metrics
from earmark.training.request import is_finished
from earmark.training.transfer import Source

WAYS = {
    "default": [],
    "anew": ["--from", "none"],
    "bundled": ["--from", "earmark/everyday"],
    "head": ["--from", "earmark/everyday", "--freeze", "encoder"],
    "linear": ["--from", "earmark/everyday", "--recipe", "linear-head"],
}
SETS = ("esc10x24", "urban", "esc50")
CLIPS = ("4", "8", "all")
HEARD = {"esc10x24", "esc50"}  # whose training clips the bundled model was trained on
COLUMNS = {"top-1": "top1", "mAP": "map", "clips with a wrong tag": "wrong", "CPU minutes": "minutes"}


@dataclass(frozen=True)
class Case:
    """One training."""

    set: str
    fold: str
    clips: str
    draw: int
    way: str

    @property
    def name(self) -> str:
        return f"{self.set}-{self.fold}-{self.clips}-{self.draw}-{self.way}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=pathlib.Path, help="written by tools/few.py")
    parser.add_argument("data", type=pathlib.Path, help="the recordings: esc50/ and events/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of the trainings")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--clips", nargs="+", default=CLIPS, choices=CLIPS)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--draws", type=int, default=3, help="seeds; of all clips they are those of the training alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--finished", action="store_true", help="train nothing; print what has figures already")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    args = parser.parse_args()
    tune_allocator()
    cases = list(cases_of(args))
    if args.finished:
        cases = [case for case in cases if figures_of(case, args).is_file()]
    for case in cases:
        judge(case, args)
    text = section(cases, args)
    print(text)
    if args.write:
        replace_section("results.md", "few", text, title="# Results")


def cases_of(args: argparse.Namespace) -> Iterator[Case]:
    for name in args.sets:
        folds = sorted(path.name for path in (args.tables / name).iterdir())
        for clips in args.clips:
            for draw in range(args.draws):
                for fold in folds:
                    for way in args.ways:
                        yield Case(name, fold, clips, draw, way)


def judge(case: Case, args: argparse.Namespace) -> None:
    """Train and measure, where that is not done."""
    figures = figures_of(case, args)
    if figures.is_file():
        return
    folder = args.output / "models" / case.name
    spent = cpu_seconds()
    if not is_finished(folder):
        train(case, folder, args)
    minutes = (cpu_seconds() - spent) / 60
    found = {**measure(folder, args.tables / case.set / case.fold / "test.tsv", args.data), "minutes": minutes}
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps(found) + "\n")
    print(case.name, {name: round(value, 3) for name, value in found.items()}, file=sys.stderr, flush=True)


def train(case: Case, folder: pathlib.Path, args: argparse.Namespace) -> None:
    table = args.tables / case.set / case.fold / f"{case.clips}-{case.draw}" / "train.tsv"
    command = [sys.executable, "-m", "earmark", "train", str(table), "--audio", str(args.data), "-o", str(folder)]
    command += ["--seed", str(case.draw), "--device", "cpu", *WAYS[case.way]]
    log = args.output / "logs" / f"{case.name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
        subprocess.run(command, check=True, stderr=file, stdout=file, env=environment)


def measure(folder: pathlib.Path, table: pathlib.Path, data: pathlib.Path) -> dict[str, float]:
    """Top-1, mean average precision, and the share of clips with a tag that is not true."""
    tagger = earmark.load(folder)
    labels: Labels = tagger.labels
    test = read_manifest(table, audio=data, labels=labels)
    scores, right, wrong = [], [], []
    for clip in test.clips:
        result = tagger(clip.path)
        scores.append(result.scores.clip)
        right.append(labels.names[int(np.argmax(result.scores.clip))] in clip.labels)
        wrong.append(any(label not in clip.labels for label, _ in result.tags))
    ranked = tagging_metrics(test.targets(), labels, scores=np.stack(scores))
    return {"top1": float(np.mean(right)), "map": float(ranked.map), "wrong": float(np.mean(wrong))}


def section(cases: list[Case], args: argparse.Namespace) -> str:
    lines = [
        "## Few clips",
        "",
        "What `earmark train` makes of 4, 8 or all clips of a class (`benchmarks.accuracy.few`): mean over seeds and"
        " the folds held out, plus or minus half the range of the seeds. The bundled model was trained on sounds that"
        " are training clips here too, never on test clips, of the sets with a star. It knows no recording and no class"
        f" of `urban`. Bundled model: weights sha256 {Source('earmark/everyday', box.directory()).digest}. That a model"
        " which knows half of the labels is taken as a whole (`training/origin.py`) was decided after `esc50` with 4"
        " clips had shown the other choice to be worse.",
        "",
        f"| set | clips a class | way | {' | '.join(COLUMNS)} | folds held out | seeds |",
        f"|---|---|---|{'---:|' * (len(COLUMNS) + 2)}",
    ]
    for name in args.sets:
        for clips in args.clips:
            for way in args.ways:
                rows = [case for case in cases if (case.set, case.clips, case.way) == (name, clips, way)]
                draws = sorted({case.draw for case in rows})
                if not draws:
                    continue
                found = [means(rows, draw, args) for draw in draws]
                cells = [mean_and_range([each[key] for each in found]) for key in COLUMNS.values()]
                star = "*" if name in HEARD else ""
                many = len({case.fold for case in rows})
                lines.append(f"| {name}{star} | {clips} | {way} | {' | '.join(cells)} | {many} | {len(draws)} |")
    lines += ["", f"Trainings of {args.threads} thread{'s' * (args.threads > 1)}. {machine()}"]
    return "\n".join(lines)


def means(rows: list[Case], draw: int, args: argparse.Namespace) -> dict[str, float]:
    """Figures of one seed, over the folds held out."""
    found = [json.loads(figures_of(case, args).read_text()) for case in rows if case.draw == draw]
    return {key: float(np.mean([each[key] for each in found])) for key in COLUMNS.values()}


def figures_of(case: Case, args: argparse.Namespace) -> pathlib.Path:
    path: pathlib.Path = args.output / "figures" / f"{case.name}.json"
    return path


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
