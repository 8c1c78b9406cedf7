"""MFCC front-end: log-mel -> DCT-II -> coefficients, with their first and second derivatives in time.

    c[k] = sum_n x[n] s[k] cos(pi k (2 n + 1) / 2 bands),  s[0] = sqrt(1 / bands), s[k] = sqrt(2 / bands)

The transform is orthonormal and is not liftered; c[0] is kept. Derivatives are those of a parabola laid through the
nine frames around each (Savitzky-Golay): the slope sum_j j c[t + j] / 60 and the curvature
sum_j 2 (j^2 - 20/3) c[t + j] / 308, j = -4 .. 4, where a clip's first and last frame stand for what lies beyond.

Xu et al. 2018 name MFCCs and nothing of how they were made (docs/papers/xu2018.md, section 1). 40 coefficients with
both derivatives, 120 values a frame, are what their pooling (to a 64th) admits and what a file name of theirs hints at.
Equal to librosa's `feature.mfcc` and `feature.delta(width=9, mode="nearest")`.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.clock import Clock
from earmark.features.contract import Count
from earmark.features.logmel import LogMel, LogMelOptions
from earmark.options import Options

_REACH = 4  # frames to either side that a derivative looks at


class MFCCOptions(Options):
    """What the MFCC front-end computes."""

    kind: Literal["mfcc"] = "mfcc"
    logmel: LogMelOptions = LogMelOptions()  # of which the coefficients are taken; its `fill` fills them
    coefficients: int = Field(40, gt=0)
    deltas: Literal[0, 1, 2] = 2  # how many derivatives are appended

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.logmel.rate

    @property
    def fill(self) -> int | None:
        """Frames to which shorter clips are filled with zeros."""
        return self.logmel.fill

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.coefficients > self.logmel.bands:
            raise ValueError(f"{self.coefficients} coefficients need as many mel bands, got {self.logmel.bands}")
        return self


class MFCC(nn.Module):
    """Waveform (batch, samples) to MFCCs (batch, frames, coefficients * (1 + deltas)).

    >>> front = MFCC(MFCCOptions(logmel=LogMelOptions(rate=16_000, window=1024, hop=640)))
    >>> front(torch.zeros(2, 16_000)).shape
    torch.Size([2, 25, 120])
    """

    def __init__(self, options: MFCCOptions) -> None:
        super().__init__()
        self.options = options
        self.bands = options.coefficients * (1 + options.deltas)
        self.logmel = LogMel(options.logmel)
        places = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
        squares = places.square() - places.square().mean()
        # These are neither learned nor saved: they follow from the options.
        self.register_buffer("basis", _dct(options.logmel.bands, options.coefficients), persistent=False)
        self.register_buffer("slope", (places / places.square().sum()).float(), persistent=False)
        self.register_buffer("curvature", (2 * squares / squares.square().sum()).float(), persistent=False)
        self.basis: Tensor
        self.slope: Tensor
        self.curvature: Tensor

    @property
    def clock(self) -> Clock:
        """The clock of the frames."""
        return self.logmel.clock

    def frames_in(self, samples: Count) -> Count:
        """Number of frames of clips of this many samples; at least one."""
        return self.logmel.frames_in(samples)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """MFCCs (batch, frames, bands), always in float32; `lengths` (batch,) in samples, None: all."""
        with torch.autocast(waveform.device.type, enabled=False):
            features: Tensor = self.logmel(waveform, lengths) @ self.basis  # (batch, frames, coefficients)
            kernels = (self.slope, self.curvature)[: self.options.deltas]
            if not kernels:
                return features
            around = _neighbours(features, None if lengths is None else self.frames_in(lengths))
            return torch.cat([features, *(_weighted(around, kernel) for kernel in kernels)], dim=2)


def _dct(bands: int, coefficients: int) -> Tensor:
    """The orthonormal DCT-II as a matrix (bands, coefficients)."""
    n, k = torch.arange(bands, dtype=torch.float64)[:, None], torch.arange(coefficients, dtype=torch.float64)
    basis = math.sqrt(2 / bands) * torch.cos(math.pi * k * (2 * n + 1) / (2 * bands))
    basis[:, 0] /= math.sqrt(2)
    return basis.float()


def _weighted(around: Tensor, kernel: Tensor) -> Tensor:
    """Sums of neighbours (batch, frames, bands, 9) under a kernel (9,)."""
    if torch.compiler.is_exporting():  # PyTorch 2.13 writes the product of a matrix of neighbours wrongly into ONNX
        return (around * kernel).sum(dim=3)
    return around @ kernel


def _neighbours(features: Tensor, frames: Tensor | None) -> Tensor:
    """The nine frames around each frame (batch, frames, bands, 9), none from beyond a clip's ends."""
    count = features.shape[1]
    last = torch.full((features.shape[0],), count - 1, device=features.device) if frames is None else frames - 1
    place = torch.arange(-_REACH, count + _REACH, device=features.device).clamp(min=0)
    place = torch.minimum(place, last[:, None])  # (batch, frames + 8)
    extended = features.gather(1, place[:, :, None].expand(-1, -1, features.shape[2]))
    return extended.unfold(1, 2 * _REACH + 1, 1)
