"""Intersection-based F1: how much of each event was found, and how much of each report was right.

Onsets and offsets of many sounds are a matter of taste; what two listeners agree on is the overlap. With |.| a
length in seconds, for one class in one recording:

    DTC   a report d is relevant if     |d in the class's reference events| >= dtc * |d|
    GTC   an event g is found (TP) if   |g in the relevant reports|         >= gtc * |g|
    FP    a report that is not relevant
    CTTC  a false report d is a cross trigger of another class o if   |d in o's reference events| >= cttc * |d|

    precision = TP / (TP + FP)    recall = TP / reference    F1 = 2 TP / (TP + FP + reference)
    error rate = (deletions + insertions) / reference,   deletions = reference - TP, insertions = FP

Relevant reports need not add up to found events: a report can be neither TP nor FP. Paper: Bilen, Ferroni,
Tuveri, Azcarreta, Krstulovic 2020, "A Framework for the Robust Evaluation of Sound Event Detection", ICASSP,
arXiv:1910.08440. The numbers are those of sed_scores_eval 0.0.4 (`intersection_based.fscore`). Edges:

- Both sides of a criterion are rounded to a microsecond, as there, so that a tie on paper is a tie here; and an
  intersection counts from 1 microsecond on.
- Overlapping or touching events of one label are one event, in the reference (`merged` says how many were joined; there
  it is an error) and in the estimate (where two touching runs of frames are one run).
- Events of no length are left out; events beyond a recording's end count like any other, there as here.
- Macro F1 is the mean over classes with reference events. A class never reported has F1 0 and no precision (NaN;
  1 in sed_scores_eval). A class without reference events has no F1 (there an error).
- Missing and unknown recordings, unknown labels: see `columns`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.labels import Labels
from earmark.metrics.columns import Columns, EventLists, Unknown, merge_events, pair
from earmark.metrics.rates import ratio, sum_by

_PER_SECOND = 1e6  # criteria are compared in whole microseconds
_PAIRS_AT_ONCE = 2**20  # bounds memory: events of one recording are compared all with all


@dataclass(frozen=True)
class Criteria:
    """Which shares of an event must be covered; each in (0, 1]. The defaults are those of DESED's F1."""

    dtc: float = 0.5  # detection tolerance: of a report, by its class's reference
    gtc: float = 0.5  # ground truth intersection: of a reference event, by relevant reports
    cttc: float = 0.3  # cross trigger tolerance: of a false report, by another class's reference

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in (self.dtc, self.gtc, self.cttc)):
            raise ValueError(f"criteria are shares above 0 and up to 1, got {self}")


@dataclass(frozen=True)
class ClassIntersections:
    """Intersection-based results of one class."""

    f1: float
    precision: float
    recall: float
    error_rate: float
    deletions: int  # reference events not found
    insertions: int  # false reports
    cross_triggers: int  # false reports on another class, counted once for each
    reference: int  # events
    estimated: int  # events


@dataclass(frozen=True)
class IntersectionMetrics:
    """Intersection-based results: macro F1, the rest over all classes (micro average), and per class."""

    macro_f1: float
    micro_f1: float
    precision: float
    recall: float
    error_rate: float
    deletions: int
    insertions: int
    cross_triggers: int
    reference: int
    estimated: int
    merged: int  # reference events joined to another of their class that they overlap or touch
    classes: int  # with reference events: macro F1 is their mean
    per_class: dict[str, ClassIntersections]


