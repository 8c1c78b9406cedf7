"""Frames and seconds: the only place that turns one into the other.

A `Clock` says how long a frame lasts and when frame 0 begins, both as exact fractions of a second, so that
no rounding accumulates over a recording of any length. Frame `i` stands for the interval
`[start + i * step, start + (i + 1) * step)`; `n` frames have `n + 1` edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

_SNAP = Fraction(1, 10**9)  # seconds: a time this near to an edge is that edge, written as a rounded decimal or float


@dataclass(frozen=True)
class Clock:
    """The time axis of a sequence of frames.

    >>> clock = Clock.from_hop(hop=640, rate=16_000)
    >>> clock.time(250), clock.frame_at(9.99), clock.frames_in(10.0)
    (10.0, 249, 250)
    """

    step: Fraction  # seconds a frame lasts
    start: Fraction = Fraction(0)  # seconds at which frame 0 begins

    def __post_init__(self) -> None:
        if self.step <= 0:
            raise ValueError(f"a frame must last longer than 0 s, got {self.step}")

    @classmethod
    def from_hop(cls, hop: int, rate: int, reduction: Fraction | int = 1) -> Clock:
        """The clock of frames `hop` samples apart at `rate` Hz, after an encoder keeps one in `reduction`."""
        return cls(Fraction(hop, rate) * Fraction(reduction))

    def time(self, frame: int) -> float:
        """Seconds at which a frame begins."""
        return float(self.start + frame * self.step)

    def edges(self, frames: int) -> npt.NDArray[np.float64]:
        """The `frames + 1` boundaries in seconds, each exact to the last bit."""
        common = math.lcm(self.step.denominator, self.start.denominator)
        return (np.arange(frames + 1) * int(self.step * common) + int(self.start * common)) / common

    def frame_at(self, seconds: float) -> int:
        """Index of the frame that holds this time (it may lie outside a recording)."""
        return math.floor(self._place(seconds))

    def frames_in(self, seconds: float) -> int:
        """Frames needed to cover a duration: the last may reach beyond it."""
        return max(0, math.ceil(self._place(seconds)))

    def _place(self, seconds: float) -> Fraction:
        """A time counted in frames; whole where it means an edge."""
        place = (Fraction(seconds) - self.start) / self.step
        nearest = Fraction(round(place))
        return nearest if abs(place - nearest) * self.step < _SNAP else place
