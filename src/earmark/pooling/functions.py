"""Poolings over frame probabilities that have no weights of their own.

With y(t) the probability of a class at frame t of a clip (Wang, Li and Metze 2019, "A comparison of five multiple
instance learning pooling functions for sound event detection with weak labeling", Table 1):

    max             max_t y(t)
    average         mean_t y(t)
    linear-softmax  sum_t y(t)^2 / sum_t y(t)
    exp-softmax     sum_t y(t) exp y(t) / sum_t exp y(t)

Xu et al. 2018 average in their tagging systems and in the CRNN they compare with (section 2.1).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from earmark.encoders.masking import valid_steps
from earmark.options import Options
from earmark.pooling.contract import Pooled

_EPS = 1e-7  # keeps a weighted mean finite when all weights vanish


class FunctionOptions(Options):
    """Which function pools the frame probabilities."""

    kind: Literal["max", "average", "linear-softmax", "exp-softmax"] = "average"


class FunctionPooling(nn.Module):
    """A classifier for each frame, then a fixed function over time.

    >>> FunctionPooling(FunctionOptions(kind="max"), channels=32, classes=5)(torch.zeros(2, 25, 32)).clip.shape
    torch.Size([2, 5])
    """

    def __init__(self, options: FunctionOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.classify = nn.Linear(channels, classes)
        nn.init.xavier_uniform_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            frames = torch.sigmoid(self.classify(embeddings.float()))  # (batch, steps, classes)
            if lengths is None:
                valid = torch.ones_like(frames)
            else:
                valid = valid_steps(lengths, frames.shape[1])[:, :, None].expand_as(frames).float()
            frames = frames * valid
            weights = self._weights(frames, valid)
            return Pooled((frames * weights).sum(dim=1), frames, weights)

    def _weights(self, frames: Tensor, valid: Tensor) -> Tensor:
        if self.options.kind == "max":  # all weight on the (first) best frame
            best = frames.masked_fill(valid == 0, -1.0).argmax(dim=1, keepdim=True)
            return torch.zeros_like(frames).scatter_(1, best, 1.0)
        if self.options.kind == "average":
            raw = valid
        elif self.options.kind == "linear-softmax":
            raw = (frames + _EPS) * valid
        else:
            raw = frames.exp() * valid
        return raw / raw.sum(dim=1, keepdim=True)
