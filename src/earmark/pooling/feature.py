"""Feature-level attention: Kong et al. 2019, "Weakly labelled AudioSet tagging with attention neural networks".

Each feature of the embedding is pooled with its own weights, and the bag is classified:

    u = sum_t g(t) v(t) / sum_t g(t)                 v linear, g sigmoid(linear), both as wide as the embedding
    clip = sigmoid(FC(dropout(ReLU(BN(u)))))

A frame's score is the output of the same classifier for a bag with this frame alone, u = v(t). The weights are the
mean of the features', the same for every class.

Differs from the paper in: nothing meant (docs/papers/hong2020.md, section 5.3).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.options import Options
from earmark.pooling.classifier import BagNorm
from earmark.pooling.contract import Pooled, valid_frames

_FLOOR = 1e-7  # g is kept this far from 0 and 1, as in the authors' code


class FeatureAttentionOptions(Options):
    """Choices of the feature-level attention."""

    kind: Literal["feature-attention"] = "feature-attention"
    dropout: float = Field(0.5, ge=0, lt=1)  # before the classifier


class FeatureAttention(nn.Module):
    """Attention for each feature, then a classifier.

    >>> pooled = FeatureAttention(FeatureAttentionOptions(), channels=32, classes=5).eval()(torch.zeros(2, 10, 32))
    >>> pooled.clip.shape, pooled.frames.shape
    (torch.Size([2, 5]), torch.Size([2, 10, 5]))
    """

    def __init__(self, options: FeatureAttentionOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.value, self.localise = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.norm = BagNorm(channels)
        self.dropout = nn.Dropout(options.dropout)
        self.classify = nn.Linear(channels, classes)
        for layer in (self.value, self.localise, self.classify):
            nn.init.kaiming_uniform_(layer.weight)  # +- sqrt(6 / channels), as the authors' code
            nn.init.zeros_(layer.bias)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            valid = valid_frames(embeddings, lengths)
            v = self.value(embeddings).masked_fill(~valid, 0.0)  # (batch, steps, channels)
            g = self.localise(embeddings).sigmoid().clamp(_FLOOR, 1 - _FLOOR) * valid
            weights = g / g.sum(dim=1, keepdim=True)
            clip = self._classified((weights * v).sum(dim=1))
            frames = self._classified(v).masked_fill(~valid, 0.0)
            return Pooled(clip, frames, weights.mean(dim=2, keepdim=True).expand_as(frames))

    def _classified(self, u: Tensor) -> Tensor:
        return torch.sigmoid(self.classify(self.dropout(torch.relu(self.norm(u)))))
