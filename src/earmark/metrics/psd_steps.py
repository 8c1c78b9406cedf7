"""Collecting the steps of a whole data set, with no more memory than what can matter.

The floor is explained in `psds`: frames at or below the K-th best of the best scores of the recordings without a
class cannot matter, K = 1 + the false positives allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earmark.errors import DataError
from earmark.metrics.psd_curves import CurveSource
from earmark.metrics.run_tree import Values
from earmark.metrics.threshold_steps import Curve, Steps, find_steps, join_steps, no_steps
from earmark.metrics.truth import Truth

_CELLS_AT_ONCE = 2**20  # scores looked at together
_STEPS_AT_ONCE = 2**23  # new steps after which equal ones are summed


@dataclass(frozen=True, eq=False)
class Found:
    """All that a PSDS is made of."""

    truth: Truth
    steps: Steps
    floor: Values  # (columns,): there are no steps at or below
    best: Values  # (recordings, columns): each recording's best score; -inf without scores
    lengths: Values  # (recordings,) seconds
    duration: float  # of all recordings, those too that the reference does not know


def collect_steps(
    source: CurveSource,
    truth: Truth,
    *,
    dtc: float,
    gtc: float,
    cttc: float | None,
    most_false: float,
    by_recording: bool = False,
) -> Found:
    """The steps of all curves of a source.

    `most_false`: false positives per second up to which operating points matter; with `by_recording` steps
    are not summed over recordings, and twice the false positives are allowed for, so that resampled sets of
    recordings can be scored from them.
    """
    ledger = _Ledger(truth, source, most_false * (2 if by_recording else 1))
    if source.again:
        for curve, seconds in source.curves(truth):
            ledger.enter(curve, seconds)
        ledger.close()
    parts, fresh = list[Steps](), 0
    for batch in _batches(source.curves(truth)):
        if not source.again:
            for curve, seconds in batch:
                ledger.enter(curve, seconds)
        curves = [curve for curve, _ in batch]
        parts.append(find_steps(curves, truth, ledger.floor(), dtc=dtc, gtc=gtc, cttc=cttc))
        fresh += len(parts[-1])
        if fresh > _STEPS_AT_ONCE and not by_recording:
            parts, fresh = [sum_equal(join_steps(parts), ledger.floor())], 0
    ledger.close()
    floor = ledger.floor()
    steps = join_steps([no_steps(floor.dtype), *parts])
    steps = steps.where(steps.score > floor[steps.column]) if by_recording else sum_equal(steps, floor)
    return Found(truth, steps, floor, ledger.best, ledger.lengths, float(ledger.lengths.sum()) + ledger.beyond)


def sum_equal(steps: Steps, floor: Values) -> Steps:
    """Steps above the floor, those of one column, score and kind in one; without their recordings."""
    steps = steps.where(steps.score > floor[steps.column])
    steps = steps.where(np.lexsort((steps.kind, -steps.score, steps.column)))
    same = (steps.column[1:] == steps.column[:-1]) & (steps.score[1:] == steps.score[:-1])
    heads = np.flatnonzero(np.append(True, ~(same & (steps.kind[1:] == steps.kind[:-1])))[: len(steps)])
    amount = np.add.reduceat(steps.amount, heads) if len(heads) else steps.amount
    summed = steps.where(heads)
    return Steps(summed.column, summed.score, summed.kind, amount, summed.recording).where(amount != 0)


class _Ledger:
    """Durations and best scores of the recordings so far, and the floor that follows."""

    def __init__(self, truth: Truth, source: CurveSource, most_false: float) -> None:
        recordings, columns = len(truth.recordings), len(truth.labels)
        self.truth, self.source, self.most_false = truth, source, most_false
        given = [source.given_duration(name) for name in truth.recordings]
        self.lengths = np.array([np.nan if seconds is None else seconds for seconds in given], dtype=np.float64)
        self.best: Values = np.full((recordings, columns), -np.inf, dtype=np.float64)
        self.beyond = 0.0  # seconds of recordings that the reference does not know
        self.absent = np.ones((recordings, columns), dtype=np.bool_)
        self.absent[truth.events.recording, truth.events.label] = False
        self._entered, self._due = 0, 0
        self._floor: Values = np.full(columns, -np.inf)

    def enter(self, curve: Curve, seconds: float) -> None:
        """Take a recording down."""
        self._entered += 1
        if self.best.dtype != curve.values.dtype:
            self.best = self.best.astype(curve.values.dtype)
        if curve.recording == len(self.lengths):
            self.beyond += seconds
            return
        self.lengths[curve.recording] = seconds
        self.best[curve.recording] = curve.values.max(axis=0, initial=-np.inf)

    def close(self) -> None:
        """All recordings have been: those without scores must have a duration."""
        missing = np.flatnonzero(np.isnan(self.lengths))
        if len(missing):
            name = self.truth.recordings[missing[0]]
            raise DataError(f"{name}: neither scores nor a duration ({len(missing)} recordings in all)")

    def floor(self) -> Values:
        """A floor (columns,) that what was taken down allows; found anew when that has grown by an eighth."""
        if self._entered >= self._due:
            self._floor, self._due = self._find_floor(), self._entered + self._entered // 8 + 1
        return self._floor

    def _find_floor(self) -> Values:
        total = float(self.lengths.sum()) + self.beyond
        low = np.full(self.best.shape[1], -np.inf, dtype=self.best.dtype)
        if np.isnan(total) or (self.source.open_ended and not self.source.again):
            return low
        allowed = self.most_false * total * (1 + 1e-9)
        if not allowed + 1 < len(self.best):
            return low
        rank = int(allowed) + 1
        alone = np.where(self.absent, self.best, -np.inf)
        return np.asarray(np.partition(alone, len(alone) - rank, axis=0)[len(alone) - rank], dtype=self.best.dtype)


def _batches(curves: Iterator[tuple[Curve, float]]) -> Iterator[list[tuple[Curve, float]]]:
    batch, cells = list[tuple[Curve, float]](), 0
    for curve in curves:
        batch.append(curve)
        cells += curve[0].values.size
        if cells >= _CELLS_AT_ONCE:
            yield batch
            batch, cells = [], 0
    if batch:
        yield batch
