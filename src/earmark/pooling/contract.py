"""What every pooling gives: clip and frame probabilities, and the weights with which frames were pooled."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Pooled(NamedTuple):
    """Outcome of a pooling, all float32.

    `clip` (batch, classes) and `frames` (batch, steps, classes) are probabilities; `weights` (batch, steps,
    classes) sum to one over each clip's valid steps. Beyond a clip's end `frames` and `weights` are zero.
    `levels` (batch, steps, levels, classes) are the frame scores at several depths of a network that has them: what
    frame supervision teaches (otherwise it teaches `frames`).
    """

    clip: Tensor
    frames: Tensor
    weights: Tensor
    levels: Tensor | None = None
