"""What every front-end is: waveform (batch, samples) to features (batch, frames, bands)."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from earmark.clock import Clock
from earmark.masking import valid_steps

Count = TypeVar("Count", int, Tensor)  # one number, or one for each clip of a batch


@runtime_checkable
class FrontEnd(Protocol):
    """A module that states its `bands` and the clock of its frames. Its options state the `rate` (Hz) and `fill`."""

    bands: int

    @property
    def clock(self) -> Clock:
        """The clock of the frames."""
        ...

    def frames_in(self, samples: Count) -> Count:
        """Number of frames of clips of this many samples; at least one."""
        ...

    def __call__(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Features (batch, frames, bands), float32; a clip's own frames do not depend on what it is batched with.

        `lengths` (batch,) counts the valid samples of each clip, None: all. What lies beyond must be zero.
        """
        ...


def at_least(count: Count, least: int) -> Count:
    """The larger of `count` and `least`. Of a number it is a number: nothing is read back from a device.

    >>> at_least(0, 1), at_least(torch.tensor([0, 7]), 1)
    (1, tensor([1, 7]))
    """
    return count.clamp(min=least) if isinstance(count, Tensor) else max(count, least)


def fill_frames(features: Tensor, frames: Tensor | None, least: int) -> tuple[Tensor, Tensor | None]:
    """Features (batch, frames, bands) filled with zeros to `least` frames, the filling counted as content.

    `frames` (batch,) counts each clip's own, None: all are. Comes back the same way. What lies beyond a clip's own
    frames is set to zero (in log-mel features no silence but log 1, louder than most sounds: so the clips of Xu et al.
    2018 were filled to ten seconds; docs/papers/xu2018.md, section 1).

    >>> features, frames = fill_frames(torch.ones(2, 3, 1), torch.tensor([1, 3]), least=4)
    >>> features[:, :, 0].tolist(), frames
    ([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]], None)
    """
    if frames is not None:
        features = features * valid_steps(frames, features.shape[1])[:, :, None]
        frames = frames.clamp(min=least)
    if torch.compiler.is_exporting():  # a traced batch has room for `least` frames, and may have more
        return features, frames
    short = least - features.shape[1]
    if short < 0:
        return features, frames
    return torch.nn.functional.pad(features, (0, 0, 0, short)), None  # every clip is filled, to the last frame
