"""The same scores decided again and again, as sliders move: what did not change is not computed again.

`Repeated(scores).decide(point)` is `decide(scores, point)`, to the last bit. Kept label by label are the curve that the
thresholds meet (`score_curve`) and the events, so that another threshold costs no smoothing, and another label nothing.
A label whose scores stay below its onset threshold has no events, nor one whose gate its clip does not pass: neither is
looked at. Boxes, and scores that say which windows they come from, are decided anew each time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from earmark.arrays import FloatArray
from earmark.decisions.decide import Decision, calibrated, decide, score_curve
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

_CURVE = ("median_seconds", "tag_weight", "clip_calibration", "frame_calibration")  # what a curve depends on
_PLAIN = ClassPoint()


class Repeated:
    """Decisions of one recording. Several threads may ask; one is answered at a time."""

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self._peaks: FloatArray = scores.frames.max(axis=0, initial=0)
        self._curves: dict[int, tuple[ClassPoint, FloatArray]] = {}  # by column: what it was made with, (frames,)
        self._events: dict[int, tuple[tuple[object, ...], list[Event]]] = {}
        self._lock = threading.Lock()

    def decide(self, point: OperatingPoint, *, min_score: float = 0.0) -> Decision:
        """As `decide(scores, point, min_score=min_score)`."""
        padded = any(part.pad_onset or part.pad_offset for part in point.classes.values())
        windows = self.scores.windows is not None  # a gate asks about each of them
        if point.method != "threshold" or windows or (padded and min_score > 0):  # what is left out joins nothing
            return decide(self.scores, point, min_score=min_score)
        with self._lock:
            tags = decide(replace(self.scores, frames=self.scores.frames[:0]), point, min_score=min_score).tags
            parts = [point.of(label) for label in self.scores.labels]
            stale = [
                column
                for column, part in enumerate(parts)
                if column not in self._events or self._events[column][0] != (point.last_frame, part)
            ]
            found: dict[int, list[Event]] = {column: [] for column in stale}
            asked = [column for column in stale if self._may_have_events(column, parts[column])]
            if asked:
                places = {self.scores.labels.names[column]: column for column in asked}
                for event in self._decided(asked, parts, point):
                    found[places[event.label]].append(event)
            for column, events in found.items():
                self._events[column] = (point.last_frame, parts[column]), events
            least = np.float32(min_score)
            events = [
                event
                for _, of_label in self._events.values()
                for event in of_label
                if event.score is None or np.float32(event.score) >= least
            ]
        events.sort(key=lambda event: (event.onset, event.label, event.offset))
        return Decision(self.scores.recording, tags, events)

    def _may_have_events(self, column: int, part: ClassPoint) -> bool:
        low = part.frame_calibration is None and self._peaks[column] < np.float32(part.onset)
        shut = part.clip_calibration is None and self.scores.clip[column] < np.float32(part.gate)
        return not (low or shut)

    def _decided(self, columns: list[int], parts: Sequence[ClassPoint], point: OperatingPoint) -> list[Event]:
        missing = [
            column
            for column in columns
            if column not in self._curves or _curve_of(self._curves[column][0]) != _curve_of(parts[column])
        ]
        if missing:
            curve = score_curve(self._some(missing), _point_of(self.scores, missing, parts, point)).frames
            for place, column in enumerate(missing):
                self._curves[column] = parts[column], np.ascontiguousarray(curve[:, place])
        some = calibrated(self._some(columns, frames=False), _point_of(self.scores, columns, parts, point))
        curves = np.stack([self._curves[column][1] for column in columns], axis=1)
        done = {name: getattr(_PLAIN, name) for name in _CURVE}  # has been done to the curves
        plain = [part.model_copy(update=done) for part in parts]
        return decide(replace(some, frames=curves), _point_of(self.scores, columns, plain, point)).events

    def _some(self, columns: list[int], frames: bool = True) -> Scores:
        """The scores of some labels."""
        scores = self.scores
        part = scores.frames[:, columns] if frames else np.zeros((0, len(columns)), np.float32)
        labels = Labels([scores.labels.names[column] for column in columns])
        return replace(scores, labels=labels, clip=scores.clip[columns], frames=part)


def _curve_of(part: ClassPoint) -> tuple[object, ...]:
    return tuple(getattr(part, name) for name in _CURVE)


def _point_of(scores: Scores, columns: list[int], parts: Sequence[ClassPoint], point: OperatingPoint) -> OperatingPoint:
    classes = {scores.labels.names[column]: parts[column] for column in columns}
    return point.model_copy(update={"classes": classes, "best_tag": False})
