"""Counting runs against reference events, all recordings and classes at once.

A counter weighs the runs of a `Timeline`: of each run, how many units it adds to what is reported, and how many of
these are right. `count_runs` sums these weights to counts (gates, folds, classes, 3) of true positives, false
positives, false negatives; gate 0 takes all runs, gate 1 those of clips that pass (see `Timeline.passes`).

`SegmentCounter`  segments of 1 s, by the rules of `metrics.segment`: a segment is active if an event touches it
`EventCounter`    whole events, by the rules of `metrics.event`: one is found if its onset lies within a collar of the
                  reference's and its offset within the larger of a collar and a share of the reference's length; pairs
                  are matched so that as many as possible are found
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.arrays import IntArray
from earmark.decisions.segments import Runs
from earmark.decisions.tuning.aims import Counts
from earmark.decisions.tuning.timeline import Timeline
from earmark.metrics.event import Collars, within_collars
from earmark.metrics.matching import match_pairs
from earmark.metrics.segment import touched

Weights = npt.NDArray[np.int64]


class Counter(Protocol):
    """Weighs runs against the references it was made with."""

    there: IntArray  # (folds, classes) units in the references

    def on(self, line: Timeline) -> Counter:
        """The same counter for the same recordings, laid out in another way."""

    def weigh(self, runs: Runs) -> tuple[Weights, Weights]:
        """Of each run (runs,): units that are right, units in all.

        Runs of one class and recording stand together, in order of time, and do not overlap.
        """


def count_runs(line: Timeline, counter: Counter, runs: Runs, gated: bool = False) -> Counts:
    """Counts (gates, folds, classes, 3); one gate, or two."""
    classes, recording = len(line.labels), line.recording[runs.first]
    cell = line.fold[recording] * classes + runs.column
    hits, size = counter.weigh(runs)
    passes = line.passes[recording, runs.column] if gated else None
    counts = np.empty((1 + gated, line.folds, classes, 3))  # filled in place: a sweep calls this very often
    for gate, (right, found, missed) in enumerate(counts.transpose(0, 3, 1, 2)):
        for weight, into in ((hits, right), (size, found)):
            weight = weight if passes is None or not gate else weight * passes
            into[:] = np.bincount(cell, weight, line.folds * classes).reshape(-1, classes)
        found -= right
        np.subtract(counter.there, right, out=missed)
    return counts


class SegmentCounter:
    """Segments of `length` seconds; those of all recordings stand in one row a class.

    What a reference holds beyond the end of its recording no run can reach: it is missed, and only counted (`outside`).
    """

    def __init__(self, line: Timeline, length: float = 1.0) -> None:
        self._length = length
        durations = np.array([scores.duration for scores in line.scores])
        self.sizes = touched(durations, durations, length)[1]  # segments of each recording
        start = np.cumsum(self.sizes) - self.sizes
        first, last = touched(line.begins, line.ends, length)
        self.first, self.last = start[line.recording] + first, start[line.recording] + last  # (places,)
        self.truth = np.zeros((len(line.labels), int(self.sizes.sum())), dtype=np.bool_)
        self.outside = np.zeros((line.folds, len(line.labels)), dtype=np.int64)
        for recording, events in enumerate(line.references):
            size, place, fold = int(self.sizes[recording]), int(start[recording]), line.fold[recording]
            counted = dict.fromkeys(range(len(line.labels)), size)  # up to which segment, by class
            for event in sorted(events):
                column = line.labels.index(event.label)
                since, until = (
                    int(end[0]) for end in touched(np.array([event.onset]), np.array([event.offset]), length)
                )
                self.truth[column, place + since : place + min(until, size)] = True
                self.outside[fold, column] += max(0, until - max(since, counted[column]))
                counted[column] = max(counted[column], until)
        self._before = np.zeros((self.truth.shape[0], self.truth.shape[1] + 1), dtype=np.int32)
        np.cumsum(self.truth, axis=1, out=self._before[:, 1:])  # [c, i]: active segments before the i-th
        segment_fold = np.repeat(line.fold, self.sizes)
        within = [self.truth[:, segment_fold == fold].sum(axis=1) for fold in range(line.folds)]
        self.there = np.stack(within) + self.outside

    def on(self, line: Timeline) -> SegmentCounter:
        """The same counter for the same recordings, laid out in another way."""
        return SegmentCounter(line, self._length)

    def weigh(self, runs: Runs) -> tuple[Weights, Weights]:
        """Of each run: segments that are active in the reference too, and segments; none counted for two runs."""
        first, last = self.first[runs.first], self.last[runs.last - 1]
        shared = runs.column[1:] == runs.column[:-1]  # a segment that the run before has already
        np.maximum(first[1:], last[:-1], out=first[1:], where=shared)
        hits = self._before[runs.column, last] - self._before[runs.column, first]
        return hits, last - first


class EventCounter:
    """Events matched by onset and offset."""

    def __init__(self, line: Timeline, collar: float = 0.2, share: float = 0.2) -> None:
        rows = sorted(
            (line.labels.index(event.label), recording, event.onset, event.offset)
            for recording, events in enumerate(line.references)
            for event in events
        )
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        column, recording = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        self._line, self._collars = line, Collars(collar, collar, share)
        self._onset, self._offset = table[:, 2], table[:, 3]
        # One number orders class, recording and onset: each (class, recording) has a stretch of its own. Events that
        # begin beyond the end of all recordings, which no run can find, stand at the end of theirs.
        self._stretch = float(line.ends.max(initial=1.0)) + 2 * collar + 2
        self._place = self._key(column, recording) * self._stretch + np.minimum(self._onset, self._stretch - 1)
        classes = len(line.labels)
        cell = line.fold[recording] * classes + column
        self.there = np.bincount(cell, minlength=line.folds * classes).reshape(-1, classes)

    def on(self, line: Timeline) -> EventCounter:
        """The same counter for the same recordings, laid out in another way."""
        return EventCounter(line, self._collars.onset, self._collars.offset_share)

    def weigh(self, runs: Runs) -> tuple[Weights, Weights]:
        """Of each run: 1 where it is matched, else 0; and 1."""
        recording = self._line.recording[runs.first]
        onset, offset = self._line.begins[runs.first], self._line.ends[runs.last - 1]
        place = self._key(runs.column, recording) * self._stretch + onset
        margin = self._collars.onset + 1e-3  # the exact test follows
        low = np.searchsorted(self._place, place - margin)
        near = np.searchsorted(self._place, place + margin, side="right") - low
        found = np.repeat(np.arange(len(runs)), near)
        there = np.arange(len(found)) - np.repeat(np.cumsum(near) - near, near) + np.repeat(low, near)
        times = (self._onset[there], self._offset[there]), (onset[found], offset[found])
        fits = within_collars(*times, self._collars)
        hits = np.zeros(len(runs), dtype=np.int64)
        hits[match_pairs(found[fits], there[fits])[0]] = 1
        return hits, np.ones(len(runs), dtype=np.int64)

    def _key(self, column: IntArray, recording: IntArray) -> IntArray:
        return column * len(self._line.fold) + recording
