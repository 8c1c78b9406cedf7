"""Frames to events: runs above thresholds, gaps filled, short ones dropped, frames turned into seconds.

A `Runs` holds many runs of frames at once, of any class (and, in tuning, of many recordings laid end to end),
so that every step is a handful of array operations. The order of steps:

1. hysteresis: a run lasts while the curve stays at or above `offset` and counts if it reaches `onset`
   somewhere;
2. runs of one class closer than `min_duration_off` are joined;
3. runs shorter than `min_duration_on` are dropped;
4. frames become seconds on the recording's edges: onset is the begin of the first frame, offset the end of
   the last, never beyond the recording's end; pads are added last, and what then overlaps is joined.

Durations are compared in whole frames, exactly: a run of 5 frames of 40 ms is not shorter than 0.2 s.
(pyannote pads before steps 2 and 3; here a duration is always one that the model scored.)

The score of an event is the *largest* value of the smoothed curve within: no part of it would be left were
`onset` above that, so dropping events by score never drops one that a higher `onset` would have kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from earmark.arrays import BoolArray, FloatArray, IntArray
from earmark.events import Event, merge_overlapping
from earmark.scores import Scores

FLOOR = np.float32(-1)  # below every probability: ends each class (and recording) in a padded curve


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of frames, ordered by column, then time; four arrays (runs,)."""

    column: IntArray  # class
    first: IntArray  # first frame
    last: IntArray  # one past the last frame
    score: FloatArray

    def __len__(self) -> int:
        return len(self.column)

    def where(self, keep: BoolArray | IntArray) -> Runs:
        """The runs that a mask or an index picks."""
        return Runs(self.column[keep], self.first[keep], self.last[keep], self.score[keep])

    def grouped(self, begins: BoolArray) -> Runs:
        """One run of each group of neighbours, with its best score; `begins` (runs,) says where a group begins."""
        heads = np.flatnonzero(begins)
        tails = np.append(heads[1:], len(self)) - 1
        best = np.maximum.reduceat(self.score, heads)
        return Runs(self.column[heads], self.first[heads], self.last[tails], best)


def whole_frames(seconds: float, step: Fraction) -> int:
    """Frames that a stretch must have not to be shorter than a duration.

    >>> whole_frames(0.2, Fraction(1, 25)), whole_frames(0.21, Fraction(1, 25)), whole_frames(0, Fraction(1, 25))
    (5, 6, 0)
    """
    return math.ceil(Fraction(seconds).limit_denominator(10**9) / step)


def pad_curve(frames: FloatArray) -> FloatArray:
    """A curve (frames, classes) as find_runs wants it: (classes, frames + 1), each row ended by a floor."""
    padded = np.full((frames.shape[1], len(frames) + 1), FLOOR, dtype=np.float32)
    padded[:, :-1] = frames.T
    return padded


def find_runs(padded: FloatArray, onset: FloatArray, offset: FloatArray) -> Runs:
    """Hysteresis on a padded curve (classes, frames + 1), thresholds (classes,).

    >>> curve = pad_curve(np.float32([[0.4], [0.9], [0.4], [0.1], [0.4]]))
    >>> runs = find_runs(curve, np.float32([0.8]), np.float32([0.3]))
    >>> runs.first.tolist(), runs.last.tolist(), runs.score.round(3).tolist()
    ([0], [3], [0.8999999761581421])
    """
    active = (padded >= offset[:, None]).ravel()
    changes = np.flatnonzero(active[1:] != active[:-1]) + 1
    if active.size and active[0]:
        changes = np.concatenate(([0], changes))
    starts, ends = changes[0::2], changes[1::2]  # the floor ends every row, so they come in pairs
    if not len(starts):
        return Runs(starts, starts, ends, np.zeros(0, dtype=np.float32))
    peaks = np.maximum.reduceat(padded.ravel(), changes)[0::2]
    width = padded.shape[1]
    column = starts // width
    runs = Runs(column, starts - column * width, ends - column * width, peaks)
    return runs.where(peaks >= onset[column])


def fill_gaps(runs: Runs, shortest: IntArray, recording: IntArray | None = None) -> Runs:
    """Join neighbours of one class (and recording) with fewer than `shortest` (classes,) frames between them.

    `recording` (runs,) says which runs may be joined where several recordings share the time axis.
    """
    if len(runs) < 2 or not shortest.any():
        return runs
    near = (runs.column[1:] == runs.column[:-1]) & (runs.first[1:] - runs.last[:-1] < shortest[runs.column[1:]])
    if recording is not None:
        near &= recording[1:] == recording[:-1]
    return runs.grouped(np.concatenate(([True], ~near)))


def drop_short(runs: Runs, shortest: IntArray) -> Runs:
    """Runs of at least `shortest` (classes,) frames."""
    return runs.where(runs.last - runs.first >= shortest[runs.column]) if shortest.any() else runs


def runs_to_events(runs: Runs, scores: Scores, pad_onset: FloatArray, pad_offset: FloatArray) -> list[Event]:
    """Events in seconds, by onset; pads (classes,) in seconds. Runs beyond the recording's end vanish."""
    edges, names = scores.edges, scores.labels.names
    onsets = np.maximum(edges[runs.first] - pad_onset[runs.column], 0.0)
    offsets = np.minimum(edges[runs.last] + pad_offset[runs.column], scores.duration)
    rows = zip(onsets.tolist(), offsets.tolist(), runs.column.tolist(), runs.score.tolist(), strict=True)
    events = [Event(onset, offset, names[column], score) for onset, offset, column, score in rows if offset > onset]
    if pad_onset.any() or pad_offset.any():
        return merge_overlapping(events)
    return sorted(events, key=lambda event: (event.onset, event.label, event.offset))
