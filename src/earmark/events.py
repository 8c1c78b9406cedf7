"""Sound events: a label with onset and offset.

Times are seconds from the beginning of the recording. `score` is a probability in [0, 1], or None where the
source (a reference file, say) gives none. A set of recordings is a plain dict `{recording name: [Event, ...]}`;
a recording without events is an empty list, never a missing key. `EventLog` is such a set in a seventh of the memory.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """One event of one recording.

    >>> onset, offset, label, score = Event(0.5, 1.25, "siren", 0.9)
    """

    onset: float  # seconds
    offset: float  # seconds, not before onset
    label: str
    score: float | None = None


def merge_overlapping(events: Iterable[Event], gap: float = 0.0) -> list[Event]:
    """Join events of one label that overlap, touch, or are at most `gap` seconds apart; the best score is kept.

    Returned by onset, then label.

    >>> merge_overlapping([Event(0, 1, "dog"), Event(0.5, 2, "dog"), Event(1, 3, "cat")])
    [Event(onset=0, offset=2, label='dog', score=None), Event(onset=1, offset=3, label='cat', score=None)]
    """
    merged: list[Event] = []
    for event in sorted(events, key=lambda e: (e.label, e.onset, e.offset)):
        last = merged[-1] if merged else None
        if last is not None and last.label == event.label and event.onset - last.offset <= gap:
            scores = [score for score in (last.score, event.score) if score is not None]
            best = max(scores) if scores else None
            merged[-1] = Event(last.onset, max(last.offset, event.offset), last.label, best)
        else:
            merged.append(event)
    return sorted(merged, key=lambda e: (e.onset, e.label, e.offset))


BEYOND = 0.1  # seconds an event may reach beyond the end of its recording, as rounded tables do


def beyond_end(events: Iterable[Event], duration: float, *, entirely: bool = False) -> str | None:
    """What is wrong with events that end after their recording of `duration` seconds does; None where nothing is.

    With `entirely` only events that also begin at its end or later: no part of these can be scored.

    >>> beyond_end([Event(0.5, 1.05, "dog")], 1.0)
    >>> print(beyond_end([Event(500, 900, "dog")], 1.0))
    'dog' ends at 900.000 s, but the recording at 1.000 s (1 of 1 events); are the times in milliseconds?
    >>> beyond_end([Event(0.5, 4.0, "dog")], 1.0, entirely=True)
    """
    known = list(events)
    late = [event for event in known if event.offset > duration + BEYOND]
    if entirely:
        late = [event for event in known if event.onset >= duration and event.offset > event.onset]
    if not late:
        return None
    last = max(late, key=lambda event: event.offset)
    guess = ""
    if last.offset / 1000 <= duration + BEYOND and last.offset > 3 * duration:
        guess = "; are the times in milliseconds?"
    elif last.offset / 48_000 <= duration + BEYOND and last.offset > 3 * duration:
        guess = "; are the times in samples?"
    counts = f" ({len(late)} of {len(known)} events)" if len(known) > 1 or guess else ""
    return f"{last.label!r} ends at {last.offset:.3f} s, but the recording at {duration:.3f} s{counts}{guess}"


class EventLog(Mapping[str, list[Event]]):
    """The events of many recordings, kept as numbers: 28 bytes an event, for runs over ten thousand files.

    Reads like a dict of lists, each made when it is asked for.

    >>> log = EventLog()
    >>> log.add("a.wav", [Event(0.5, 1.25, "siren", 0.9)])
    >>> log.add("b.wav", [])
    >>> dict(log)
    {'a.wav': [Event(onset=0.5, offset=1.25, label='siren', score=0.9)], 'b.wav': []}
    """

    def __init__(self) -> None:
        self._spans: dict[str, tuple[int, int]] = {}  # of each recording, in the arrays
        self._labels: dict[str, int] = {}
        self._onset, self._offset, self._score = array("d"), array("d"), array("d")
        self._label = array("i")

    def add(self, recording: str, events: Iterable[Event]) -> None:
        """Note the events of a recording, in place of any that were there."""
        first = len(self._label)
        for onset, offset, label, score in events:
            self._onset.append(onset)
            self._offset.append(offset)
            self._score.append(math.nan if score is None else score)
            self._label.append(self._labels.setdefault(label, len(self._labels)))
        self._spans[recording] = first, len(self._label)

    def total(self) -> int:
        """Events of all recordings."""
        return sum(last - first for first, last in self._spans.values())

    def __getitem__(self, recording: str) -> list[Event]:
        first, last = self._spans[recording]
        names = list(self._labels)
        columns = (self._onset[first:last], self._offset[first:last], self._label[first:last], self._score[first:last])
        return [
            Event(onset, offset, names[label], None if math.isnan(score) else score)
            for onset, offset, label, score in zip(*columns, strict=True)
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)
