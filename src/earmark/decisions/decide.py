"""The one door from scores to decisions.

`decide(scores, point)` gives the tags of a recording and its events. Tags come best first, events by onset;
every one carries its score (calibrated, where the operating point holds a calibration). `method` of the
operating point says how events are found:

"threshold"  median filter, hysteresis, gaps filled, short ones dropped (see `segments`)
"boxes"      boxes from change points of the unsmoothed curve; those with confidence at or above `onset`
             count, `min_duration_on` and pads apply, `offset`, `median_seconds` and `min_duration_off` do not
             (see `boxes`)

Two gates can tie events to their clip's tag: `tag_gate` reports none where the clip score is too low; `tag_weight`
multiplies frame scores by the clip score, so that events of doubtful clips rank lower. The clip is the recording.

Where scores say which windows they come from (`Scores.windows`, as of live sound), the clip is a window. For the weight
it is the one that scored the frame. For the gate that one is early: it has heard little after the frame. So

    frame f passes     if the window that scored frame f + P passes the gate, P being the patience, or if
                       one of the windows that scored f, f + 1, .. f + P passes by three times the odds (`sure`)

and an event passes if one of its frames does. With the patience of `earmark.engine.LivePlan` the window of frame f + P
is the last that hears frame f, of a recording no longer than a window the whole recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from earmark.arrays import BoolArray, FloatArray, IntArray
from earmark.decisions.boxes import find_boxes
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import Runs, drop_short, fill_gaps, find_runs, pad_curve, runs_to_events, whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.events import Event
from earmark.scores import Scores

_AT_ONCE = 2**20  # scores


@dataclass(frozen=True)
class Decision:
    """What is reported of one recording."""

    recording: str
    tags: list[tuple[str, float]]  # (label, score), best first
    events: list[Event]  # by onset


def decide(scores: Scores, point: OperatingPoint, *, min_score: float = 0.0) -> Decision:
    """Tags and events of one recording; those scoring below `min_score` are left out.

    The operating point must know every label of the scores (order does not matter); else `ConfigError`.

    >>> from earmark.clock import Clock
    >>> from earmark.labels import Labels
    >>> frames = np.float32([[0.1], [0.9], [0.8], [0.2]])
    >>> scores = Scores("a.wav", Labels(["dog"]), np.float32([0.75]), frames, Clock(Fraction(1, 2)), 2.0)
    >>> decision = decide(scores, OperatingPoint.plain(["dog"]))
    >>> decision.tags, [(e.onset, e.offset, e.label) for e in decision.events]
    ([('dog', 0.75)], [(0.5, 1.5, 'dog')])
    """
    parts = [point.of(label) for label in scores.labels]
    scores = calibrated(scores, point)
    passed = scores.clip >= _floats(part.tag_threshold for part in parts)
    if point.best_tag and not passed.any():
        passed[scores.clip.argmax()] = True
    passed &= scores.clip >= np.float32(min_score)
    tags = [(scores.labels.names[column], float(scores.clip[column])) for column in np.flatnonzero(passed).tolist()]
    runs = find_candidates(weighted(scores, parts), parts, scores.clock.step, point.method)
    runs = runs.where(_passed(runs, scores, parts) & (runs.score >= np.float32(min_score)))
    if point.last_frame == "begins":
        runs = replace(runs, last=np.maximum(runs.last - 1, runs.first))
    pads = _floats(part.pad_onset for part in parts), _floats(part.pad_offset for part in parts)
    events = runs_to_events(runs, scores, *pads)
    return Decision(scores.recording, sorted(tags, key=lambda tag: -tag[1]), events)


def decide_all(many: Iterable[Scores], point: OperatingPoint, *, min_score: float = 0.0) -> Iterator[Decision]:
    """`decide` for each recording, one at a time."""
    return (decide(scores, point, min_score=min_score) for scores in many)


def calibrated(scores: Scores, point: OperatingPoint) -> Scores:
    """The scores after the operating point's calibrations; themselves where it has none for their labels."""
    parts = [point.of(label) for label in scores.labels]
    if not any(part.clip_calibration or part.frame_calibration for part in parts):
        return scores
    frames, clip = calibrate(scores.frames, scores.clip[None], parts)
    windows = scores.windows
    if windows is not None:
        windows = replace(windows, clip=calibrate(frames[:0], windows.clip, parts)[1])
    return replace(scores, clip=clip[0], frames=frames, windows=windows)


def calibrate(frames: FloatArray, clip: FloatArray, parts: Sequence[ClassPoint]) -> tuple[FloatArray, FloatArray]:
    """Frame scores (frames, classes) and clip scores (clips, classes), each column by its part's calibrations."""
    if not any(part.clip_calibration or part.frame_calibration for part in parts):
        return frames, clip
    frames, clip = frames.copy(), clip.copy()
    for column, part in enumerate(parts):
        if part.clip_calibration:
            clip[:, column] = part.clip_calibration.apply(clip[:, column])
        if part.frame_calibration:
            frames[:, column] = part.frame_calibration.apply(frames[:, column])
    return frames, clip


def weighted(scores: Scores, parts: Sequence[ClassPoint]) -> FloatArray:
    """Frame scores (frames, classes), times the clip score where `parts` (one a class) say so.

    The clip score is that of the window that scored the frame, where scores have `windows`.
    """
    weight = np.array([part.tag_weight for part in parts])
    if not weight.any():
        return scores.frames
    clip = scores.clip if scores.windows is None else scores.windows.of_frames(len(scores.frames))
    return scores.frames * np.where(weight, clip, np.float32(1))


