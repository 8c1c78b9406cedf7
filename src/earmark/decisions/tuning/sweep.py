"""Trying every setting and threshold of a grid on all recordings at once.

A sweep gives `Sweep(settings, thresholds, counts)` with counts (folds, classes, settings, thresholds, 3).
Settings stand from simple to elaborate, the first without any smoothing, so that "the first of the best" is
the simplest. All classes share the grid: that lets counts of different classes be added (see `shrinkage`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any, Literal

import numpy as np

from earmark.arrays import FloatArray, IntArray
from earmark.decisions.boxes import find_boxes
from earmark.decisions.decide import half_steps
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import Runs, drop_short, fill_gaps, find_runs, whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.decisions.tuning.aims import Counts
from earmark.decisions.tuning.counting import Counter, count_runs
from earmark.decisions.tuning.timeline import Timeline

Method = Literal["threshold", "boxes"]
Setting = dict[str, Any]  # fields of a ClassPoint, all but the threshold
TAIL = 0.12  # seconds that events end later than the curve, which falls before the tail of a sound has died away


def spread_thresholds(count: int = 49, lowest: float = 0.01) -> tuple[float, ...]:
    """Thresholds even on the logit axis (dense near 0 and 1, where scores crowd), 0.5 among them.

    >>> spread_thresholds(5)
    (0.01, 0.0913, 0.5, 0.9087, 0.99)
    """
    reach = np.log((1 - lowest) / lowest)
    return tuple(np.round(1 / (1 + np.exp(-np.linspace(-reach, reach, count | 1))), 4).tolist())


@dataclass(frozen=True)
class ThresholdGrid:
    """Settings of method "threshold"; seconds. Every list begins with its simplest value."""

    thresholds: tuple[float, ...] = field(default_factory=spread_thresholds)
    median_seconds: tuple[float, ...] = (0.0, 0.25, 1.0)
    min_duration_off: tuple[float, ...] = (0.0, 0.4, 1.2)
    min_duration_on: tuple[float, ...] = (0.0, 0.15, 0.4)
    offset_share: tuple[float, ...] = (1.0, 0.5)  # offset threshold = share of the onset threshold; < 1: hysteresis
    tag_gate: tuple[bool, ...] = (False, True)  # events only where the clip is tagged
    pad_offset: tuple[float, ...] = (0.0, TAIL)


@dataclass(frozen=True)
class BoxGrid:
    """Settings of method "boxes".

    Models of weak labels are sure of the telling moments of a sound and silent in between: long steps that
    see past the gaps are among those tried.
    """

    thresholds: tuple[float, ...] = field(default_factory=spread_thresholds)
    step_seconds: tuple[float, ...] = (0.4, 0.8, 1.6, 2.4, 3.2, 4.8)
    merge_absolute: tuple[float, ...] = (0.2, 0.4)
    merge_relative: tuple[float, ...] = (3.0,)
    min_duration_on: tuple[float, ...] = (0.0, 0.25)
    tag_gate: tuple[bool, ...] = (False, True)
    pad_offset: tuple[float, ...] = (0.0, TAIL)


@dataclass(frozen=True)
class FixedGrid:
    """Thresholds alone: method, smoothing and durations of each class are those of a point."""

    point: OperatingPoint
    thresholds: tuple[float, ...] = field(default_factory=spread_thresholds)
    tag_gate: tuple[bool, ...] = (False, True)


Grid = ThresholdGrid | BoxGrid | FixedGrid


def method_of(grid: Grid) -> Method:
    """How the points of a grid find events."""
    if isinstance(grid, FixedGrid):
        return grid.point.method
    return "boxes" if isinstance(grid, BoxGrid) else "threshold"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a grid gave; `counts` (folds, classes, settings, thresholds, 3)."""

    settings: tuple[Setting, ...]
    thresholds: tuple[float, ...]
    counts: Counts

    def fields(self, choice: int) -> dict[str, Any]:
        """The `ClassPoint` fields of one choice, an index into settings x thresholds."""
        setting = dict(self.settings[choice // len(self.thresholds)])
        onset = self.thresholds[choice % len(self.thresholds)]
        share = setting.pop("offset_share", 1.0)
        return {"onset": onset, "offset": round(onset * share, 6), **setting}


def sweep(line: Timeline, counter: Counter, grid: Grid) -> Sweep:
    """Counts of everything a grid holds."""
    if isinstance(grid, FixedGrid):
        return sweep_fixed(line, counter, grid)
    return sweep_boxes(line, counter, grid) if isinstance(grid, BoxGrid) else sweep_thresholds(line, counter, grid)


def sweep_thresholds(line: Timeline, counter: Counter, grid: ThresholdGrid) -> Sweep:
    """Method "threshold": median filter, hysteresis, gaps, durations, gate."""
    classes, step = len(line.labels), line.step
    smoothing = (grid.median_seconds, grid.offset_share, grid.min_duration_off, grid.min_duration_on)
    axes = (*smoothing, grid.pad_offset, grid.tag_gate)
    names = ("median_seconds", "offset_share", "min_duration_off", "min_duration_on", "pad_offset", "tag_gate")
    padded = _padded(line, counter, grid.pad_offset)
    counts = np.zeros((line.folds, classes, *(len(axis) for axis in axes), len(grid.thresholds), 3))
    for m, median in enumerate(grid.median_seconds):
        lengths = np.full(classes, odd_frames(median, step))
        curve = line.curve(partial(median_filter, lengths=lengths))
        for (s, share), (t, onset) in product(enumerate(grid.offset_share), enumerate(grid.thresholds)):
            runs = _reaching(curve, onset, round(onset * share, 6))
            for g, off in enumerate(grid.min_duration_off):
                joined = fill_gaps(runs, _frames([off] * classes, line), line.recording[runs.first])
                for d, on in enumerate(grid.min_duration_on):
                    kept = line.within(drop_short(joined, _frames([on] * classes, line)))
                    counts[:, :, m, s, g, d, :, :, t] = _by_pad_and_gate(padded, kept, grid.tag_gate)
    settings = _settings(names, axes)
    return Sweep(settings, grid.thresholds, counts.reshape(line.folds, classes, -1, len(grid.thresholds), 3))


def sweep_boxes(line: Timeline, counter: Counter, grid: BoxGrid) -> Sweep:
    """Method "boxes": the boxes of a setting are found once, a threshold only picks among them."""
    classes = len(line.labels)
    found = (grid.step_seconds, grid.merge_absolute, grid.merge_relative)
    axes = (*found, grid.min_duration_on, grid.pad_offset, grid.tag_gate)
    names = ("step_seconds", "merge_absolute", "merge_relative", "min_duration_on", "pad_offset", "tag_gate")
    padded = _padded(line, counter, grid.pad_offset)
    shape = [len(axis) for axis in axes]
    counts = np.zeros((line.folds, classes, int(np.prod(shape[:3])), *shape[3:], len(grid.thresholds), 3))
    for place, values in enumerate(product(*found)):
        boxes = all_boxes(line, [ClassPoint(**dict(zip(names, values, strict=False)))] * classes)
        for d, on in enumerate(grid.min_duration_on):
            kept = drop_short(boxes, _frames([on] * classes, line))
            for t, threshold in enumerate(grid.thresholds):
                picked = kept.where(kept.score >= np.float32(threshold))
                counts[:, :, place, d, :, :, t] = _by_pad_and_gate(padded, picked, grid.tag_gate)
    settings = _settings(names, axes)
    return Sweep(settings, grid.thresholds, counts.reshape(line.folds, classes, -1, len(grid.thresholds), 3))


def sweep_fixed(line: Timeline, counter: Counter, grid: FixedGrid) -> Sweep:
    """The settings of a point, class by class, at every threshold."""
    parts = [grid.point.of(label) for label in line.labels]
    counts = np.zeros((line.folds, len(parts), len(grid.tag_gate), len(grid.thresholds), 3))
    many = runs_by_threshold(line, parts, grid.point.method, grid.thresholds, [1.0] * len(parts))
    for t, runs in enumerate(many):
        counts[:, :, :, t] = _by_pad_and_gate([(line, counter)], runs, grid.tag_gate)[:, :, 0]
    return Sweep(_settings(("tag_gate",), (grid.tag_gate,)), grid.thresholds, counts)


def runs_by_threshold(
    line: Timeline,
    parts: Sequence[ClassPoint],
    method: Method,
    thresholds: Sequence[float],
    offset_shares: Sequence[float],
) -> Iterator[Runs]:
    """The runs at each threshold, all else of each class by its part; before gate and pads."""
    shortest = _frames([part.min_duration_on for part in parts], line)
    if method == "boxes":
        boxes = drop_short(all_boxes(line, parts), shortest)
        yield from (boxes.where(boxes.score >= np.float32(threshold)) for threshold in thresholds)
        return
    curve = line.curve(partial(median_filter, lengths=[odd_frames(part.median_seconds, line.step) for part in parts]))
    gaps = _frames([part.min_duration_off for part in parts], line)
    for threshold in thresholds:
        offsets = np.array([round(threshold * share, 6) for share in offset_shares], dtype=np.float32)
        runs = find_runs(curve, np.full(len(parts), threshold, dtype=np.float32), offsets)
        yield line.within(drop_short(fill_gaps(runs, gaps, line.recording[runs.first]), shortest))


def all_boxes(line: Timeline, parts: Sequence[ClassPoint]) -> Runs:
    """The boxes of all recordings by the settings of each class, whatever their length and confidence."""
    half = half_steps([part.step_seconds for part in parts], line.step)
    absolute = np.array([part.merge_absolute for part in parts], dtype=np.float32)
    relative = np.array([part.merge_relative for part in parts], dtype=np.float32)
    found = [find_boxes(scores.frames, half, absolute, relative) for scores in line.scores]
    start = np.repeat(line.start, [len(boxes) for boxes in found])
    return line.within(
        Runs(
            np.concatenate([boxes.column for boxes in found]),
            np.concatenate([boxes.first for boxes in found]) + start,
            np.concatenate([boxes.last for boxes in found]) + start,
            np.concatenate([boxes.score for boxes in found]),
        )
    )


def _settings(names: tuple[str, ...], axes: tuple[tuple[Any, ...], ...]) -> tuple[Setting, ...]:
    return tuple(dict(zip(names, values, strict=True)) for values in product(*axes))


def _padded(line: Timeline, counter: Counter, pads: tuple[float, ...]) -> list[tuple[Timeline, Counter]]:
    """The recordings and their counter at each pad."""
    lines = [line.later(pad) for pad in pads]
    return [(later, counter if later is line else counter.on(later)) for later in lines]


def _by_pad_and_gate(padded: list[tuple[Timeline, Counter]], runs: Runs, gates: tuple[bool, ...]) -> Counts:
    """Counts (folds, classes, pads, gates, 3), pads and gates in the grid's order."""
    first, _ = padded[0]
    found = np.empty((first.folds, len(first.labels), len(padded), len(gates), 3))
    for pad, (line, counter) in enumerate(padded):
        counts = count_runs(line, counter, line.joined(runs), gated=any(gates))
        for place, gate in enumerate(gates):
            found[:, :, pad, place] = counts[int(gate)]
    return found


def _reaching(curve: FloatArray, onset: float, offset: float) -> Runs:
    classes = len(curve)
    return find_runs(curve, np.full(classes, onset, np.float32), np.full(classes, offset, np.float32))


def _frames(seconds: Sequence[float], line: Timeline) -> IntArray:
    known = {value: whole_frames(value, line.step) for value in set(seconds)}
    return np.array([known[value] for value in seconds], dtype=np.int64)
