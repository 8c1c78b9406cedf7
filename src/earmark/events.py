"""Sound events: what was heard, from when to when.

Times are seconds from the beginning of the recording. `score` is a probability in [0, 1], or None where the
source (a reference file, say) gives none. A set of recordings is a plain dict `{recording name: [Event, ...]}`;
a recording without events is an empty list, never a missing key.
"""

from __future__ import annotations

from collections.abc import Iterable
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
