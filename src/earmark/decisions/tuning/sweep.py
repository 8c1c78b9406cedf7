"""Trying every setting and threshold of a grid on all recordings at once.

A sweep gives `Sweep(settings, thresholds, counts)` with counts (folds, classes, settings, thresholds, 3).
Settings stand from simple to elaborate, the first without any smoothing, so that "the first of the best" is
the simplest. All classes share the grid: that lets counts of different classes be added (see `shrinkage`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from earmark.decisions.boxes import find_boxes
from earmark.decisions.decide import half_steps
from earmark.decisions.segments import FloatArray, IntArray, Runs, drop_short, fill_gaps, find_runs, whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.decisions.tuning.aims import Counts
from earmark.decisions.tuning.counting import Counter
from earmark.decisions.tuning.timeline import Timeline

Setting = dict[str, float]  # fields of a ClassPoint, all but the threshold


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
    median_seconds: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
    min_duration_off: tuple[float, ...] = (0.0, 0.25, 0.6)
    min_duration_on: tuple[float, ...] = (0.0, 0.15, 0.4)
    offset_share: tuple[float, ...] = (1.0,)  # offset threshold = share of the onset threshold; < 1: hysteresis


@dataclass(frozen=True)
class BoxGrid:
    """Settings of method "boxes"."""

    thresholds: tuple[float, ...] = field(default_factory=spread_thresholds)
    step_seconds: tuple[float, ...] = (0.4, 0.8, 1.2)
    merge_absolute: tuple[float, ...] = (0.1, 0.2, 0.4)
    merge_relative: tuple[float, ...] = (1.5, 2.5)
    min_duration_on: tuple[float, ...] = (0.0, 0.25)


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


def sweep_thresholds(line: Timeline, counter: Counter, grid: ThresholdGrid) -> Sweep:
    """Method "threshold": median filter, hysteresis, gaps, durations."""
    classes, step = len(line.labels), line.step
    axes = (grid.median_seconds, grid.offset_share, grid.min_duration_off, grid.min_duration_on)
    names = ("median_seconds", "offset_share", "min_duration_off", "min_duration_on")
    settings = tuple(dict(zip(names, values, strict=True)) for values in product(*axes))
    shape = [len(axis) for axis in axes]
    counts = np.zeros((line.folds, classes, *shape, len(grid.thresholds), 3))
    for m, median in enumerate(grid.median_seconds):
        lengths = np.full(classes, odd_frames(median, step))
        curve = line.curve(partial(median_filter, lengths=lengths))
        for (s, share), (t, onset) in product(enumerate(grid.offset_share), enumerate(grid.thresholds)):
            runs = _reaching(curve, onset, round(onset * share, 6))
            for (g, off), (d, on) in product(enumerate(grid.min_duration_off), enumerate(grid.min_duration_on)):
                joined = fill_gaps(runs, _frames(off, line), line.recording[runs.first])
                kept = drop_short(joined, _frames(on, line))
                counts[:, :, m, s, g, d, t] = counter.count(line.within(kept))
    return Sweep(settings, grid.thresholds, counts.reshape(line.folds, classes, -1, len(grid.thresholds), 3))


def sweep_boxes(line: Timeline, counter: Counter, grid: BoxGrid) -> Sweep:
    """Method "boxes": the boxes of a setting are found once, a threshold only picks among them."""
    axes = (grid.step_seconds, grid.merge_absolute, grid.merge_relative, grid.min_duration_on)
    names = ("step_seconds", "merge_absolute", "merge_relative", "min_duration_on")
    settings = tuple(dict(zip(names, values, strict=True)) for values in product(*axes))
    counts = np.zeros((line.folds, len(line.labels), len(settings), len(grid.thresholds), 3))
    place = 0
    for step, absolute, relative in product(*axes[:3]):
        boxes = _all_boxes(line, step, absolute, relative)
        for on in grid.min_duration_on:
            kept = drop_short(boxes, _frames(on, line))
            for t, threshold in enumerate(grid.thresholds):
                counts[:, :, place, t] = counter.count(kept.where(kept.score >= np.float32(threshold)))
            place += 1
    return Sweep(settings, grid.thresholds, counts)


def _reaching(curve: FloatArray, onset: float, offset: float) -> Runs:
    classes = len(curve)
    return find_runs(curve, np.full(classes, onset, np.float32), np.full(classes, offset, np.float32))


def _all_boxes(line: Timeline, step: float, absolute: float, relative: float) -> Runs:
    classes = len(line.labels)
    half = half_steps([step] * classes, line.step)
    limits = np.full(classes, absolute, np.float32), np.full(classes, relative, np.float32)
    found = [find_boxes(scores.frames, half, *limits) for scores in line.scores]
    start = np.repeat(line.start, [len(boxes) for boxes in found])
    return line.within(
        Runs(
            np.concatenate([boxes.column for boxes in found]),
            np.concatenate([boxes.first for boxes in found]) + start,
            np.concatenate([boxes.last for boxes in found]) + start,
            np.concatenate([boxes.score for boxes in found]),
        )
    )


def _frames(seconds: float, line: Timeline) -> IntArray:
    return np.full(len(line.labels), whole_frames(seconds, line.step))