def intersection_metrics(
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    *,
    criteria: Criteria | None = None,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> IntersectionMetrics:
    """Intersection-based F1 of an estimate.

    `reference`, `estimated`: {recording: events}. `DataError` where the two sides do not fit (see `columns`).

    >>> from earmark.events import Event
    >>> reference = {"a.wav": [Event(1.0, 3.0, "dog"), Event(4.0, 9.0, "cat")]}
    >>> found = intersection_metrics(reference, {"a.wav": [Event(1.5, 3.5, "dog")]}, Labels(["cat", "dog"]))
    >>> found.macro_f1, found.precision, found.recall
    (0.5, 1.0, 0.5)
    """
    both = pair(reference, estimated, labels, unknown_labels, unknown_recordings)
    criteria = criteria or Criteria()
    truth, merged = merge_events(both.reference)
    reports, _ = merge_events(both.estimated)
    relevant, covered, triggers = _intersect(truth, reports, both.label_count, criteria)
    found = reaches(covered, criteria.gtc, truth.offset - truth.onset)
    columns = truth.label[found], truth.label, reports.label[~relevant], reports.label
    counts = [np.bincount(column, minlength=both.label_count) for column in columns]
    counts.append(np.bincount(np.repeat(reports.label, triggers), minlength=both.label_count))
    per_class = {name: _of_class(*row) for name, *row in zip(labels, *(part.tolist() for part in counts), strict=False)}
    scored = [row.f1 for row in per_class.values() if row.reference]
    micro = asdict(_of_class(*(int(part.sum()) for part in counts)))
    return IntersectionMetrics(
        macro_f1=ratio(sum(scored), len(scored)),
        micro_f1=micro.pop("f1"),
        merged=merged,
        classes=len(scored),
        per_class=per_class,
        **micro,
    )


def reaches(part: DoubleArray, share: float, whole: DoubleArray) -> BoolArray:
    """Whether seconds `part` are at least `share` of seconds `whole`, in whole microseconds and at least one.

    >>> reaches(np.array([0.3, 0.0]), 0.1, np.array([3.0, 0.0])).tolist()
    [True, False]
    """
    reached: BoolArray = np.rint(part * _PER_SECOND) >= np.maximum(np.rint(share * whole * _PER_SECOND), 1)
    return reached


def _intersect(
    truth: Columns, reports: Columns, width: int, criteria: Criteria
) -> tuple[BoolArray, DoubleArray, IntArray]:
    """Which reports are relevant; seconds of each reference event covered by them; each report's cross triggers."""
    length = reports.offset - reports.onset
    relevant = np.zeros(len(length), dtype=np.bool_)
    covered = np.zeros(len(truth.label))
    triggers = np.zeros(len(length), dtype=np.int64)
    for report, event in _pairs(reports, truth):
        shared = np.minimum(reports.offset[report], truth.offset[event])
        shared = np.maximum(shared - np.maximum(reports.onset[report], truth.onset[event]), 0.0)
        same = reports.label[report] == truth.label[event]
        total = sum_by(report[same], shared[same], len(length))
        here = reaches(total, criteria.dtc, length)
        relevant |= here
        counts = same & here[report]
        covered += sum_by(event[counts], shared[counts], len(covered))
        other = ~same & ~here[report]
        cells, place = np.unique(report[other] * width + truth.label[event[other]], return_inverse=True)
        crossed = reaches(sum_by(place, shared[other], len(cells)), criteria.cttc, length[cells // width])
        triggers += np.bincount(cells[crossed] // width, minlength=len(length))
    return relevant, covered, triggers


def _pairs(reports: Columns, truth: Columns) -> Iterator[tuple[IntArray, IntArray]]:
    """All pairs (report, event) within a recording, a report's all in one block of bounded size."""
    begin = np.searchsorted(truth.recording, reports.recording, side="left")
    count = np.searchsorted(truth.recording, reports.recording, side="right") - begin
    block = np.cumsum(count) // _PAIRS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(count)]
    for first, last in pairwise(cuts):
        n = count[first:last]
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield np.repeat(np.arange(first, last), n), np.repeat(begin[first:last], n) + within


def _of_class(tp: int, reference: int, fp: int, estimated: int, cross_triggers: int) -> ClassIntersections:
    return ClassIntersections(
        f1=ratio(2 * tp, tp + fp + reference if reference else 0),
        precision=ratio(tp, tp + fp),
        recall=ratio(tp, reference),
        error_rate=ratio(reference - tp + fp, reference),
        deletions=reference - tp,
        insertions=fp,
        cross_triggers=cross_triggers,
        reference=reference,
        estimated=estimated,
    )
