"""Polyphonic sound detection score (PSDS): intersection-based detection over all thresholds at once.

Criteria DTC, GTC and CTTC are those of `intersection`; curves and rates those of `psd_roc`. A threshold t reports
what scores > t; every score that occurs is an operating point ("the threshold falls just below it"), so nothing is
sampled and the result is exact. Papers: Bilen et al. 2020, "A Framework for the Robust Evaluation of Sound
Event Detection", arXiv:1910.08440; Ebbers, Serizel, Haeb-Umbach 2022, "Threshold-Independent Evaluation of
Sound Event Detection Scores", arXiv:2201.13148. The numbers are those of sed_scores_eval 0.0.4
(`intersection_based.psds`). `PSDS1` asks for good times, `PSDS2` for telling classes apart (DCASE's settings).

`psds`            from frame scores: `Scores`, held or streamed
`psds_metrics`    both PSDS1 and PSDS2, as plain numbers
`psds_of_events`  from scored events whose extents do not depend on the threshold (bounding boxes): at each instant a
                  class scores what its best event there scores, so that a threshold picks events; those that touch
                  or overlap are one report, as sed_scores_eval has it when given such a curve

Edges, beyond those of `intersection` (rounding to microseconds, merged events):

- A class without reference events takes no part, as if its scores were not there: its value is NaN.
- A recording of the reference without scores counts with its duration, its events missed.
- Frames end where the recording ends; a last stub below a microsecond is left out.
- Durations are those of `durations`, else of the scores; events beyond the end count like any other.

Memory. Operating points with more than `max_efpr` false positives per hour are never read. A recording that holds no
event of a class gives at least one false positive at every threshold below its best score. So the K-th best
of these best scores, K = 1 + the false positives allowed, is a floor: at or below it no threshold matters, and
frames there are never looked at. Scores that can be walked twice (a sequence, or any object whose `__iter__` starts
afresh, reading files for instance) are: first for the floor, then for the steps above it. A bare iterator is
walked once, its floor rising as it goes, which needs `durations`, and more memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from earmark.errors import DataError
from earmark.labels import Labels
from earmark.metrics.columns import EventLists, Unknown
from earmark.metrics.psd_curves import Curve, CurveSource, EventSource, ScoreSource, Truth, Values, truth_of
from earmark.metrics.psd_roc import PSDS1, PSDS2, PsdsOptions, Roc, class_rocs, mean_roc, order_steps
from earmark.metrics.threshold_steps import Steps, find_steps, join_steps, no_steps
from earmark.scores import Scores

__all__ = [
    "PSDS1",
    "PSDS2",
    "ClassPsds",
    "Psds",
    "PsdsMetrics",
    "PsdsOptions",
    "psds",
    "psds_metrics",
    "psds_of_events",
]

_CELLS_AT_ONCE = 2**20  # scores looked at together
_STEPS_AT_ONCE = 2**23  # new steps after which equal ones are summed


@dataclass(frozen=True, eq=False)
class Psds:
    """A PSDS with the curves it is the area of."""

    value: float  # NaN without any reference event
    roc: Roc  # the mean curve
    per_class: dict[str, float]  # area beneath each class's own curve; NaN for a class without reference events
    class_rocs: dict[str, Roc]  # of the classes with reference events
    merged: int  # reference events joined to another of their class that they overlap or touch


@dataclass(frozen=True)
class ClassPsds:
    """Areas beneath the curves of one class; NaN without reference events."""

    psds1: float
    psds2: float


@dataclass(frozen=True)
class PsdsMetrics:
    """PSDS1 and PSDS2, over all classes and per class."""

    psds1: float
    psds2: float
    merged: int  # reference events joined to another of their class that they overlap or touch
    classes: int  # with reference events: the curves are averaged over them
    per_class: dict[str, ClassPsds]


def psds(
    scores: Iterable[Scores],
    reference: EventLists,
    labels: Labels,
    *,
    options: PsdsOptions = PSDS1,
    durations: Mapping[str, float] | None = None,
    unknown_recordings: Unknown = "error",
) -> Psds:
    """PSDS of frame scores.

    `reference`: {recording: events}; `labels`: the classes to score, each known to the scores; `durations`: seconds
    by recording, needed for recordings without scores. `DataError` where the two sides do not fit.

    >>> from fractions import Fraction
    >>> from earmark.clock import Clock
    >>> from earmark.events import Event
    >>> labels = Labels(["dog"])
    >>> frames = np.float32([[0.1], [0.9], [0.8], [0.2]])
    >>> scores = Scores("a.wav", labels, np.float32([0.9]), frames, Clock(Fraction(1)), 4.0)
    >>> psds([scores], {"a.wav": [Event(1.0, 3.0, "dog")]}, labels).value
    1.0
    """
    source = ScoreSource(scores, labels, durations, unknown_recordings)
    return _psds(source, reference, labels, options)


def psds_metrics(
    scores: Iterable[Scores],
    reference: EventLists,
    labels: Labels,
    *,
    durations: Mapping[str, float] | None = None,
    unknown_recordings: Unknown = "error",
) -> PsdsMetrics:
    """PSDS1 and PSDS2 of frame scores that can be walked again (see `psds`)."""
    if isinstance(scores, Iterator):
        raise ValueError("scores are iterated several times; pass a sequence, or an object whose __iter__ starts again")
    one, two = (
        psds(scores, reference, labels, options=options, durations=durations, unknown_recordings=unknown_recordings)
        for options in (PSDS1, PSDS2)
    )
    per_class = {name: ClassPsds(one.per_class[name], two.per_class[name]) for name in labels}
    return PsdsMetrics(one.value, two.value, one.merged, len(one.class_rocs), per_class)


def psds_of_events(
    events: EventLists,
    reference: EventLists,
    labels: Labels,
    durations: Mapping[str, float],
    *,
    options: PsdsOptions = PSDS1,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> Psds:
    """PSDS of scored events with fixed extents; `DataError` for an event without a score.

    >>> from earmark.events import Event
    >>> found = {"a.wav": [Event(1.0, 3.0, "dog", 0.9), Event(5.0, 6.0, "dog", 0.3)]}
    >>> psds_of_events(found, {"a.wav": [Event(1.2, 3.0, "dog")]}, Labels(["dog"]), {"a.wav": 10.0}).value
    1.0
    """
    source = EventSource(events, labels, durations, unknown_labels, unknown_recordings)
    return _psds(source, reference, labels, options)


def _psds(source: CurveSource, reference: EventLists, labels: Labels, options: PsdsOptions) -> Psds:
    truth = truth_of(reference, labels)
    found = collect_steps(
        source,
        truth,
        dtc=options.dtc,
        gtc=options.gtc,
        cttc=options.cttc if options.alpha_ct else None,
        most_false=options.max_efpr / options.unit,
    )
    curves = class_rocs(order_steps(found.steps), truth, options, found.duration)
    rocs = {name: roc for name, roc in zip(truth.labels, curves, strict=True) if roc}
    mean = mean_roc(curves, options.alpha_st)
    areas = {name: rocs[name].area(options.max_efpr) if name in rocs else float("nan") for name in labels}
    return Psds(mean.area(options.max_efpr), mean, areas, rocs, truth.merged)


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
