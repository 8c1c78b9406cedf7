"""From scores to decisions on `scapes` dev: what each way of deciding is worth, on recordings it was not chosen on.

    python -m benchmarks.accuracy.scapes SCAPES -o RUNS            trains the models
    python -m benchmarks.accuracy.decisions SCAPES RUNS/default-0 RUNS/default-1 --scores CACHE

Each half of dev is decided by what was chosen on the other half, every column chosen for its own objective; the figures
of the two halves, and of the models, are averaged. Intervals: bootstrap over the recordings of each half. Prints three
sections of docs/results.md, into which `--write` puts them: ways of deciding, events from tags alone, and few timed
clips beside tags.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.accuracy import few_timed, tags_alone
from benchmarks.accuracy.crossing import halves, score_dev
from benchmarks.sections import machine, replace_section
from earmark.decisions import OperatingPoint, decide_all, score_curve
from earmark.decisions.tuning import BoxGrid, ThresholdGrid, tune_detection
from earmark.devices import tune_allocator
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.tuning import tune
from earmark.metrics import (
    PSDS1,
    PSDS2,
    Figures,
    Resampling,
    counts_statistic,
    event_metrics,
    intervals,
    psds_statistic,
    segment_metrics,
)
from earmark.metrics.bootstrap import Statistic

Way = Callable[[ScoredClips, str], OperatingPoint]


@dataclass(frozen=True)
class Column:
    """A figure, the objective that decisions are chosen for, and its direction."""

    name: str
    objective: str
    figure: str  # in the statistic
    higher: bool = True


SECTIONS = ("decisions", "tags-alone", "few-timed")
COLUMNS = (
    Column("segment F1", "segment-f1-micro", "f1"),
    Column("error rate", "error-rate", "error_rate", higher=False),
    Column("event F1", "event-f1-micro", "f1"),
    Column("PSDS1", "psds1", "psds"),
    Column("PSDS2", "psds2", "psds"),
)
ALONE = ThresholdGrid(
    median_seconds=(0.0,), min_duration_off=(0.0,), min_duration_on=(0.0,), offset_share=(1.0,), tag_gate=(False,)
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("models", type=pathlib.Path, nargs="+", help="trained model directories")
    parser.add_argument("--scores", type=pathlib.Path, help="folder to keep scores in (default: in each model)")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS, help="to print (default: all)")
    parser.add_argument("--timed", type=pathlib.Path, default=pathlib.Path("few-timed"), help="folder for its figures")
    parser.add_argument("--clips", type=int, nargs="+", default=few_timed.CLIPS, help="numbers of timed clips")
    parser.add_argument("--write", action="store_true", help="write the section into docs/results.md")
    args = parser.parse_args()
    tune_allocator()
    scored = {model: score_dev(model, args.scapes / "dev", args.scores) for model in args.models}
    for name in args.sections:
        made = {"decisions": section, "tags-alone": tags_alone_section, "few-timed": few_timed_section}
        text = made[name](scored, args)
        print(text, flush=True)
        if args.write:
            replace_section("results.md", name, text, title="# Results")


def tags_alone_section(scored: dict[pathlib.Path, ScoredClips], args: argparse.Namespace) -> str:
    return f"{tags_alone.section(list(scored.values()), command_of(scored, 'tags-alone'))} {machine()}"


def few_timed_section(scored: dict[pathlib.Path, ScoredClips], args: argparse.Namespace) -> str:
    command = f"{command_of(scored, 'few-timed')} --clips {' '.join(map(str, args.clips))}"
    return f"{few_timed.section(scored, args.timed, command, args.clips)} {machine()}"


def command_of(scored: dict[pathlib.Path, ScoredClips], section: str) -> str:
    models = " ".join(f"RUNS/{model.name}" for model in scored)
    return f"python -m benchmarks.accuracy.decisions SCAPES {models} --sections {section}"


def ways() -> dict[str, Way]:
    """From plain to elaborate. A way that PSDS does not see (thresholds, gate) leaves it as the way before."""

    def by_grid(**options: Any) -> Way:
        def choose(scored: ScoredClips, objective: str) -> OperatingPoint:
            if objective.startswith("psds"):
                return OperatingPoint.plain(scored.labels)
            return tune_detection(scored.references(), scored.scores, objective, **options).point

        return choose

    known: dict[tuple[int, str, str], OperatingPoint] = {}

    def by_method(method: Any, grid: ThresholdGrid | BoxGrid | None) -> Way:
        def choose(scored: ScoredClips, objective: str) -> OperatingPoint:
            if grid is None or objective.startswith("psds"):
                key = id(scored), objective, method
                if key not in known:
                    known[key] = tune(scored, objective, method=method).point
                return known[key]
            return tune_detection(scored.references(), scored.scores, objective, grid=grid).point

        return choose

    return {
        "0.5 for everything": lambda scored, objective: OperatingPoint.plain(scored.labels),
        "one tuned threshold": by_grid(grid=ALONE, shrinkages=(np.inf,)),
        "a threshold a class": by_grid(grid=ALONE),
        "hysteresis, median, durations": by_method("threshold", ThresholdGrid(tag_gate=(False,))),
        "... gated by the tag": by_method("threshold", ThresholdGrid()),
        "bounding boxes": by_method("boxes", BoxGrid(tag_gate=(False,))),
        "... gated by the tag ": by_method("boxes", BoxGrid()),
        "`earmark tune`: the better of both": by_method("auto", None),
    }


def statistic_of(scored: ScoredClips, point: OperatingPoint, column: Column) -> Statistic:
    """One figure of a half, to be resampled."""
    names = [clip.name for clip in scored.clips]
    reference = dict(zip(names, scored.references(), strict=True))
    if column.figure == "psds":
        options = PSDS1 if column.objective == "psds1" else PSDS2
        curves = [score_curve(scores, point) for scores in scored.scores]
        return psds_statistic(curves, reference, scored.labels, options=options)[0]
    found = {decision.recording: decision.events for decision in decide_all(scored.scores, point)}
    metric = event_metrics if column.name.startswith("event") else segment_metrics
    return counts_statistic(metric, reference, found, scored.labels)[0]


def cell(
    parts: Sequence[list[ScoredClips]], points: Sequence[list[OperatingPoint]], column: Column, resamples: int
) -> tuple[float, float, float]:
    """Mean over models and halves, with its interval; all models are resampled alike."""
    statistics = [
        [statistic_of(half, point, column) for half, point in zip(*pair, strict=True)]
        for pair in zip(parts, points, strict=True)
    ]
    sizes = [len(half.clips) for half in parts[0]]

    def mean(weights: np.ndarray) -> Figures:
        split = weights[:, : sizes[0]], weights[:, sizes[0] :]
        values = [
            np.nan_to_num(statistic(weight).overall[column.figure])  # no event reported: an F1 of 0
            for pair in statistics
            for statistic, weight in zip(pair, split, strict=True)
        ]
        return Figures({"mean": np.mean(values, axis=0)}, {})

    found = intervals(mean, sum(sizes), Resampling(resamples)).overall["mean"]
    return found.value.item(), found.low.item(), found.high.item()


def section(scored: dict[pathlib.Path, ScoredClips], args: argparse.Namespace) -> str:
    parts = [halves(each) for each in scored.values()]
    lines = [
        "| decided by | " + " | ".join(column.name for column in COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    began = time.perf_counter()
    known: dict[tuple[Column, str], str] = {}  # ways that come to the same decisions
    for name, way in ways().items():
        cells = []
        for column in COLUMNS:
            points = [[way(two, column.objective), way(one, column.objective)] for one, two in parts]
            key = column, repr(points)
            if key not in known:
                known[key] = "{:.3f} ({:.3f} to {:.3f})".format(*cell(parts, points, column, args.resamples))
            cells.append(known[key])
        lines.append(f"| {name.strip()} | {' | '.join(cells)} |")
    minutes = (time.perf_counter() - began) / 60
    models = " ".join(f"RUNS/{model.name}" for model in scored)
    objectives = ", ".join(f"`{column.objective}`" for column in COLUMNS)
    return "\n".join(
        [
            "## scapes: from scores to decisions",
            "",
            f"Each half of dev ({', '.join(str(len(half.clips)) for half in parts[0])} soundscapes) is decided with "
            f"what was chosen on the other half; mean over the halves and {len(parts)} trainings of the default "
            f"recipe. Every column is tuned for its own objective ({objectives}). In brackets: 95 % bootstrap "
            f"intervals over recordings ({args.resamples} resamples). F1 and error rate are micro-averaged over "
            "classes; a lower error rate is better. PSDS covers all thresholds, so thresholds and gates do not change "
            "it; for PSDS each class chooses its median filter or boxes, and whether frame scores are weighted by the "
            "clip score. PSDS1 subtracts the deviation between classes, and resampling increases that deviation for "
            "rare classes: its interval is too low and may exclude the figure.",
            "",
            *lines,
            "",
            f"Command: `python -m benchmarks.accuracy.decisions SCAPES {models}`; {minutes:.0f} min, without scoring. "
            f"{machine()}",
        ]
    )


if __name__ == "__main__":
    main()
