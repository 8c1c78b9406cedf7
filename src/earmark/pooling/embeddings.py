"""Poolings over embeddings: Hong, Zou and Wang 2020, Table 1.

The embeddings of a clip's frames become one embedding u of the bag, which a classifier of two layers then scores:

    embedding-max        u = max_t h_t                          (2)
    embedding-average    u = mean_t h_t                         (3)
    max-average          u = max_t h_t + mean_t h_t             as in Kong et al. 2020, "PANNs"
    embedding-attention  u = sum_t w_t h_t                      (5, 6: "vanilla attention")
    single-head          u = [mean, deviation] under w_t        (5 to 8)
    gmap                 the same for each head, then a gate    (9 to 11)

    clip = sigmoid(FC2(ReLU(FC1(u))))

`max`, `average` and `attention` alone name the poolings over frame probabilities (`functions`, `attention`).

A frame's score is the output of the same classifier for a bag with this frame alone: for the first two u = h_t, for
`max-average` u = 2 h_t, with a deviation u = [h_t, 0]. The weights are those with which frames enter the mean of their
embeddings, the same for every class (heads: averaged, and each kept in `Pooled.heads`); under max, the share of
channels that a frame wins.

Differs from the paper in: nothing meant; it does not give the sizes of the classifier, which here are those of PANNs.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.pooling.classifier import ClassifierOptions, Hidden, dense
from earmark.pooling.contract import Pooled, valid_frames
from earmark.pooling.gmap import GatedMultiHeadAttention


class EmbeddingPoolingOptions(ClassifierOptions):
    """Which pooling turns the embeddings into one, and the classifier after it."""

    kind: Literal["embedding-max", "embedding-average", "max-average", "embedding-attention", "single-head"]
    hidden: int | None = Field(512, gt=0)  # units of the classifier's first layer; None: one layer alone
    dropout: float = Field(0.5, ge=0, lt=1)  # of the bag's embedding


class GMAPOptions(ClassifierOptions):
    """Gated multi-head attention pooling and the classifier after it."""

    kind: Literal["gmap"] = "gmap"
    heads: int = Field(4, gt=0)  # k; must divide the encoder's channels
    gate: bool = True  # eq. 11
    deviation: bool = True  # eq. 7
    hidden: int | None = Field(512, gt=0)  # units of the classifier's first layer; None: one layer alone
    dropout: float = Field(0.5, ge=0, lt=1)  # of the bag's embedding


class EmbeddingPooling(nn.Module):
    """One embedding for the bag, then a classifier.

    >>> pooling = EmbeddingPooling(GMAPOptions(), channels=32, classes=5)
    >>> pooled = pooling(torch.zeros(2, 25, 32))
    >>> pooled.clip.shape, pooled.frames.shape, pooled.heads.shape
    (torch.Size([2, 5]), torch.Size([2, 25, 5]), torch.Size([2, 25, 4]))
    """

    def __init__(self, options: EmbeddingPoolingOptions | GMAPOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.bag = _bag_of(options, channels)
        self.hidden = Hidden(options, self.bag.width)
        self.classify = dense(self.hidden.width, classes)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            bag: Pooled = self.bag(embeddings.float(), lengths)
            clip = torch.sigmoid(self.classify(self.hidden(bag.clip)))
            frames = torch.sigmoid(self.classify(self.hidden(bag.frames)))
            frames = frames.masked_fill(~valid_frames(embeddings, lengths), 0.0)
            weights = bag.weights.mean(dim=2, keepdim=True).expand_as(frames)
            return Pooled(clip, frames, weights, heads=bag.heads)

    def clip_scores(self, embeddings: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The clips' probabilities (batch, classes) alone; the frames, which cost most, are not classified."""
        with torch.autocast(embeddings.device.type, enabled=False):
            bag: Pooled = self.bag(embeddings.float(), lengths)
            return torch.sigmoid(self.classify(self.hidden(bag.clip)))


class FixedBag(nn.Module):
    """Largest, mean, or the sum of both, of the embeddings (batch, steps, channels) of a clip. Nothing to learn.

    Gives `Pooled` as `GatedMultiHeadAttention` does, `weights` (batch, steps, 1).

    >>> FixedBag("max-average", channels=2)(torch.tensor([[[1.0, 4.0], [3.0, 0.0]]])).clip.tolist()
    [[5.0, 6.0]]
    """

    def __init__(self, kind: Literal["embedding-max", "embedding-average", "max-average"], channels: int) -> None:
        super().__init__()
        self.kind = kind
        self.width = channels

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        valid = valid_frames(embeddings, lengths)
        even = valid / valid.sum(dim=1, keepdim=True)  # (batch, steps, 1)
        mean = embeddings.masked_fill(~valid, 0.0).sum(dim=1) / valid.sum(dim=1)
        if self.kind == "embedding-average":
            return Pooled(mean, embeddings, even)
        largest, where = embeddings.masked_fill(~valid, -torch.inf).max(dim=1)
        won = torch.zeros_like(even[:, :, 0]).scatter_add_(1, where, torch.ones_like(mean) / self.width)[:, :, None]
        if self.kind == "embedding-max":
            return Pooled(largest, embeddings, won)
        return Pooled(largest + mean, 2 * embeddings, (won + even) / 2)


def _bag_of(options: EmbeddingPoolingOptions | GMAPOptions, channels: int) -> FixedBag | GatedMultiHeadAttention:
    if isinstance(options, GMAPOptions):
        return GatedMultiHeadAttention(channels, options.heads, gate=options.gate, deviation=options.deviation)
    if options.kind == "embedding-attention":
        return GatedMultiHeadAttention(channels, heads=1, gate=False, deviation=False)
    if options.kind == "single-head":
        return GatedMultiHeadAttention(channels, heads=1, gate=False)
    return FixedBag(options.kind, channels)
