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


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (batch, channels, steps, bands) that takes its statistics from valid steps alone."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise; `mask` (batch, steps), None when every step is valid."""
        if mask is None or not self.training:
            return super().forward(x)
        valid = x.permute(0, 2, 3, 1)[mask].float()  # (valid steps, bands, channels)
        valid = valid.reshape(-1, valid.shape[-1])
        variance, mean = torch.var_mean(valid, dim=0, correction=0)
        self._track(mean.detach(), variance.detach(), len(valid))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        shift = self.bias - mean * scale
        return x * scale[:, None, None].to(x.dtype) + shift[:, None, None].to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum  # None: plain mean
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(1, count - 1), momentum)  # unbiased, as in torch
