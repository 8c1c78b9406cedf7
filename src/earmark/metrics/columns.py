"""Event lists as columns, reference and estimate brought to the same recordings and labels.

Every metric over events begins here. What the two sides disagree on is settled in one place and never
silently:

- A recording that only the reference knows counts as estimated with no events: all it holds is missed.
- A recording or label that only the estimate knows is a `DataError` (`unknown_...="error"`, the default),
  left out (`"ignore"`), or counted (`"count"`): its events are then insertions, and its label has no row per
  class.
- A reference label outside `labels` is always a `DataError`.
- Times that are not finite, negative, beyond `LATEST`, or run backwards are a `DataError`.

Times are compared to the nanosecond (`NANOSECOND`): numbers that differ by less than half of one are the same instant.
So 0.9 s is 0.2 s after 0.7 s, as it is on paper, though not in binary fractions.

Metrics that measure how much of one event lies in another must not count a second twice: `merge_events` joins events of
one recording and one label that overlap or touch, and leaves out events of no length (a row `0 0 label`), which nothing
can intersect. It says how many it joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from earmark.arrays import DoubleArray, IntArray
from earmark.errors import DataError, did_you_mean
from earmark.events import Event
from earmark.labels import Labels

Unknown = Literal["error", "ignore", "count"]
EventLists = Mapping[str, Sequence[Event]]

NANOSECOND = 1e-9  # seconds
LATEST = 9e9  # seconds, 285 years: up to here nanoseconds are 64-bit integers


def nanoseconds(seconds: DoubleArray) -> IntArray:
    """Seconds in whole nanoseconds.

    >>> nanoseconds(np.array([0.9])) - nanoseconds(np.array([0.7])) <= nanoseconds(np.array([0.2]))
    array([ True])
    """
    return np.asarray(np.rint(seconds / NANOSECOND), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Columns:
    """Events as four columns (events,), ordered by recording and within it as given."""

    recording: IntArray  # index into Pair.recordings
    label: IntArray  # index into the labels; from len(labels) on: unknown ones that count
    onset: DoubleArray  # seconds
    offset: DoubleArray  # seconds


@dataclass(frozen=True, eq=False)
class Pair:
    """Reference and estimate over the same recordings."""

    recordings: tuple[str, ...]
    label_count: int  # labels, with the unknown ones that count
    reference: Columns
    estimated: Columns


def pair(
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> Pair:
    """Bring reference and estimate to the same recordings and labels, by the rules above."""
    recordings = pair_recordings(reference, estimated, unknown_recordings)
    numbers = {name: number for number, name in enumerate(labels)}
    check_labels("reference", reference, recordings, numbers)
    if unknown_labels == "error":
        check_labels("estimated", estimated, recordings, numbers)
    reference_columns = _columns("reference", reference, recordings, numbers)
    if unknown_labels == "count":
        for name in recordings:
            for event in estimated.get(name, ()):
                numbers.setdefault(event.label, len(numbers))
    return Pair(recordings, len(numbers), reference_columns, _columns("estimated", estimated, recordings, numbers))


def pair_recordings(
    reference: Mapping[str, object], estimated: Mapping[str, object], unknown: Unknown = "error"
) -> tuple[str, ...]:
    """The recordings to be compared, the reference's first; `unknown` says what becomes of the others, as above."""
    extra = [name for name in estimated if name not in reference]
    if extra and unknown == "error":
        raise DataError(
            f"{len(extra)} estimated recording(s) are not in the reference, first {extra[0]!r}"
            f"{did_you_mean(extra[0], reference)}"
        )
    return (*reference, *extra) if unknown == "count" else tuple(reference)


def check_labels(side: str, events: EventLists, recordings: Iterable[str], known: Mapping[str, int]) -> None:
    """`DataError` for the first event whose label is not known."""
    for name in recordings:
        for event in events.get(name, ()):
            if event.label not in known:
                raise DataError(f"{side} {name}: unknown label {event.label!r}{did_you_mean(event.label, known)}")


def _columns(side: str, events: EventLists, recordings: Sequence[str], numbers: Mapping[str, int]) -> Columns:
    rows = [
        (index, numbers[event.label], event.onset, event.offset)
        for index, name in enumerate(recordings)
        for event in events.get(name, ())
        if event.label in numbers
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    recording, label = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    onset, offset = table[:, 2].copy(), table[:, 3].copy()
    good = (onset >= 0) & (offset >= onset) & (offset <= LATEST)  # false for NaN too
    if not good.all():
        first = int(np.argmin(good))
        raise DataError(
            f"{side} {recordings[recording[first]]}: event from {onset[first]:g} to {offset[first]:g} s; expected "
            f"seconds from 0 to {LATEST:g}, and the offset not before the onset"
        )
    return Columns(recording, label, onset, offset)


def merge_events(events: Columns) -> tuple[Columns, int]:
    """Disjoint events ordered by recording, label and onset; and how many were joined to another.

    >>> rows = np.zeros(3, dtype=np.int64)
    >>> merged, joined = merge_events(Columns(rows, rows, np.array([0.0, 4, 1]), np.array([2.0, 5, 3])))
    >>> merged.onset.tolist(), merged.offset.tolist(), joined
    ([0.0, 4.0], [3.0, 5.0], 1)

    Within a group the running maximum of the offsets says whether the next onset falls into what came before. To run
    over all groups in one pass without adding group numbers to seconds (which would round them) the offsets are
    replaced by their ranks, whole numbers.
    """
    lasting = events.offset > events.onset
    order = np.lexsort((events.onset[lasting], events.label[lasting], events.recording[lasting]))
    recording, label = events.recording[lasting][order], events.label[lasting][order]
    onset, offset = events.onset[lasting][order], events.offset[lasting][order]
    if not len(onset):
        return Columns(recording, label, onset, offset), 0
    fresh = np.concatenate(([True], (recording[1:] != recording[:-1]) | (label[1:] != label[:-1])))
    base = (np.cumsum(fresh) - 1) * len(offset)
    by_offset = np.argsort(offset, kind="stable")
    rank = np.empty(len(offset), dtype=np.int64)
    rank[by_offset] = np.arange(len(offset))
    latest = offset[by_offset[np.maximum.accumulate(base + rank) - base]]  # of the group so far
    begins = fresh.copy()
    begins[1:] |= onset[1:] > latest[:-1]
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:], len(onset)) - 1
    return Columns(recording[heads], label[heads], onset[heads], latest[tails]), len(onset) - len(heads)