def _passed(runs: Runs, scores: Scores, parts: Sequence[ClassPoint]) -> BoolArray:
    """Which runs (runs,) pass the gates of their labels."""
    gate = _floats(part.gate for part in parts)[runs.column]
    if scores.windows is None:
        return scores.clip[runs.column] >= gate
    clip, step = scores.windows.clip, scores.clock.step
    filters = _by_value((part.median_seconds for part in parts), lambda seconds: odd_frames(seconds, step))
    waited = patience_frames(filters // 2, scores.windows.patience)[runs.column]
    edges = (runs.first, runs.first + waited, runs.last - 1 + waited)
    at = [scores.windows.at(np.minimum(edge, len(scores.frames) - 1)).tolist() for edge in edges]
    sure = _floats(part.sure for part in parts)[runs.column]
    rows = zip(runs.column.tolist(), *at, gate.tolist(), sure.tolist(), strict=True)
    return np.array(
        [
            clip[late : last + 1, column].max() >= enough or clip[first : last + 1, column].max() >= more
            for column, first, late, last, enough, more in rows
        ],
        bool,
    )


def patience_frames(half: IntArray, patience: int) -> IntArray:
    """Frames that a gate in doubt waits for: `patience`, and at least what half a median filter waits for anyway."""
    return np.maximum(half + 1, patience)


def score_curve(scores: Scores, point: OperatingPoint) -> Scores:
    """The scores that an operating point's thresholds meet: what PSDS and other curves over all thresholds are of.

    Calibrated and weighted; then smoothed (method "threshold"), or each frame scoring what the box it lies in does,
    0 outside ("boxes"; boxes below `min_duration_on` are gone). What goes with a threshold takes no part: hysteresis,
    gaps, shortest events, gate; nor do pads.
    """
    scores, parts = calibrated(scores, point), [point.of(label) for label in scores.labels]
    frames, step = weighted(scores, parts), scores.clock.step
    if point.method == "boxes":
        anyhow = [part.model_copy(update={"onset": 0.0}) for part in parts]
        boxes = find_candidates(frames, anyhow, step, point.method)
        curve = np.zeros_like(frames)
        length = boxes.last - boxes.first
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)  # 0, 1, .. of each box
        curve[np.repeat(boxes.first, length) + within, np.repeat(boxes.column, length)] = np.repeat(boxes.score, length)
        return replace(scores, frames=curve)
    lengths = _by_value((part.median_seconds for part in parts), lambda seconds: odd_frames(seconds, step))
    return replace(scores, frames=median_filter(frames, lengths))


def find_candidates(frames: FloatArray, parts: list[ClassPoint], step: Fraction, method: str) -> Runs:
    """The runs of a curve (frames, classes) that `parts` (one a class) accept, before gate and pads.

    Of a long recording a few classes at a time: what finding them takes is several times the curve.
    """
    width = max(1, _AT_ONCE // max(1, len(frames)))
    found = [
        _find(frames[:, begin : begin + width], parts[begin : begin + width], step, method)
        for begin in range(0, max(1, len(parts)), width)
    ]
    if len(found) == 1:
        return found[0]
    return Runs(
        np.concatenate([runs.column + number * width for number, runs in enumerate(found)]),
        np.concatenate([runs.first for runs in found]),
        np.concatenate([runs.last for runs in found]),
        np.concatenate([runs.score for runs in found]),
    )


def _find(frames: FloatArray, parts: list[ClassPoint], step: Fraction, method: str) -> Runs:
    onset = _floats(part.onset for part in parts)
    shortest_on = _frames((part.min_duration_on for part in parts), step)
    if method == "boxes":
        boxes = find_boxes(
            frames,
            half_steps((part.step_seconds for part in parts), step),
            _floats(part.merge_absolute for part in parts),
            _floats(part.merge_relative for part in parts),
        )
        return drop_short(boxes.where(boxes.score >= onset[boxes.column]), shortest_on)
    lengths = _by_value((part.median_seconds for part in parts), lambda seconds: odd_frames(seconds, step))
    smooth = median_filter(frames, lengths) if np.any(lengths > 1) else frames
    runs = find_runs(pad_curve(smooth), onset, _floats(part.offset for part in parts))
    return drop_short(fill_gaps(runs, _frames((part.min_duration_off for part in parts), step)), shortest_on)


def half_steps(seconds: Iterable[float], step: Fraction) -> IntArray:
    """Half the step filter's length in frames, rounded, at least 1 frame; (classes,)."""
    return _by_value(seconds, lambda length: max(1, round(length / 2 / float(step))))


def _floats(values: Iterable[float]) -> FloatArray:
    return np.fromiter(values, dtype=np.float32)


def _frames(seconds: Iterable[float], step: Fraction) -> IntArray:
    return _by_value(seconds, lambda length: whole_frames(length, step))


def _by_value(seconds: Iterable[float], convert: Callable[[float], int]) -> IntArray:
    """Convert each value, exact fractions only once for equal ones."""
    values = list(seconds)
    known = {value: convert(value) for value in set(values)}
    return np.array([known[value] for value in values], dtype=np.int64)
