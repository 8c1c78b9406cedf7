"""Where score curves come from: frame scores or scored events, checked against the reference as they pass.

A source is walked for `Curve`s, once or (`again`) twice, and knows how long each recording is. What a reference and
an estimate may disagree on is met as in `columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np

from earmark.errors import DataError, did_you_mean
from earmark.labels import Labels
from earmark.metrics.columns import EventLists, Unknown, check_labels, pair_recordings
from earmark.metrics.threshold_steps import Curve
from earmark.metrics.truth import Truth
from earmark.scores import Scores

_STUB = 1e-6  # seconds: frames that begin nearer than this to the recording's end are left out


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
                raise DataError(f"estimated {name}: {event} needs a score, and finite times that run forward from 0")
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
