"""Event-based F1 and error rate: was each event found, with its beginning and its end?

An estimated event finds a reference event of its class if its onset is within `Collars.onset` seconds of the
reference's and its offset within max(`Collars.offset`, `Collars.offset_share` * length of the reference
event). Each event is used once. With Nref, Nsys, Ntp events in the reference, in the estimate and found:

    precision = Ntp / Nsys    recall = Ntp / Nref
    error rate = (substitutions + deletions + insertions) / Nref

Substitutions are left over events of both sides that fit in time but not in class, paired first come first
served; deletions and insertions are what then remains. One class alone has no substitutions. Paper:
Mesaros, Heittola, Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6(6):162.
The numbers are those of sed_eval 0.2.1 (`EventBasedMetrics`), whose matching is "optimal" (as many pairs as
possible) unless "greedy" is asked for; its own default for `percentage_of_length` is 0.5, DCASE uses the
0.2 that is the default here. Edges:

- An event of no length (a row `0 0 label`) is an event like any other, here as there: it can be found or
  missed.
- Overlapping events of one class are not merged: each is an event.
- F1 and precision of an empty estimate are NaN and its error rate is 1 (see `rates`).
- Differs from sed_eval: with no reference events at all the error rate is NaN, not 0 or an astronomic number.
- Differs from sed_eval: times are compared to the nanosecond. An onset exactly at the collar (0.9 against 0.7 s with
  0.2 s) fits here; there it depends on how the decimals round in binary.
- `macro_f1` is the mean F1 over the classes with reference events (`classes` of them); a class that is never reported
  counts as 0. Differs from sed_eval, whose class-wise average leaves such a class out.
- Missing and unknown recordings, unknown labels: see `columns`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray, IntArray
from earmark.labels import Labels
from earmark.metrics.columns import NANOSECOND, Columns, EventLists, Pair, Unknown, nanoseconds, pair
from earmark.metrics.matching import match_pairs
from earmark.metrics.rates import class_rates, f1_score, ratio

Times = tuple[DoubleArray, DoubleArray]  # seconds: onsets, offsets
_PAIRS_AT_ONCE = 2**20  # bounds memory: events of one recording are compared all with all


@dataclass(frozen=True)
class ClassEvents:
    """Event-based results of one class."""

    f1: float
    precision: float
    recall: float
    error_rate: float
    deletions: int
    insertions: int
    reference: int  # events
    estimated: int  # events


@dataclass(frozen=True)
class EventMetrics:
    """Event-based results over all classes (micro average), and per class; counts of events."""

    f1: float
    macro_f1: float  # mean over the classes with reference events
    precision: float
    recall: float
    error_rate: float
    substitutions: int
    deletions: int
    insertions: int
    reference: int
    estimated: int
    classes: int  # with reference events
    per_class: dict[str, ClassEvents]


@dataclass(frozen=True)
class Collars:
    """When two events count as the same in time."""

    onset: float = 0.2  # seconds the onset may be off
    offset: float = 0.2  # seconds the offset may be off
    offset_share: float = 0.2  # or this share of the reference event's length, whichever is more
    evaluate_onset: bool = True
    evaluate_offset: bool = True

    def __post_init__(self) -> None:
        if min(self.onset, self.offset, self.offset_share) < 0:
            raise ValueError(f"a collar cannot be negative: {self}")
        if not (self.evaluate_onset or self.evaluate_offset):
            raise ValueError("events must be compared by onset, offset or both")


def event_metrics(
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    *,
    collars: Collars | None = None,
    matching: Literal["optimal", "greedy"] = "optimal",
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> EventMetrics:
    """Event-based F1 and error rate of an estimate.

    `reference`, `estimated`: {recording: events}. `DataError` where the two sides do not fit (see `columns`).

    >>> from earmark.events import Event
    >>> reference = {"a.wav": [Event(1.0, 2.0, "dog"), Event(4.0, 9.0, "cat")]}
    >>> found = event_metrics(reference, {"a.wav": [Event(1.1, 2.1, "dog")]}, Labels(["cat", "dog"]))
    >>> found.precision, found.recall, found.deletions
    (1.0, 0.5, 1)
    """
    both = pair(reference, estimated, labels, unknown_labels, unknown_recordings)
    near_reference, near_estimated = _near(both, collars or Collars())
    same = both.reference.label[near_reference] == both.estimated.label[near_estimated]
    hits = near_estimated[same], near_reference[same]
    found_estimated, found_reference = match_pairs(*hits, matching)
    left_over = ~(np.isin(near_estimated, found_estimated) | np.isin(near_reference, found_reference))
    swapped, _ = match_pairs(near_estimated[left_over], near_reference[left_over], "greedy")
    return _results(labels, both, found_reference, len(swapped))


def _near(both: Pair, collars: Collars) -> tuple[IntArray, IntArray]:
    """Indices of reference and estimated events of one recording that fit in time, whatever their class."""
    near = [
        tuple(index[_fit(both, reference, estimated, collars)] for index in (reference, estimated))
        for reference, estimated in _candidates(both.reference, both.estimated)
    ]
    none = np.zeros(0, dtype=np.int64)
    reference, estimated = zip(*near, strict=True) if near else ((none,), (none,))
    return np.concatenate(reference), np.concatenate(estimated)


def _candidates(reference: Columns, estimated: Columns) -> Iterator[tuple[IntArray, IntArray]]:
    """All pairs of events within a recording, in order of the reference, in blocks of bounded size."""
    begin = np.searchsorted(estimated.recording, reference.recording, side="left")
    count = np.searchsorted(estimated.recording, reference.recording, side="right") - begin
    block = np.cumsum(count) // _PAIRS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(count)]
    for first, last in pairwise(cuts):
        n = count[first:last]
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)  # 0, 1, .. of each reference event
        yield np.repeat(np.arange(first, last), n), np.repeat(begin[first:last], n) + within


def _fit(both: Pair, reference: IntArray, estimated: IntArray, collars: Collars) -> npt.NDArray[np.bool_]:
    """Whether the times of these pairs fit; (pairs,)."""
    truth, found = both.reference, both.estimated
    return within_collars(
        (truth.onset[reference], truth.offset[reference]), (found.onset[estimated], found.offset[estimated]), collars
    )


def within_collars(reference: Times, estimated: Times, collars: Collars) -> npt.NDArray[np.bool_]:
    """Whether each estimated event (onsets, offsets) fits the reference event of its place; (pairs,).

    Compared in whole nanoseconds: an onset exactly at the collar fits.

    >>> one, other = (np.array([0.7]), np.array([2.0])), (np.array([0.9]), np.array([2.26]))
    >>> within_collars(one, other, Collars()).tolist()
    [True]
    """
    onset, offset = (nanoseconds(side) for side in reference)
    fits = np.ones(len(onset), dtype=np.bool_)
    if collars.evaluate_onset:
        fits &= np.abs(onset - nanoseconds(estimated[0])) <= np.rint(collars.onset / NANOSECOND)
    if collars.evaluate_offset:
        allowed = np.maximum(collars.offset / NANOSECOND, collars.offset_share * (offset - onset))
        fits &= np.abs(offset - nanoseconds(estimated[1])) <= np.rint(allowed)
    return fits


def _results(labels: Labels, both: Pair, found: IntArray, substitutions: int) -> EventMetrics:
    reference, estimated, tp = len(both.reference.label), len(both.estimated.label), len(found)
    deletions, insertions = reference - tp - substitutions, estimated - tp - substitutions
    precision, recall = ratio(tp, estimated), ratio(tp, reference)
    counts = (
        np.bincount(column, minlength=both.label_count).tolist()
        for column in (both.reference.label[found], both.reference.label, both.estimated.label)
    )
    per_class = {name: ClassEvents(*class_rates(*row)) for name, *row in zip(labels, *counts, strict=False)}
    known = [0.0 if math.isnan(row.f1) else row.f1 for row in per_class.values() if row.reference]
    return EventMetrics(
        f1=f1_score(precision, recall),
        macro_f1=ratio(math.fsum(known), len(known)),
        precision=precision,
        recall=recall,
        error_rate=ratio(substitutions + deletions + insertions, reference),
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
        reference=reference,
        estimated=estimated,
        classes=len(known),
        per_class=per_class,
    )
