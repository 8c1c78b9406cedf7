"""What turns waveforms into clip and frame scores, whatever computes it: PyTorch, ONNX Runtime, or code of your own.

The runtime (`earmark.runtime`) knows an engine by this protocol alone, in plain numpy. To run a model of your own,
give an object with these attributes to `earmark.runtime.scorer.Scorer`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.errors import ConfigError, ModelError
from earmark.labels import Labels
from earmark.stopwatch import Stopwatch


@dataclass(frozen=True)
class WindowPlan:
    """How a long recording is cut: `size` and `stride` in samples, `stride_steps` and `overlap_steps` in frames.

    A recording of at most `longest` samples is not cut.
    """

    size: int
    stride: int
    stride_steps: int
    overlap_steps: int
    longest: int = 0

    @classmethod
    def of(cls, window_seconds: float, overlap_seconds: float, rate: int, clock: Clock) -> WindowPlan:
        """The plan for windows of this length and overlap (seconds), on the grid of the frame scores.

        `ValueError` if a frame is not a whole number of samples.
        """
        step = clock.step * rate  # samples a frame
        if step.denominator != 1:
            raise ValueError(f"a frame of {step} samples is not a whole number of samples")
        samples = int(step)
        whole = max(1, round(Fraction(window_seconds) * rate / samples))
        overlap = min(round(Fraction(overlap_seconds) * rate / samples), whole // 2)
        stride = whole - overlap
        # A front-end without padding needs more than its hops: twice what its clock is late. One whose clock is early,
        # frame 0 being centred on 0, gives a frame more than hops; that one lengthens the cross-fade.
        late = max(0, int(2 * clock.start * rate))
        longest = round(Fraction(window_seconds) * rate)
        return cls(whole * samples + late, stride * samples, stride, overlap, longest)

    def steps(self, samples: int) -> int:
        """Upper bound of the frames in `samples` samples, at most two too many; 0 for none."""
        return samples * self.stride_steps // self.stride + 2 if samples else 0


STRIDE = 0.4  # seconds
LATEST = 2.0  # seconds after its onset, at which a plain event is reported unless a look-ahead is asked for
LEAST = 0.2  # seconds of look-ahead, even where the decisions take long


@dataclass(frozen=True)
class LivePlan:
    """How sound that goes on is cut: every `stride` samples a window, whose newest frames but for a few are taken.

        window k      [            old sound            |  frames scored  | look-ahead ]
        window k + 1             [            old sound            |  frames scored  | look-ahead ]

    A window has up to `size` samples; those at the beginning of a recording are shorter, for there is no older sound.
    Frames k * `stride_steps` and on, `stride_steps` of them, are scored by window k, which ends `ahead_steps` after
    them; the last window scores all that are left. `late` samples more are what a front-end without padding needs.

    What the clip score of that window leaves in doubt (an event's gate) is asked again of window k + `patience`.
    """

    size: int  # samples, like `stride` and `late`
    stride: int
    stride_steps: int
    ahead_steps: int
    late: int = 0
    patience: int = 0  # windows

    @classmethod
    def of(
        cls, window: float, stride: float, look_ahead: float, rate: int, clock: Clock, patience: float | None = 0.0
    ) -> LivePlan:
        """The plan for these seconds, on the grid of the frame scores.

        `patience` None: until the last window that hears the beginning of what window k scored. `ConfigError` where the
        window has no room for stride and look-ahead, `ValueError` if a frame is not a whole number of samples.
        """
        step = clock.step * rate  # samples a frame
        if step.denominator != 1:
            raise ValueError(f"a frame of {step} samples is not a whole number of samples")
        if not (window > 0 and stride > 0 and look_ahead >= 0):  # false for what is not a number as well
            raise ConfigError(
                "a live window plan needs a window and a stride above 0 s and a look-ahead of 0 s or more, got "
                f"{window} s, {stride} s and {look_ahead} s"
            )
        if patience is not None and not 0 <= patience < float("inf"):
            raise ConfigError(f"a live window plan needs a patience of 0 s or more, got {patience} s")
        samples = int(step)
        size, steps = (max(1, round(Fraction(seconds) * rate / samples)) for seconds in (window, stride))
        ahead = round(Fraction(look_ahead) * rate / samples)
        if size <= steps + ahead:
            raise ConfigError(
                f"a window of {window} s has no room for a stride of {stride} s and a look-ahead of {look_ahead} s"
            )
        late = max(0, int(2 * clock.start * rate))
        plan = cls(size * samples + late, steps * samples, steps, ahead, late)
        waited = plan.longest if patience is None else round(Fraction(patience) * rate / plan.stride)
        return replace(plan, patience=min(plan.longest, waited))

    @property
    def longest(self) -> int:
        """The most patience that helps: windows until the last that hears the beginning of what a window scored."""
        return ((self.size - self.late) // self.step - self.ahead_steps) // self.stride_steps - 1

    @property
    def step(self) -> int:
        """Samples a frame."""
        return self.stride // self.stride_steps

    def end(self, number: int) -> int:
        """The sample at which a window ends, unless the recording does before."""
        return (number + 1) * self.stride + self.ahead_steps * self.step + self.late

    def begin(self, number: int) -> int:
        """The sample at which a window begins; on the grid of the frames."""
        return max(0, self.end(number) - self.size)

    def steps(self, samples: int) -> int:
        """Upper bound of the frames in `samples` samples, at most two too many; 0 for none."""
        return samples * self.stride_steps // self.stride + 2 if samples else 0


@dataclass(frozen=True)
class LiveWindows:
    """What a live plan is asked to be, in seconds: for engines of any rate and clock.

    `window` None is the engine's own; `look_ahead` None is what stride and decisions leave of `LATEST`; `patience` None
    is as long as a window hears what is in doubt.

    >>> LiveWindows.parse("5,0.5,0.25")
    LiveWindows(window=5.0, stride=0.5, look_ahead=0.25, patience=0.0)
    """

    window: float | None = None
    stride: float = STRIDE
    look_ahead: float | None = None
    patience: float | None = 0.0

    @classmethod
    def parse(cls, text: str) -> LiveWindows:
        """From "live" or "WINDOW,STRIDE,LOOK-AHEAD[,PATIENCE]", as `--window-plan` has it; else `ConfigError`."""
        if text == "live":
            return cls()
        try:
            window, stride, look_ahead, *patience = map(float, text.split(","))
            if len(patience) > 1:
                raise ValueError(text)
        except ValueError:
            raise ConfigError(
                f"--window-plan {text}: expected live, or window, stride, look-ahead and perhaps patience in seconds, "
                "such as 10,0.4,0.7 or 10,0.4,0.7,4"
            ) from None
        return cls(window, stride, look_ahead, patience[0] if patience else 0.0)

    def plan(self, engine: Engine, decided: float = 0.0) -> LivePlan:
        """The plan for an engine whose scores take `decided` seconds to be decided; raises as `LivePlan.of` does."""
        own = engine.plan
        longest = own.size if isinstance(own, LivePlan) else own.longest or own.size
        window = longest / engine.rate if self.window is None else self.window
        ahead = self._left(window, engine.clock, decided) if self.look_ahead is None else self.look_ahead
        return LivePlan.of(window, self.stride, ahead, engine.rate, engine.clock, self.patience)

    def _left(self, window: float, clock: Clock, decided: float) -> float:
        """The look-ahead that keeps a `begin` within `LATEST`, in whole frames, where the window has room for it."""
        step = float(clock.step)
        wanted = max(LEAST, LATEST - decided - self.stride - max(0.0, 2 * float(clock.start)) + step)
        room = window - self.stride - 1.5 * step
        return max(0, math.floor(min(wanted, room) / step + 1e-6)) * step


class Engine(Protocol):
    """One model that can be run."""

    @property
    def labels(self) -> Labels:
        """Labels, in the order of the scores."""
        ...

    @property
    def rate(self) -> int:
        """Samples a second of the waveforms it takes."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock of its frame scores."""
        ...

    @property
    def plan(self) -> WindowPlan | LivePlan:
        """How long recordings are cut for it."""
        ...

    @property
    def takes(self) -> Literal["sound", "embeddings"]:
        """What its waveforms hold: sound, or embeddings computed elsewhere."""
        ...

    @property
    def batch(self) -> int:
        """Windows that keep it busy at once; more would cost memory and save no time."""
        ...

    @property
    def arithmetic(self) -> str:
        """Where and in which precision it computes: "cpu, bf16"."""
        ...

    @property
    def parameters(self) -> int:
        """Number of its trainable parameters."""
        ...

    def fingerprint(self) -> str:
        """Digest of everything that its scores depend on besides the recording and the arithmetic."""
        ...

    def steps_in(self, samples: int) -> int:
        """Frames of the scores of a waveform of this many samples."""
        ...

    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip scores (batch, classes) and frame scores (batch, frames, classes) of waveforms (batch, samples).

        `lengths` (batch,) counts the valid samples of each; what lies beyond must be zero. Frames beyond
        `steps_in(length)` mean nothing.
        """
        ...


def rounded_to_one(scores: FloatArray) -> FloatArray:
    """A weighted mean may pass 1 by a rounding; nothing else is let through.

    >>> rounded_to_one(np.float32([0.5, 1.0000004, 1.1])).tolist() == [0.5, 1.0, np.float32(1.1)]
    True
    """
    return np.where((scores > 1) & (scores < 1 + 1e-5), np.float32(1), scores)


def check_probabilities(what: str, *scores: FloatArray) -> None:
    """`ModelError` where an engine's scores are not numbers between 0 and 1; `what` was listened to."""
    if not all(np.all((part >= 0) & (part <= 1)) for part in scores):
        raise ModelError(f"{what}: the model's scores are not between 0 and 1; its weights are damaged, or diverged")
