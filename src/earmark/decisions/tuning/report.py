"""What tuning did, and what it is worth on recordings it was not done on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from earmark.decisions.tuning.aims import Aim, macro_f1, micro_f1
from earmark.decisions.tuning.shrinkage import Chosen


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated figures of one way of choosing."""

    objective: float  # of the aim: see `aims`
    macro_f1: float
    micro_f1: float


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

    def summary(self) -> str:
        """A few lines for the terminal or the model card."""
        better = "lower" if self.lower_is_better else "higher"
        lines = [
            f"tuned for {self.objective} ({better} is better) on {self.recordings} recordings; "
            f"shrinkage {self.shrinkage:g} pseudo-recordings"
        ]
        if self.held_out:
            lines.append(f"held out ({self.folds} folds, seed {self.seed}):  objective  macro F1  micro F1")
        lines += [
            f"  {name:<24}  {row.objective:9.3f} {row.macro_f1:9.3f} {row.micro_f1:9.3f}"
            for name, row in self.held_out.items()
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def origin(self, data: str = "") -> str:
        """One line for `OperatingPoint.origin`."""
        where = f" of {data}" if data else ""
        pull = "one choice for all classes" if math.isinf(self.shrinkage) else f"shrinkage {self.shrinkage:g}"
        return f"tuned for {self.objective} on {self.recordings} recordings{where}; {pull}, seed {self.seed}"


def make_report(
    objective: str,
    aim: Aim,
    chosen: Chosen,
    positives: dict[str, int],
    shape: tuple[int, int, int],
    notes: Iterable[str],
) -> TuningReport:
    """Figures from held-out counts; `shape` is (recordings, folds, seed)."""
    recordings, folds, seed = shape
    missing = [label for label, count in positives.items() if not count]
    told = list(notes)
    if missing:
        told.append(f"no recording carries {', '.join(missing)}: these follow the pool of all classes")
    if not chosen.held_out:
        told.append(f"{recordings} recordings are too few to cross-validate: shrinkage {chosen.shrinkage:g} assumed")
    return TuningReport(
        objective=objective,
        lower_is_better=aim.lower_is_better,
        recordings=recordings,
        folds=folds,
        seed=seed,
        shrinkage=chosen.shrinkage,
        held_out={
            name: HeldOut(aim.overall(counts), macro_f1(counts), micro_f1(counts))
            for name, counts in chosen.held_out.items()
        },
        positives=positives,
        notes=tuple(told),
    )
