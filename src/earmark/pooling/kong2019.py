"""Attention of two levels: Kong et al. 2019, "Weakly labelled AudioSet tagging with attention neural networks".

Decision level (`DecisionAttention`): two heads look at each frame's embedding; one classifies, the other weighs the
frame for each class:

    clip = sum_t g(t) cla(t) / sum_t g(t)            cla = sigmoid(linear), the frame score

`attend` selects g: `sigmoid`, each frame and class by itself (the authors' PyTorch code); `time`, softmax over the
frames of a clip of logits held within +-`limit` (Kong et al. 2020, "PANNs", Cnn14_DecisionLevelAtt, with a hidden layer
before); `class`, softmax over the classes of a frame (the authors' Keras code; Yu et al. 2018; as in Xu et al. 2018).

Feature level (`FeatureAttention`): each feature of the embedding is pooled with its own weights, and the bag is
classified:

    u = sum_t g(t) v(t) / sum_t g(t)                 v linear, g sigmoid(linear), both as wide as the embedding
    clip = sigmoid(FC(dropout(ReLU(BN(u)))))

A frame's score is then the output of the same classifier for a bag with this frame alone, u = v(t), and the weights are
the mean of the features', the same for every class.

Differs from the paper in: nothing meant (docs/papers/hong2020.md, section 5.3).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.options import Options
from earmark.pooling.classifier import BagNorm, ClassifierOptions, FrameNorm, Hidden
from earmark.pooling.contract import Pooled, valid_frames

Attend = Literal["sigmoid", "time", "class"]

_FLOOR = 1e-7  # g is kept this far from 0 and 1, as in the authors' code: a class no frame attends to still has a mean


class DecisionAttentionOptions(ClassifierOptions):
    """Choices of the decision-level attention."""

    kind: Literal["decision-attention"] = "decision-attention"
    attend: Attend = "sigmoid"  # what g is
    limit: float = Field(10.0, gt=0)  # logits of `time` are held within +-limit


class DecisionHead(nn.Module):
    """Embeddings (batch, steps, channels) to clip and frame probabilities, by attention of the kind `attend`.

    With `normalise` a batch normalisation follows each linear layer.
    """

    def __init__(
        self, channels: int, classes: int, attend: Attend, limit: float = 10.0, *, normalise: bool = False
    ) -> None:
        super().__init__()
        self.attend = attend
        self.limit = limit
        self.classify, self.localise = nn.Linear(channels, classes), nn.Linear(channels, classes)
        self.norms = nn.ModuleList(FrameNorm(classes) for _ in range(2)) if normalise else None
        for layer in (self.classify, self.localise):
            if attend == "sigmoid":
                nn.init.kaiming_uniform_(layer.weight)  # +- sqrt(6 / channels), as the authors' PyTorch code
            else:
                nn.init.xavier_uniform_(layer.weight)  # as PANNs, and as Keras
            nn.init.zeros_(layer.bias)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all); embeddings in float32."""
        valid = valid_frames(embeddings, lengths)
        logits, attention = self.classify(embeddings), self.localise(embeddings)
        if self.norms is not None:
            mask = None if lengths is None else valid[:, :, 0]
            logits, attention = self.norms[0](logits, mask), self.norms[1](attention, mask)
        frames = torch.sigmoid(logits).masked_fill(~valid, 0.0)
        weights = self._weights(attention, valid)
        return Pooled((frames * weights).sum(dim=1), frames, weights)

    def _weights(self, logits: Tensor, valid: Tensor) -> Tensor:
        if self.attend == "time":
            return logits.clamp(-self.limit, self.limit).masked_fill(~valid, -torch.inf).softmax(dim=1)
        g = logits.sigmoid() if self.attend == "sigmoid" else logits.softmax(dim=2)
        g = g.clamp(_FLOOR, 1 - _FLOOR) * valid
        return g / g.sum(dim=1, keepdim=True)


class DecisionAttention(nn.Module):
    """Decision-level attention, after a hidden layer where asked for.

    >>> pooling = DecisionAttention(DecisionAttentionOptions(attend="time", hidden=64), channels=32, classes=5)
    >>> pooled = pooling(torch.zeros(2, 25, 32))
    >>> pooled.clip.shape, pooled.frames.shape
    (torch.Size([2, 5]), torch.Size([2, 25, 5]))
    """

    def __init__(self, options: DecisionAttentionOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.hidden = Hidden(options, channels)
        self.head = DecisionHead(self.hidden.width, classes, options.attend, options.limit)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            pooled: Pooled = self.head(self.hidden(embeddings.float()), lengths)
            return pooled


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
