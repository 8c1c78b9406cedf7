"""Reference and score curves as a PSDS compares them: events in columns, and each recording's scores frame by frame.

The reference. Only classes that have reference events take part; they are the columns here, in the order of the labels.
The seconds of class c within a run from edge a to edge b are cover(b) - cover(a), where cover(e) is how many seconds of
c's events lie before edge e: a line that rises within the events and rests between them. So one row of covers a
recording and class answers for all its runs, whatever their number; and which events a run meets follows from how many
have ended before it and how many have begun.

The curves. They come from frame scores or from scored events, and are checked against the reference as they pass. A
source is walked for `Curve`s, once or (`again`) twice, and knows how long each recording is. What a reference and an
estimate may disagree on is met as in `columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray, IntArray
from earmark.errors import DataError, did_you_mean
from earmark.labels import Labels
from earmark.metrics.columns import Columns, EventLists, Unknown, check_labels, merge_events, pair, pair_recordings
from earmark.scores import Scores

Values = npt.NDArray[np.floating[Any]]
_STUB = 1e-6  # seconds: frames that begin nearer than this to the recording's end are left out


@dataclass(frozen=True, eq=False)
class Truth:
    """The reference of all recordings."""

    recordings: tuple[str, ...]
    labels: Labels  # those with events: the columns
    events: Columns  # disjoint, ordered by recording, label (as column) and onset
    begin: IntArray  # (recordings + 2,): where each recording's events begin; the last one has none
    merged: int  # events joined to another of their class that they overlap or touch

    @property
    def seconds(self) -> DoubleArray:
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

    seconds: DoubleArray  # of the row's events before the edge
    ended: IntArray  # how many of them end at or before the edge
    begun: IntArray  # how many begin before the edge
    shift: IntArray  # (rows,)
    column: IntArray  # (rows,) class
    first_event: IntArray  # (rows,) in Truth.events
    begin: IntArray  # (recordings + 1,): where each recording's rows begin
    row: IntArray  # (recordings, columns): the row of a class, -1 where it has no events


def covers_of(truth: Truth, recordings: Sequence[int], edges: Sequence[DoubleArray]) -> Covers:
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


@dataclass(frozen=True, eq=False)
class Curve:
    """The scores of one recording."""

    recording: int  # in Truth.recordings; their number for one that the reference does not know
    edges: DoubleArray  # (frames + 1,) seconds, rising
    values: Values  # (frames, columns); -inf where nothing is ever reported


class CurveSource(Protocol):
    """Curves of many recordings."""

    again: bool  # may be walked more than once
    open_ended: bool  # recordings that the reference does not know may add to the duration

    def curves(self, truth: Truth) -> Iterator[tuple[Curve, float]]:
        """Each recording's curve over the truth's columns, and its duration; `DataError` where it does not fit."""
        ...

    def given_duration(self, recording: str) -> float | None:
        """Seconds, where they are known without the curve."""
        ...


class ScoreSource:
    """Curves of frame scores."""

    def __init__(
        self,
        scores: Iterable[Scores],
        labels: Labels,
        durations: Mapping[str, float] | None,
        unknown_recordings: Unknown,
    ) -> None:
        self.scores, self.labels, self.durations = scores, labels, durations or {}
        self.unknown = unknown_recordings
        self.again = not isinstance(scores, Iterator)
        self.open_ended = unknown_recordings == "count"

    def given_duration(self, recording: str) -> float | None:
        """Seconds, where they are known without the curve."""
        return self.durations.get(recording)

    def curves(self, truth: Truth) -> Iterator[tuple[Curve, float]]:
        """Each recording's curve over the truth's columns, and its duration."""
        numbers = {name: number for number, name in enumerate(truth.recordings)}
        seen = set[str]()
        columns: dict[Labels, slice | list[int]] = {}
        for scores in self.scores:
            name = scores.recording
            if name in seen:
                raise DataError(f"{name}: scored more than once")
            seen.add(name)
            if name not in numbers and self.unknown == "error":
                raise DataError(f"scored recording {name!r} is not in the reference{did_you_mean(name, numbers)}")
            if name not in numbers and self.unknown == "ignore":
                continue
            if scores.labels not in columns:
                columns[scores.labels] = _columns(scores, self.labels, truth.labels)
            edges = scores.edges
            frames = int(np.searchsorted(edges, edges[-1] - _STUB)) if len(edges) > 1 else 0
            values = scores.frames[:frames, columns[scores.labels]]
            if values.dtype == np.float16:
                values = values.astype(np.float32)
            number = numbers.get(name, len(numbers))
            curve = Curve(number, np.append(edges[:frames], edges[-1]), values)
            yield curve, self.durations.get(name, scores.duration)


class EventSource:
    """Curves of scored events: each instant has the score of the best event there, or none."""

    again = True
    open_ended = True

    def __init__(
        self,
        events: EventLists,
        labels: Labels,
        durations: Mapping[str, float],
        unknown_labels: Unknown,
        unknown_recordings: Unknown,
    ) -> None:
        self.events, self.labels, self.durations = events, labels, durations
        self.unknown_labels, self.unknown_recordings = unknown_labels, unknown_recordings

    def given_duration(self, recording: str) -> float | None:
        """Seconds, where they are known without the curve."""
        return self.durations.get(recording)

    def curves(self, truth: Truth) -> Iterator[tuple[Curve, float]]:
        """Each recording's curve over the truth's columns, and its duration."""
        names = pair_recordings(dict.fromkeys(truth.recordings), self.events, self.unknown_recordings)
        if self.unknown_labels == "error":
            check_labels("estimated", self.events, names, {name: 0 for name in self.labels})
        for number, name in enumerate(names):
            if name not in self.durations:
                raise DataError(f"no duration given for {name!r}")
            yield self._curve(min(number, len(truth.recordings)), name, truth.labels), self.durations[name]

    def _curve(self, number: int, name: str, columns: Labels) -> Curve:
        events = [event for event in self.events.get(name, ()) if event.label in columns]
        for event in events:
            if event.score is None or not (0 <= event.onset <= event.offset < np.inf and np.isfinite(event.score)):
                raise DataError(f"estimated {name}: {event} needs a score, and finite times with 0 <= onset <= offset")
        edges = np.unique([time for event in events for time in event[:2]] or [0.0])
        values = np.full((len(edges) - 1, len(columns)), -np.inf)
        for event in sorted(events, key=lambda event: event.score or 0.0):  # the best is written last
            first, last = np.searchsorted(edges, event[:2])
            values[first:last, columns.index(event.label)] = event.score
        return Curve(number, edges, values)


def _columns(scores: Scores, labels: Labels, wanted: Labels) -> slice | list[int]:
    missing = [name for name in labels if name not in scores.labels]
    if missing:
        raise DataError(f"{scores.recording}: no scores of {missing[0]!r}{did_you_mean(missing[0], scores.labels)}")
    if wanted == scores.labels:
        return slice(None)
    return [scores.labels.index(name) for name in wanted]
