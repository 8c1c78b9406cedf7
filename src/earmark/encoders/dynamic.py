"""Frequency-dynamic convolution: kernels that differ from band to band, and from clip to clip.

Nam et al. 2022, "Frequency Dynamic Convolution: Frequency-Adaptive Pattern Recognition for Sound Event Detection",
section 2.2. A plain convolution looks for the same pattern in every band, whatever else is present there. Here K
kernels are shared by all bands, and every band mixes its own from them, by what the clip has in that band on the whole:

    y(t, f) = sum over k of a_k(f) (W_k * x)(t, f)         a(f) = softmax(z(f) / 31)

with z (bands, K) from the mean of x over time: a convolution over bands to a quarter of the channels, normalisation,
ReLU, and a convolution of one band to K. At the start all kernels count nearly alike; the temperature sees to that.

Differs from the paper in: the mean is of a clip's valid steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TEMPERATURE = 31.0  # of the authors
_LEAST = 4  # hidden channels, at least


class DynamicConv2d(nn.Module):
    """A 3 x 3 convolution whose kernels every band mixes from `basis` shared ones.

    >>> DynamicConv2d(8, 16, basis=4)(torch.zeros(2, 8, 25, 64)).shape
    torch.Size([2, 16, 25, 64])
    """

    def __init__(self, inputs: int, outputs: int, basis: int) -> None:
        super().__init__()
        hidden = max(inputs // 4, _LEAST)
        self.basis = basis
        self.conv = nn.Conv2d(inputs, basis * outputs, 3, padding=1, bias=False)
        self.hidden = nn.Conv1d(inputs, hidden, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.mix = nn.Conv1d(hidden, basis, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands).

        `mask` (batch, steps) is true where a clip has content; x is zero elsewhere.
        """
        filtered = self.conv(x)
        weights = self.weights(x, mask).to(filtered.dtype)
        # out = sum of channels (outputs) of each kernel, weighted by band
        out = torch.zeros((), dtype=filtered.dtype, device=x.device)
        for part, weight in zip(filtered.chunk(self.basis, dim=1), weights.unbind(dim=1), strict=True):
            out = out + part * weight[:, None, None]
        return out

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """How much each kernel counts: (batch, basis, bands), each band's add up to 1."""
        total = x.sum(dim=2, dtype=torch.float32)  # (batch, inputs, bands)
        mean = total / (x.shape[2] if mask is None else mask.sum(dim=1).clamp(min=1)[:, None, None])
        hidden = self.norm(self.hidden(mean)).relu()
        mixed: Tensor = self.mix(hidden).float() / _TEMPERATURE
        return mixed.softmax(dim=1)
