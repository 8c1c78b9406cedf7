"""Multi-level attention: Yu et al. 2018, "Multi-level attention model for weakly supervised audio classification".

An encoder that gives the embeddings of several of its layers side by side in its channels (a2 | a3) is attended to
level by level, by decision-level attention with batch normalisation in both heads; the levels' clip probabilities, side
by side, are the embedding of the bag, from which one more layer decides:

    p_l  = sum_t g_l(t) cla_l(t) / sum_t g_l(t)              for each level l, see `kong2019`
    clip = sigmoid(BN(W [p_1 .. p_L] + b))

A frame's score is the output of the same layer for a bag with this frame alone, where p_l = cla_l(t). The weights are
the mean of the levels'.

Differs from the paper in: batch normalisation has torch's constants, not Keras's. Kong et al. 2019's later PyTorch
version of it is `shared: true, normalise: false, attend: sigmoid` (docs/papers/hong2020.md, section 5.2).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.options import Options
from earmark.pooling.classifier import BagNorm, dense
from earmark.pooling.contract import Pooled, valid_frames
from earmark.pooling.kong2019 import Attend, DecisionHead


class MultiLevelOptions(Options):
    """Choices of the multi-level attention."""

    kind: Literal["multi-level-attention"] = "multi-level-attention"
    levels: int = Field(2, gt=0)  # into which the encoder's channels split, equally
    attend: Attend = "class"  # what a level's weights are made of, see `kong2019`
    shared: bool = False  # one attention for all levels instead of one each
    normalise: bool = True  # batch normalisation after each linear layer


class MultiLevelAttention(nn.Module):
    """Attention on each level, then a layer that decides. `ValueError` when the channels do not split into levels.

    >>> pooled = MultiLevelAttention(MultiLevelOptions(), channels=32, classes=5).eval()(torch.zeros(2, 10, 32))
    >>> pooled.clip.shape, pooled.frames.shape
    (torch.Size([2, 5]), torch.Size([2, 10, 5]))
    """

    def __init__(self, options: MultiLevelOptions, channels: int, classes: int) -> None:
        super().__init__()
        if channels % options.levels:
            raise ValueError(f"{channels} channels cannot be split into {options.levels} levels of equal width")
        self.options = options
        width = channels // options.levels
        self.heads = nn.ModuleList(
            DecisionHead(width, classes, options.attend, normalise=options.normalise)
            for _ in range(1 if options.shared else options.levels)
        )
        self.decide = dense(options.levels * classes, classes)
        self.norm = BagNorm(classes) if options.normalise else nn.Identity()

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            parts = embeddings.float().chunk(self.options.levels, dim=2)
            levels: list[Pooled] = [
                self.heads[0 if self.options.shared else number](part, lengths) for number, part in enumerate(parts)
            ]
            clip = self._decided(torch.cat([level.clip for level in levels], dim=1))
            frames = self._decided(torch.cat([level.frames for level in levels], dim=2))
            frames = frames.masked_fill(~valid_frames(embeddings, lengths), 0.0)
            weights = torch.stack([level.weights for level in levels]).mean(dim=0)
            return Pooled(clip, frames, weights)

    def _decided(self, probabilities: Tensor) -> Tensor:
        return torch.sigmoid(self.norm(self.decide(probabilities)))
