"""Counting runs against reference events, all recordings and classes at once.

A counter takes the runs of a `Timeline` and gives counts (folds, classes, 3): true positives, false
positives, false negatives.

`SegmentCounter`  segments of 1 s, as sed_eval: a segment is active if any part of an event touches it, that
                  is from floor(onset / length) to ceil(offset / length)
`EventCounter`    whole events, as sed_eval: one is found if its onset lies within a collar of the reference's
                  and its offset within the larger of a collar and a share of the reference's length; pairs
                  are matched so that as many as possible are found (a maximum matching)
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.decisions.segments import BoolArray, IntArray, Runs
from earmark.decisions.tuning.aims import Counts
from earmark.decisions.tuning.timeline import Timeline


class Counter(Protocol):
    """Counts runs against the references it was made with."""

    def count(self, runs: Runs) -> Counts:
        """Counts (folds, classes, 3)."""


class SegmentCounter:
    """Segments of `length` seconds; those of all recordings stand in one row a class."""

    def __init__(self, line: Timeline, length: float = 1.0) -> None:
        last = [
            max([scores.duration, *(event.offset for event in events)])
            for scores, events in zip(line.scores, line.references, strict=True)
        ]
        sizes = np.ceil(np.array(last) / length).astype(np.int64)
        start = np.cumsum(sizes) - sizes
        self._total, self._classes = int(sizes.sum()), len(line.labels)
        self._first = start[line.recording] + np.floor(line.begins / length).astype(np.int64)
        self._last = start[line.recording] + np.ceil(line.ends / length).astype(np.int64)
        filled = np.flatnonzero(np.bincount(line.fold, weights=sizes, minlength=line.folds) > 0)
        self._folds, self._filled = line.folds, filled
        self._bounds = np.searchsorted(np.repeat(line.fold, sizes), filled)
        self._truth = np.zeros((self._classes, self._total), dtype=np.bool_)
        for events, place in zip(line.references, start.tolist(), strict=True):
            for event in events:
                since, until = np.floor(event.onset / length), np.ceil(event.offset / length)
                self._truth[line.labels.index(event.label), place + int(since) : place + int(until)] = True
        self._there = self._by_fold(self._truth)

    def count(self, runs: Runs) -> Counts:
        """Counts of segments (folds, classes, 3)."""
        row = runs.column * (self._total + 1)
        size = self._classes * (self._total + 1)
        change = np.bincount(row + self._first[runs.first], minlength=size)
        change -= np.bincount(row + self._last[runs.last - 1], minlength=size)
        active = np.cumsum(change).reshape(self._classes, -1)[:, :-1] > 0
        hits = self._by_fold(active & self._truth)
        return np.stack([hits, self._by_fold(active) - hits, self._there - hits], axis=-1)

    def _by_fold(self, active: BoolArray) -> npt.NDArray[np.float64]:
        counts = np.zeros((self._folds, self._classes))
        if self._total:
            counts[self._filled] = np.add.reduceat(active, self._bounds, axis=1, dtype=np.int64).T
        return counts


class EventCounter:
    """Events matched by onset and offset."""

    def __init__(self, line: Timeline, collar: float = 0.2, share: float = 0.2) -> None:
        rows = sorted(
            (line.labels.index(event.label), recording, event.onset, event.offset)
            for recording, events in enumerate(line.references)
            for event in events
        )
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        self._line, self._collar = line, collar
        self._column, self._recording = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        self._onset, self._offset = table[:, 2], table[:, 3]
        self._reach = np.maximum(collar, share * (self._offset - self._onset))
        # One number orders class, recording and onset: each (class, recording) has a stretch of its own.
        self._stretch = float(max([1.0, *line.ends.tolist(), *self._offset.tolist()])) + 2 * collar + 2
        self._place = self._key(self._column, self._recording) * self._stretch + self._onset
        self._there = self._by_fold(self._column, self._recording)

    def count(self, runs: Runs) -> Counts:
        """Counts of events (folds, classes, 3)."""
        recording = self._line.recording[runs.first]
        onset, offset = self._line.begins[runs.first], self._line.ends[runs.last - 1]
        place = self._key(runs.column, recording) * self._stretch + onset
        margin = self._collar + 1e-3  # the exact test follows
        low = np.searchsorted(self._place, place - margin)
        near = np.searchsorted(self._place, place + margin, side="right") - low
        found = np.repeat(np.arange(len(runs)), near)
        there = np.arange(len(found)) - np.repeat(np.cumsum(near) - near, near) + np.repeat(low, near)
        fits = np.abs(onset[found] - self._onset[there]) <= self._collar
        fits &= np.abs(offset[found] - self._offset[there]) <= self._reach[there]
        matched = maximum_matching(found[fits], there[fits])
        hits = self._by_fold(self._column[matched], self._recording[matched])
        return np.stack([hits, self._by_fold(runs.column, recording) - hits, self._there - hits], axis=-1)

    def _key(self, column: IntArray, recording: IntArray) -> IntArray:
        return column * len(self._line.fold) + recording

    def _by_fold(self, column: IntArray, recording: IntArray) -> npt.NDArray[np.float64]:
        classes = len(self._line.labels)
        cells = self._line.fold[recording] * classes + column
        return np.bincount(cells, minlength=self._line.folds * classes).reshape(-1, classes).astype(np.float64)


def maximum_matching(left: IntArray, right: IntArray) -> IntArray:
    """The right ends (matches,) of a largest set of pairs (left[i], right[i]) in which no end comes twice.

    >>> sorted(maximum_matching(np.array([0, 0, 1]), np.array([5, 6, 5])).tolist())
    [5, 6]
    """
    busy_left = np.bincount(left)[left] > 1 if len(left) else np.zeros(0, dtype=np.bool_)
    busy_right = np.bincount(right)[right] > 1 if len(right) else busy_left
    contested = busy_left | busy_right
    choices: dict[int, list[int]] = {}
    for a, b in zip(left[contested].tolist(), right[contested].tolist(), strict=True):
        choices.setdefault(a, []).append(b)
    holder: dict[int, int] = {}
    for a in choices:
        _augment(a, choices, holder, set())
    return np.concatenate((right[~contested], np.array(sorted(holder), dtype=np.int64)))


def _augment(a: int, choices: dict[int, list[int]], holder: dict[int, int], seen: set[int]) -> bool:
    """Find `a` a partner, moving others to another of theirs where that helps (Kuhn's algorithm)."""
    for b in choices[a]:
        if b not in seen:
            seen.add(b)
            if b not in holder or _augment(holder[b], choices, holder, seen):
                holder[b] = a
                return True
    return False
