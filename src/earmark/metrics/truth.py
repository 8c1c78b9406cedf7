"""The reference as intersections need it: disjoint events in columns, and how much of a class lies before a time.

Only classes that have reference events take part; they are the columns here, in the order of the labels.

The seconds of class c within a run from edge a to edge b are cover(b) - cover(a), where cover(e) is how many seconds of
c's events lie before edge e: a line that rises within the events and rests between them. So one row of covers a
recording and class answers for all its runs, whatever their number; and which events a run meets follows from how many
have ended before it and how many have begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earmark.labels import Labels
from earmark.metrics.columns import Columns, EventLists, FloatArray, IntArray, pair
from earmark.metrics.merging import merge_events


@dataclass(frozen=True, eq=False)
class Truth:
    """The reference of all recordings."""

    recordings: tuple[str, ...]
    labels: Labels  # those with events: the columns
    events: Columns  # disjoint, ordered by recording, label (as column) and onset
    begin: IntArray  # (recordings + 2,): where each recording's events begin; the last one has none
    merged: int  # events joined to another of their class that they overlap or touch

    @property
    def seconds(self) -> FloatArray:
        """Length of each event (events,)."""
        return self.events.offset - self.events.onset


def truth_of(reference: EventLists, labels: Labels) -> Truth:
    """Bring a reference into columns. `DataError` for an unknown label or impossible times."""
    events, merged = merge_events(pair(reference, {}, labels).reference)
    present = np.unique(events.label)
    columns = Columns(events.recording, np.searchsorted(present, events.label), events.onset, events.offset)
    begin = np.searchsorted(events.recording, np.arange(len(reference) + 2))
    names = labels.names
    return Truth(tuple(reference), Labels(names[label] for label in present), columns, begin, merged)


@dataclass(frozen=True, eq=False)
class Covers:
    """Covers of a batch of recordings; a row is one class present in one recording.

    Edges of all recordings are laid end to end; what row r says of edge e (counted through) stands at
    `shift[r] + e`.
    """

    seconds: FloatArray  # of the row's events before the edge
    ended: IntArray  # how many of them end at or before the edge
    begun: IntArray  # how many begin before the edge
    shift: IntArray  # (rows,)
    column: IntArray  # (rows,) class
    first_event: IntArray  # (rows,) in Truth.events
    begin: IntArray  # (recordings + 1,): where each recording's rows begin
    row: IntArray  # (recordings, columns): the row of a class, -1 where it has no events


def covers_of(truth: Truth, recordings: Sequence[int], edges: Sequence[FloatArray]) -> Covers:
    """Covers of these recordings at their edges."""
    events, heads = truth.events, []
    seconds, ended, begun = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for recording, times in zip(recordings, edges, strict=True):
        begin, end = int(truth.begin[recording]), int(truth.begin[recording + 1])
        head = begin + np.flatnonzero(np.diff(events.label[begin:end], prepend=-1))
        heads.append(head)
        for first, last in pairwise([*head.tolist(), end]):
            onset, offset = events.onset[first:last], events.offset[first:last]
            corners = np.stack([onset, offset], axis=1).ravel()  # the cover rises from onset to offset, then rests
            total = np.cumsum(np.stack([np.zeros(last - first), offset - onset], axis=1).ravel())
            seconds.append(np.interp(times, corners, total))
            ended.append(np.searchsorted(offset, times, side="right"))
            begun.append(np.searchsorted(onset, times, side="left"))
    rows = np.array([len(head) for head in heads])
    first_event = np.concatenate(heads).astype(np.int64)
    owner = np.repeat(np.arange(len(rows)), rows)
    length = np.array([len(times) for times in edges])
    widths = length[owner]
    row = np.full((len(rows), len(truth.labels)), -1, dtype=np.int64)
    row[owner, events.label[first_event]] = np.arange(len(owner))
    return Covers(
        seconds=np.concatenate(seconds),
        ended=np.concatenate(ended),
        begun=np.concatenate(begun),
        shift=(np.cumsum(widths) - widths) - (np.cumsum(length) - length)[owner],
        column=events.label[first_event],
        first_event=first_event,
        begin=np.concatenate(([0], np.cumsum(rows))),
        row=row,
    )
