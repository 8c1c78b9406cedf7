"""What turns waveforms into clip and frame scores, whatever computes it: PyTorch, ONNX Runtime, or code of your own.

The runtime (`earmark.runtime`) knows an engine by this protocol alone, in plain numpy. To run a model of your own,
give an object with these attributes to `earmark.runtime.scorer.Scorer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
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
    def plan(self) -> WindowPlan:
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
