"""What tuning did, and what it is worth on recordings it was not done on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from earmark.decisions.calibration import Reliability
from earmark.decisions.operating_point import OperatingPoint
from earmark.decisions.tuning.aims import Aim, macro_f1, micro_f1
from earmark.decisions.tuning.shrinkage import Chosen


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated figures of one way of choosing."""

    objective: float  # of the aim: see `aims`
    macro_f1: float | None = None  # of the units counted (tags, segments, events); None where nothing is counted
    micro_f1: float | None = None


@dataclass(frozen=True)
class CalibrationReport:
    """What calibration did to recordings it was not fitted on; a row a label that could be calibrated."""

    kind: str  # platt or isotonic
    clip_before: tuple[Reliability, ...]
    clip_after: tuple[Reliability, ...]
    frames_before: tuple[Reliability, ...] = ()  # none where no events are known
    frames_after: tuple[Reliability, ...] = ()

    def lines(self) -> list[str]:
        """Mean expected calibration error before and after, for people."""
        pairs = {"clip": (self.clip_before, self.clip_after), "frame": (self.frames_before, self.frames_after)}
        return [
            f"calibration error of {what} scores, held out: {mean_ece(before):.3f}, after {self.kind} scaling "
            f"{mean_ece(after):.3f} (mean of {len(before)} labels)"
            for what, (before, after) in pairs.items()
            if before
        ]


def mean_ece(tables: Iterable[Reliability]) -> float:
    """The mean expected calibration error of some labels; NaN of none."""
    errors = [table.ece for table in tables]
    return sum(errors) / len(errors) if errors else math.nan


@dataclass(frozen=True)
class TuningReport:
    """The record of a tuning.

    `held_out` has a row for each way of choosing, from plain to elaborate: "default 0.5"; "one threshold" for
    all classes, no smoothing; "one setting", threshold and smoothing, for all; "per class", each left alone;
    "per class, shrunk", the way taken. It is empty where there were too few recordings.
    """

    objective: str
    lower_is_better: bool
    recordings: int
    folds: int
    seed: int
    shrinkage: float  # pseudo-recordings of the average class added to each class; inf: one choice for all
    held_out: dict[str, HeldOut]
    positives: dict[str, int]  # recordings that carry each label
    notes: tuple[str, ...] = ()  # what could not be chosen, and why
    method: str = ""  # how events are found: threshold or boxes; empty where only tags were tuned
    methods: Mapping[str, float] | None = None  # held-out objective of each method, where several were tried
    calibration: CalibrationReport | None = None
    by_fold: tuple[OperatingPoint, ...] = ()  # for each fold the point that was chosen on the others; events alone

    @property
    def reached(self) -> float | None:
        """The held-out objective of the way taken; None where nothing could be held out."""
        return list(self.held_out.values())[-1].objective if self.held_out else None

    @property
    def gain(self) -> float | None:
        """By how much the way taken is better than the plainest on held-out recordings; negative where it is worse."""
        if self.reached is None:
            return None
        plain = next(iter(self.held_out.values())).objective
        return plain - self.reached if self.lower_is_better else self.reached - plain

    def summary(self) -> str:
        """A few lines for the terminal."""
        better = "lower" if self.lower_is_better else "higher"
        lines = [
            f"tuned for {self.objective} ({better} is better) on {self.recordings} recordings; "
            f"shrinkage {self.shrinkage:g} pseudo-recordings"
        ]
        if self.held_out:
            lines.append(f"held out ({self.folds} folds, seed {self.seed}):  objective  macro F1  micro F1")
        for name, row in self.held_out.items():
            numbers = "".join(f" {value:9.3f}" if value is not None else f" {'-':>9}" for value in _numbers(row))
            lines.append(f"  {name:<24} {numbers}")
        return "\n".join([*lines, *self._remarks(), *(f"note: {note}" for note in self.notes)])

    def markdown(self) -> str:
        """The same for a model card: a table and a list."""
        better = "lower" if self.lower_is_better else "higher"
        lines = [
            f"Tuned for {self.objective} ({better} is better) on {self.recordings} recordings, "
            f"shrinkage {self.shrinkage:g} pseudo-recordings."
        ]
        if self.held_out:
            lines += [
                f"On held-out recordings ({self.folds} folds, seed {self.seed}):",
                "",
                f"| choice | {self.objective} | macro F1 | micro F1 |",
                "|---|---|---|---|",
            ]
        for name, row in self.held_out.items():
            lines.append(f"| {name} | {' | '.join('–' if v is None else f'{v:.3f}' for v in _numbers(row))} |")
        remarks = [*self._remarks(), *self.notes]
        return "\n".join([*lines, *([""] if remarks else []), *(f"- {line}" for line in remarks)])

    def _remarks(self) -> list[str]:
        lines = []
        if self.methods:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in self.methods.items())
            lines.append(f"method {self.method} chosen; held-out {self.objective} by method: {figures}")
        return lines + (self.calibration.lines() if self.calibration else [])

    def origin(self, data: str = "") -> str:
        """One line for `OperatingPoint.origin`."""
        where = f" of {data}" if data else ""
        pull = "one choice for all classes" if math.isinf(self.shrinkage) else f"shrinkage {self.shrinkage:g}"
        return f"tuned for {self.objective} on {self.recordings} recordings{where}; {pull}, seed {self.seed}"


def _numbers(row: HeldOut) -> tuple[float | None, ...]:
    return row.objective, row.macro_f1, row.micro_f1


def make_report(
    objective: str,
    aim: Aim,
    chosen: Chosen,
    positives: dict[str, int],
    shape: tuple[int, int, int],
    notes: Iterable[str],
    *,
    method: str = "",
    overall: Mapping[str, float] | None = None,
) -> TuningReport:
    """Figures from held-out counts; `shape` is (recordings, folds, seed).

    `overall` has the objective of each way of choosing where counts alone do not say it.
    """
    recordings, folds, seed = shape
    objectives = overall or {name: aim.overall(counts) for name, counts in chosen.held_out.items()}
    return TuningReport(
        objective=objective,
        lower_is_better=aim.lower_is_better,
        recordings=recordings,
        folds=folds,
        seed=seed,
        shrinkage=chosen.shrinkage,
        held_out={
            name: HeldOut(objectives[name], macro_f1(counts), micro_f1(counts))
            for name, counts in chosen.held_out.items()
        },
        positives=positives,
        notes=(*notes, *shared_notes(positives, recordings, chosen.shrinkage, bool(chosen.held_out))),
        method=method,
    )


def shared_notes(positives: Mapping[str, int], recordings: int, shrinkage: float, held_out: bool) -> list[str]:
    """What every tuning has to say of labels that no recording carries, and of too few recordings."""
    missing = [label for label, count in positives.items() if not count]
    notes = (
        [(f"no recording contains {', '.join(missing)}; these labels use the values of all classes together")]
        if missing
        else []
    )
    if not held_out:
        notes.append(f"{recordings} recordings are too few for cross-validation; shrinkage {shrinkage:g} is assumed")
    return notes
