"""What every pooling gives: clip and frame probabilities, and the weights with which frames were pooled."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from earmark.masking import valid_steps


class Pooled(NamedTuple):
    """Outcome of a pooling, all float32.

    `clip` (batch, classes) and `frames` (batch, steps, classes) are probabilities; `weights` (batch, steps,
    classes) sum to one over each clip's valid steps. Beyond a clip's end `frames` and `weights` are zero.
    A pooling over frame probabilities gives as clip score the weighted mean of the frame scores; one over embeddings
    weighs embeddings, and its frame score is the clip score of a bag that holds that frame alone.
    `levels` (batch, steps, levels, classes) are the frame scores at several depths of a network that has them: what
    frame supervision teaches (otherwise it teaches `frames`). `heads` (batch, steps, heads) are the weights of each
    attention head over the embeddings, where a pooling has heads.

    Before its classifier, a pooling over embeddings returns embeddings in the same form: then `clip` is the bag's
    embedding, `frames` are those of one-frame bags, and the last axis of `weights` is that of whatever is weighed
    apart.
    """

    clip: Tensor
    frames: Tensor
    weights: Tensor
    levels: Tensor | None = None
    heads: Tensor | None = None


def valid_frames(embeddings: Tensor, lengths: Tensor | None) -> Tensor:
    """Boolean mask (batch, steps, 1) of the steps of (batch, steps, channels) that belong to a clip; None: all do."""
    if lengths is None:
        return torch.ones_like(embeddings[:, :, :1], dtype=torch.bool)
    return valid_steps(lengths, embeddings.shape[1])[:, :, None]
