"""Per-band scaling: zero mean and unit deviation of every band over the training data, saved with the weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_SMALLEST_STD = 1e-3  # a band that never changes (filtered away, say) is centred, not blown up


class BandScaling(nn.Module):
    """(features - mean) / std, band by band.

    >>> scaling = BandScaling(64)
    >>> scaling(torch.zeros(2, 25, 64)).shape
    torch.Size([2, 25, 64])
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("std", torch.ones(bands))
        self.mean: Tensor
        self.std: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Scale features (batch, frames, bands)."""
        return (features - self.mean) / self.std

    @torch.no_grad()
    def fit(self, features: Iterable[Tensor]) -> None:
        """Set mean and deviation from features (frames, bands), one item a clip without padding.

        Sums are kept in float64. `ValueError` when there is no frame at all.
        """
        count = 0
        total = torch.zeros_like(self.mean, dtype=torch.float64)
        squares = torch.zeros_like(self.mean, dtype=torch.float64)
        for clip in features:
            wide = clip.double()
            count += len(wide)
            total += wide.sum(0)
            squares += wide.square().sum(0)
        if not count:
            raise ValueError("per-band scaling needs at least one frame of training data")
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        self.mean.copy_(mean)
        self.std.copy_(variance.sqrt().clamp(min=_SMALLEST_STD))
