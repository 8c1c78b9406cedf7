"""Poolings over frame probabilities by a function.

With y(t) the probability of a class at frame t of a clip (Wang, Li and Metze 2019, "A comparison of five multiple
instance learning pooling functions for sound event detection with weak labeling", Table 1):

    max             max_t y(t)
    average         mean_t y(t)
    linear-softmax  sum_t y(t)^2 / sum_t y(t)
    exp-softmax     sum_t y(t) exp y(t) / sum_t exp y(t)

and one that learns a number for each class (McFee, Salamon and Bello 2018, "Adaptive pooling operators for weakly
labeled sound event detection"):

    auto            sum_t y(t) exp(a y(t)) / sum_t exp(a y(t))

which is the average at a = 0, where it starts as in the authors' code, exp-softmax at a = 1, and tends to the max.

Xu et al. 2018 average in their tagging systems and in the CRNN they compare with (section 2.1); `max` after a hidden
layer is Kong et al. 2020's Cnn14_DecisionLevelMax.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from earmark.pooling.classifier import ClassifierOptions, Hidden, dense
from earmark.pooling.contract import Pooled, valid_frames

_EPS = 1e-7  # keeps a weighted mean finite when all weights vanish


class FunctionOptions(ClassifierOptions):
    """Which function pools the frame probabilities."""

    kind: Literal["max", "average", "linear-softmax", "exp-softmax", "auto"] = "average"


class FunctionPooling(nn.Module):
    """A classifier for each frame, then a function over time.

    >>> FunctionPooling(FunctionOptions(kind="max"), channels=32, classes=5)(torch.zeros(2, 25, 32)).clip.shape
    torch.Size([2, 5])
    """

    def __init__(self, options: FunctionOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.hidden = Hidden(options, channels)
        self.classify = dense(self.hidden.width, classes)
        self.sharpness = nn.Parameter(torch.zeros(classes)) if options.kind == "auto" else None  # a

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            frames = torch.sigmoid(self.classify(self.hidden(embeddings.float())))  # (batch, steps, classes)
            valid = valid_frames(embeddings, lengths).expand_as(frames)
            frames = frames.masked_fill(~valid, 0.0)
            weights = self._weights(frames, valid)
            return Pooled((frames * weights).sum(dim=1), frames, weights)

    def _weights(self, frames: Tensor, valid: Tensor) -> Tensor:
        if self.options.kind == "max":  # all weight on the (first) best frame
            best = frames.masked_fill(~valid, -1.0).argmax(dim=1, keepdim=True)
            return torch.zeros_like(frames).scatter_(1, best, 1.0)
        if self.sharpness is not None:
            return (self.sharpness * frames).masked_fill(~valid, -torch.inf).softmax(dim=1)
        if self.options.kind == "average":
            raw = valid.float()
        elif self.options.kind == "linear-softmax":
            raw = (frames + _EPS) * valid
        else:
            raw = frames.exp() * valid
        return raw / raw.sum(dim=1, keepdim=True)
