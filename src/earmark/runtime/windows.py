r"""A recording of any length in overlapping windows, and its scores put together again.

A recording no longer than `window` is scored in one piece. A longer one is cut into windows on the grid of the
frames, each beginning `window - overlap` after the one before; the last ends with the recording, and may be longer
than the others if the window is not a whole number of steps. Where two windows
overlap their frame scores are cross-faded, so that window borders leave no trace:

    window k      ______________
                               `\\
    window k + 1              /`` ________________
                       overlap

with weights (i + 1) / (n + 1) and their complement over the n frames of the overlap. The clip score of a long recording
is the largest of its windows': a tag may hold for only part of the recording.

Where the cuts lie follows from the sample count alone, so scores do not depend on how the file was read.

Sound that goes on is cut by a `LivePlan` instead: windows that end shortly after the frames they score, each of which
is scored once. A file can be cut in the same way, and then has the scores that it would have live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from earmark.arrays import FloatArray, IntArray
from earmark.engine import Engine, LivePlan, WindowPlan
from earmark.scores import WindowScores
from earmark.stopwatch import Stopwatch

_SMALL = 2**20  # scores, of which a copy costs nothing
_MOST_ROOM = 2**26  # scores (256 MB) that a recording's promise is believed


@dataclass(frozen=True)
class Window:
    """Samples (samples,) of one window of a recording, counted from 0; `last` marks the final one."""

    number: int
    samples: FloatArray
    last: bool


class LiveCutter:
    """Sound that comes in blocks of any size, as the windows of a live plan; holds little more than a window."""

    def __init__(self, plan: LivePlan) -> None:
        self.plan = plan
        self.samples = 0  # so far
        self._held = np.zeros(0, np.float32)
        self._number = 0

    def push(self, block: FloatArray) -> Iterator[Window]:
        """Windows that are whole with these samples (samples,)."""
        self._held = np.concatenate([self._held, block])
        self.samples += len(block)
        while self.samples >= (end := self.plan.end(self._number)):
            first = self.samples - len(self._held)  # sample that is held first
            yield Window(self._number, self._held[self.plan.begin(self._number) - first : end - first].copy(), False)
            self._number += 1
            self._held = self._held[max(0, self.plan.begin(self._number) - first) :]

    def finish(self) -> Window:
        """The last window: what is left when no more comes."""
        first = self.samples - len(self._held)
        return Window(self._number, self._held[self.plan.begin(self._number) - first :].copy(), True)


def scored_by(plan: LivePlan, window: Window, frames: FloatArray) -> FloatArray:
    """Of the frame scores (steps, classes) of a live plan's window those that it is there for."""
    first = window.number * plan.stride_steps - plan.begin(window.number) // plan.step
    return frames[first:] if window.last else frames[first : first + plan.stride_steps]


def cut(plan: WindowPlan | LivePlan, blocks: Iterable[FloatArray]) -> Iterator[Window]:
    """Windows of a recording that comes in blocks of any size; holds little more than a window."""
    if isinstance(plan, LivePlan):
        cutter = LiveCutter(plan)
        for block in blocks:
            yield from cutter.push(block)
        yield cutter.finish()
        return
    held = np.zeros(0, np.float32)
    number = 0
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > max(plan.size, plan.longest):  # one sample more than the window: it is not the last
            yield Window(number, held[: plan.size].copy(), last=False)
            held = held[plan.stride :]
            number += 1
    yield Window(number, held, last=True)


class Assembly:
    """Puts the frame scores of a recording's windows together; windows come in order.

    They lie in one array with room for the length that the recording promises, so that of one of many hours no piece
    is held twice; where it promises none, or too little, the array grows.
    """

    def __init__(self, plan: WindowPlan | LivePlan, classes: int, samples: int = 0) -> None:
        self.plan = plan
        self._clips: list[FloatArray] = []  # of a live plan's windows
        self.clip = np.zeros(classes, np.float32)
        steps = min(plan.steps(samples), _MOST_ROOM // classes)
        self._frames = np.empty((steps, classes), np.float32)  # takes no memory before it is written to
        self._count = 0
        self._tail = np.zeros((0, classes), np.float32)  # of the window before: the part that is cross-faded
        self._samples = 0

    def add(self, window: Window, clip: FloatArray, frames: FloatArray) -> None:
        """Take up a window's clip scores (classes,) and frame scores (steps, classes)."""
        self.clip = np.maximum(self.clip, clip)
        if isinstance(self.plan, LivePlan):
            self._samples = self.plan.begin(window.number) + len(window.samples)
            self._append(scored_by(self.plan, window, frames))
            self._clips.append(clip)
            return
        faded = cross_fade(self._tail, frames)
        self._samples = window.number * self.plan.stride + len(window.samples)
        sure = len(faded) if window.last else self.plan.stride_steps
        self._append(faded[:sure])
        self._tail = faded[sure:]

    def _append(self, steps: FloatArray) -> None:
        end = self._count + len(steps)
        if end > len(self._frames):
            room = np.empty((max(end, len(self._frames) * 3 // 2), steps.shape[1]), np.float32)
            room[: self._count] = self._frames[: self._count]
            self._frames = room
        self._frames[self._count : end] = steps
        self._count = end

    @property
    def samples(self) -> int:
        """Samples of the recording seen so far."""
        return self._samples

    def windows(self) -> WindowScores | None:
        """The clip scores of a live plan's windows."""
        if not isinstance(self.plan, LivePlan) or not self._clips:
            return None
        steps = self.plan.stride_steps
        return WindowScores(np.stack(self._clips), steps, self.plan.patience * steps)

    def frames(self) -> FloatArray:
        """Frame scores (steps, classes) of the recording."""
        frames = self._frames[: self._count]
        return frames if self._count == len(self._frames) or frames.size > _SMALL else frames.copy()


def cross_fade(before: FloatArray, after: FloatArray) -> FloatArray:
    """`after` (steps, classes) with its beginning faded in over the last steps `before`.

    >>> cross_fade(np.ones((1, 1), np.float32), np.zeros((3, 1), np.float32)).ravel().tolist()
    [0.5, 0.0, 0.0]
    """
    count = min(len(before), len(after))
    rise = ((np.arange(count, dtype=np.float32) + 1) / (count + 1))[:, None]
    faded = after.copy()
    faded[:count] = (1 - rise) * before[:count] + rise * after[:count]
    return faded


class LiveEngine:
    """An engine whose recordings are cut by a live plan. Windows are scored one by one, as they are live."""

    batch = 1

    def __init__(self, engine: Engine, plan: LivePlan) -> None:
        self.engine, self.plan = engine, plan
        self.labels, self.rate, self.clock, self.takes = engine.labels, engine.rate, engine.clock, engine.takes
        self.arithmetic, self.parameters = engine.arithmetic, engine.parameters
        self.steps_in, self.fingerprint = engine.steps_in, engine.fingerprint

    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip and frame scores of a batch; see `earmark.engine.Engine.listen`."""
        return self.engine.listen(waveform, lengths, watch)
