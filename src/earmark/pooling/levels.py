"""A classifier at each of a network's depths, and the mean of the deepest over time (Chou et al. 2017).

The embeddings of `levels` depths stand side by side in the channels, shallowest first (encoder `frame-cnn`). Each has
a linear layer and a sigmoid of its own; frame supervision teaches them all (`Pooled.levels`), while a clip's and a
frame's score are the deepest one's: the shallower are there to teach what lies below.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.masking import valid_steps
from earmark.options import Options
from earmark.pooling.contract import Pooled


class LevelsOptions(Options):
    """The number of depths of the encoder."""

    kind: Literal["levels"] = "levels"
    levels: int = Field(4, gt=0)


class LevelsPooling(nn.Module):
    """Embeddings (batch, steps, levels * width) to probabilities at each depth.

    >>> pooled = LevelsPooling(LevelsOptions(levels=4), channels=32, classes=5)(torch.zeros(2, 25, 32))
    >>> pooled.levels.shape, pooled.frames.shape, pooled.clip.shape
    (torch.Size([2, 25, 4, 5]), torch.Size([2, 25, 5]), torch.Size([2, 5]))
    """

    def __init__(self, options: LevelsOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        if channels % options.levels:
            raise ValueError(f"{channels} channels cannot be divided evenly among {options.levels} levels")
        self.classify = nn.ModuleList(nn.Linear(channels // options.levels, classes) for _ in range(options.levels))
        for parameter in self.classify.parameters():
            nn.init.xavier_uniform_(parameter) if parameter.ndim > 1 else nn.init.zeros_(parameter)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            depths = embeddings.float().chunk(self.options.levels, dim=2)
            logits = [classify(depth) for classify, depth in zip(self.classify, depths, strict=True)]
            levels = torch.sigmoid(torch.stack(logits, dim=2))  # (batch, steps, levels, classes)
            valid = torch.ones_like(levels[:, :, 0])
            if lengths is not None:
                valid = valid * valid_steps(lengths, levels.shape[1])[:, :, None]
            levels = levels * valid[:, :, None]
            frames, weights = levels[:, :, -1], valid / valid.sum(dim=1, keepdim=True)
            return Pooled((frames * weights).sum(dim=1), frames, weights, levels)
