"""Batch normalisation within poolings: of frames, and of bags.

Frames take their statistics from the valid steps alone. A bag's statistics are those of the clips of a batch, which a
batch of one does not have, and the one-frame bags that frame scores ask about are not a sample of the training data:
both are normalised by the running statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earmark.masking import MaskedBatchNorm2d


class FrameNorm(MaskedBatchNorm2d):
    """Batch normalisation of frames (batch, steps, features)."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise; `mask` (batch, steps), None when every step is valid."""
        image = x.transpose(1, 2)[:, :, :, None]  # (batch, features, steps, 1)
        return super().forward(image, mask)[:, :, :, 0].transpose(1, 2)


class BagNorm(nn.BatchNorm1d):
    """Batch normalisation of bags (batch, features), and of one-frame bags (batch, steps, features)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        if x.ndim == 2 and (not self.training or len(x) > 1):
            return super().forward(x)
        if self.running_mean is None or self.running_var is None:
            raise ValueError("the normalisation has no running statistics")
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        # Cloned: training updates the statistics in place, which must not reach what backward has kept.
        return x * scale + (self.bias - self.running_mean.clone() * scale)
