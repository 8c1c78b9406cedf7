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

from earmark.labels import Labels
from earmark.metrics.columns import EventLists, FloatArray, Unknown
from earmark.metrics.intersection import sum_by
from earmark.metrics.psd_curves import CurveSource, EventSource, ScoreSource
from earmark.metrics.psd_roc import Rates, Roc, class_roc, cut, mean_roc, order_steps
from earmark.metrics.psd_steps import Found, collect_steps
from earmark.metrics.truth import truth_of
from earmark.scores import Scores


@dataclass(frozen=True)
class PsdsOptions:
    """Which PSDS; the defaults are those of PSDS1."""

    dtc: float = 0.7  # detection tolerance criterion
    gtc: float = 0.7  # ground truth intersection criterion
    cttc: float = 0.3  # cross trigger tolerance criterion; without effect where alpha_ct is 0
    alpha_ct: float = 0.0  # weight of cross triggers
    alpha_st: float = 1.0  # weight of the standard deviation over classes
    max_efpr: float = 100.0  # effective false positives per unit of time up to which the area is taken
    unit: float = 3600.0  # seconds in a unit of time

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in (self.dtc, self.gtc, self.cttc)):
            raise ValueError(f"criteria are shares above 0 and up to 1, got {self}")
        if not (self.alpha_ct >= 0 and self.alpha_st >= 0 and 0 < self.max_efpr < np.inf and 0 < self.unit < np.inf):
            raise ValueError(f"weights must not be negative, max_efpr and unit above 0 and finite, got {self}")


PSDS1 = PsdsOptions()
PSDS2 = PsdsOptions(dtc=0.1, gtc=0.1, alpha_ct=0.5)


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
        raise ValueError("scores are walked several times; give a sequence, or an object whose __iter__ starts afresh")
    one, two = (
        psds(scores, reference, labels, options=options, durations=durations, unknown_recordings=unknown_recordings)
        for options in (PSDS1, PSDS2)
    )
    per_class = {name: ClassPsds(one.per_class[name], two.per_class[name]) for name in labels}
    return PsdsMetrics(one.value, two.value, one.merged, per_class)


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
    return psds_of_steps(
        collect_steps(
            source,
            truth,
            dtc=options.dtc,
            gtc=options.gtc,
            cttc=options.cttc if options.alpha_ct else None,
            most_false=options.max_efpr / options.unit,
        ),
        labels,
        options,
    )


def psds_of_steps(found: Found, labels: Labels, options: PsdsOptions) -> Psds:
    """The score from the steps of all recordings."""
    truth, steps = found.truth, order_steps(found.steps)
    count, seconds = event_totals(found)
    rates = Rates(count, seconds, found.duration, options.unit, options.alpha_ct)
    bounds = np.searchsorted(steps.column, np.arange(len(truth.labels) + 1))
    rocs = {}
    for column, name in enumerate(truth.labels):
        of = slice(bounds[column], bounds[column + 1])
        roc = class_roc(steps.score[of], steps.kind[of], steps.amount[of], count[column], rates)
        rocs[name] = cut(roc, options.max_efpr)
    mean = mean_roc(list(rocs.values()), options.alpha_st)
    areas = {name: rocs[name].area(options.max_efpr) if name in rocs else float("nan") for name in labels}
    return Psds(mean.area(options.max_efpr), mean, areas, rocs, truth.merged)


def event_totals(found: Found) -> tuple[FloatArray, FloatArray]:
    """Reference events of each class, and their seconds; (columns,) each."""
    label, columns = found.truth.events.label, len(found.truth.labels)
    return sum_by(label, np.ones(len(label)), columns), sum_by(label, found.truth.seconds, columns)
