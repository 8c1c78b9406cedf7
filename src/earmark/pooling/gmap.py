"""Gated multi-head attention pooling: Hong, Zou and Wang 2020, section 3.

A clip's embeddings h_t in R^d are split into k heads, h_t = [h_t1 .. h_tk], each in R^(d/k). Every head weighs the
steps by itself and keeps the weighted mean and deviation; a gate mutes what the heads say twice:

    w_tj = softmax over t of v_j . h_tj                                 (9; 5 for one head)
    mu_j = sum_t w_tj h_tj                                              (10; 6)
    sigma_j = sqrt(sum_t w_tj h_tj^2 - mu_j^2)                          (10; 7)
    c = [mu_1, sigma_1, .., mu_k, sigma_k]                              (10; 8)
    u = sigmoid(W c + b) . c                                            (11)

With one head and no gate this is the paper's single-head attention, and without the deviation its vanilla attention.

Differs from the paper in: nothing meant, but much is left unsaid (docs/papers/hong2020.md, section 1). Here W is (2d,
2d), v starts at zero (the pooling starts as the average), and sigma is

    sigma_j = sqrt(max(sum_t w_tj (h_tj - mu_j)^2, eps))

The difference of squares in (7) is the same number, but in float32 it comes out negative for a third of the channels
that do not change, and the root's slope at zero is infinite: a channel that is silent for a whole clip, which ReLU
makes common, would turn every gradient into NaN. Below `eps` the deviation is constant and has no slope.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earmark.pooling.classifier import dense
from earmark.pooling.contract import Pooled, valid_frames


class GatedMultiHeadAttention(nn.Module):
    """Embeddings (batch, steps, channels) to one embedding of the bag (eqs. 5 to 11); a classifier is not included.

    `heads` must divide `channels` (`ValueError`). `width` is that of the bag's embedding: 2 * channels, or as many as
    channels without the `deviation`. Gives `Pooled`: `clip` (batch, width) the bag's embedding u, `frames` (batch,
    steps, width) that of each frame in its own bag, `weights` and `heads` (batch, steps, heads) the weights w.

    >>> pooled = GatedMultiHeadAttention(channels=32, heads=4)(torch.randn(2, 25, 32), torch.tensor([25, 7]))
    >>> pooled.clip.shape, pooled.frames.shape, pooled.weights.shape
    (torch.Size([2, 64]), torch.Size([2, 25, 64]), torch.Size([2, 25, 4]))
    """

    def __init__(
        self, channels: int, heads: int = 4, *, gate: bool = True, deviation: bool = True, eps: float = 1e-8
    ) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise ValueError(f"{channels} channels cannot be split into {heads} heads of equal width")
        self.width = 2 * channels if deviation else channels
        self.deviation = deviation
        self.eps = eps
        self.v = nn.Parameter(torch.zeros(heads, channels // heads))
        self.gate = dense(self.width, self.width) if gate else None

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            valid = valid_frames(embeddings, lengths)
            h = embeddings.float().masked_fill(~valid, 0.0)
            h = h.reshape(*h.shape[:2], *self.v.shape)  # (batch, steps, heads, channels / heads)
            logits = (h * self.v).sum(dim=3).masked_fill(~valid, -torch.inf)
            w = logits.softmax(dim=1)  # (batch, steps, heads)
            mean = torch.einsum("btk,btkc->bkc", w, h)
            parts, alone = [mean], [h]
            if self.deviation:
                variance = torch.einsum("btk,btkc->bkc", w, (h - mean[:, None]) ** 2)
                parts.append(variance.clamp(min=self.eps).sqrt())
                alone.append(torch.full_like(h, self.eps).sqrt())  # of a bag of one frame the variance is zero
            bag, frames = torch.cat(parts, dim=2).flatten(1), torch.cat(alone, dim=3).flatten(2)
            return Pooled(self._gated(bag), self._gated(frames).masked_fill(~valid, 0.0), w, heads=w)

    def _gated(self, c: Tensor) -> Tensor:
        return c if self.gate is None else self.gate(c).sigmoid() * c
