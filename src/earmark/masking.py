"""Masks for clips of different lengths in one batch.

`lengths` (batch,) counts the valid steps of each clip; None means that all are valid. What lies beyond a clip's end is
held at zero before every layer that looks sideways in time, and left out of every statistic, so that a clip scores the
same alone and beside longer ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """Boolean mask (batch, steps), true where a clip has content.

    >>> valid_steps(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def fill_step(features: Tensor, lengths: Tensor | None, least: int) -> tuple[Tensor, Tensor | None]:
    """Features (batch, frames, bands), zero beyond each clip's end, with every clip at least `least` frames long.

    >>> features, lengths = fill_step(torch.ones(2, 3, 64), torch.tensor([3, 1]), 4)
    >>> features.shape, lengths.tolist()
    (torch.Size([2, 4, 64]), [4, 4])
    """
    if lengths is not None:
        features = features * valid_steps(lengths, features.shape[1])[:, :, None]
        lengths = lengths.clamp(min=least)
    if features.shape[1] < least:
        features = nn.functional.pad(features, (0, 0, 0, least - features.shape[1]))
    return features, lengths


def backwards(lengths: Tensor, steps: int) -> Tensor:
    """Indices (batch, steps) that turn each clip's valid steps round and leave the rest where it is.

    >>> backwards(torch.tensor([2, 4]), 4).tolist()
    [[1, 0, 2, 3], [3, 2, 1, 0]]
    """
    forwards = torch.arange(steps, device=lengths.device).expand(len(lengths), -1)
    return torch.where(valid_steps(lengths, steps), lengths[:, None] - 1 - forwards, forwards)


def turned(x: Tensor, order: Tensor | None) -> Tensor:
    """(batch, steps, channels) with each clip's steps in this order (`backwards`); None: all from the batch's end."""
    return x.flip(1) if order is None else x.gather(1, order[:, :, None].expand_as(x))


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (batch, channels, steps, bands) that takes its statistics from valid steps alone."""

    final = False  # whether nobody will train it, nor the layer that it follows

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise; `mask` (batch, steps), None when every step is valid."""
        if mask is None or not self.training:
            return super().forward(x)
        valid = mask[:, None, :, None]
        count = (mask.sum() * x.shape[3]).clamp(min=1).float()  # values that each channel has
        wide = x.float() * valid
        mean = wide.sum(dim=(0, 2, 3)) / count
        apart = (wide - mean[:, None, None]) * valid
        variance = apart.square().sum(dim=(0, 2, 3)) / count
        self._track(mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        shift = self.bias - mean * scale
        return x * scale[:, None, None].to(x.dtype) + shift[:, None, None].to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        unbiased = variance * count / (count - 1).clamp(min=1)  # as in torch
        if self.momentum is None:  # the plain mean of all batches
            share = 1 / self.num_batches_tracked.float()
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(unbiased, share)
        else:
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
