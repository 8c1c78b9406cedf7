"""The scores of one recording: clip and frame probabilities with their labels and their clock.

`Scores` is plain numpy. Probabilities, never logits: values outside [0, 1] are refused, not guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.labels import Labels


@dataclass(frozen=True, eq=False)
class WindowScores:
    """Clip scores of the windows of live sound (windows, classes), each of which scored `steps` frames in turn.

    The last window scored all frames that are left. An event whose gate is in doubt is waited for `patience` frames.
    """

    clip: FloatArray
    steps: int
    patience: int = 0

    def at(self, frames: IntArray) -> IntArray:
        """Which window scored each of these frames, given by number."""
        return np.minimum(frames // self.steps, len(self.clip) - 1)

    def of_frames(self, frames: int) -> FloatArray:
        """The clip score for each of this many frames, (frames, classes)."""
        return self.clip[self.at(np.arange(frames))]


@dataclass(frozen=True, eq=False)
class Scores:
    """Probabilities of one recording.

    `clip` (classes,), `frames` (frames, classes), both in [0, 1]; frame `i` covers
    `clock.time(i) .. clock.time(i + 1)`, cut at 0 and at `duration` (seconds). `windows` has the clip scores of the
    windows that scored the frames, of a recording that was scored as a stream is.
    Raises `ValueError` if shapes disagree or a value is not a probability.
    """

    recording: str
    labels: Labels
    clip: FloatArray
    frames: FloatArray
    clock: Clock
    duration: float
    windows: WindowScores | None = None

    def __post_init__(self) -> None:
        classes = len(self.labels)
        if self.clip.shape != (classes,) or self.frames.ndim != 2 or self.frames.shape[1] != classes:
            raise ValueError(
                f"{self.recording}: {classes} labels, but clip {self.clip.shape} and frames {self.frames.shape}"
            )
        for name, values in (("clip", self.clip), ("frame", self.frames)):
            if values.size and not (values.min() >= 0 and values.max() <= 1):  # also catches NaN
                raise ValueError(f"{self.recording}: {name} scores outside [0, 1] or not a number; are these logits?")

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Frame boundaries (frames + 1,) in seconds, none before the recording's beginning or beyond its end."""
        return np.clip(self.clock.edges(len(self.frames)), 0.0, self.duration)
