"""SpecAugment (Park et al. 2019): stripes of time and of frequency are blanked, in training alone.

Features are scaled per band, so zero is a band's mean. The caller's tensor is left as it is.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from earmark.options import Options


class SpecAugmentOptions(Options):
    """How many stripes, and how wide at most."""

    time_stripes: int = Field(2, ge=0)
    time_width: int = Field(16, ge=0)  # frames
    band_stripes: int = Field(2, ge=0)
    band_width: int = Field(8, ge=0)  # bands


def spec_augment(features: Tensor, options: SpecAugmentOptions, generator: torch.Generator) -> Tensor:
    """Features (batch, frames, bands) with stripes of zeros, drawn for each clip on its own."""
    batch, frames, bands = features.shape
    masks = (
        _stripes(batch, frames, options.time_stripes, options.time_width, generator),
        _stripes(batch, bands, options.band_stripes, options.band_width, generator),
    )
    keep_time, keep_bands = (mask.to(features.device, non_blocking=True) for mask in masks)
    return features * (keep_time[:, :, None] & keep_bands[:, None, :])  # (batch, frames, bands)


def _stripes(batch: int, length: int, count: int, width: int, generator: torch.Generator) -> Tensor:
    """Mask (batch, length), false on `count` stripes of 0 to `width` cells each."""
    widths = torch.randint(0, min(width, length - 1) + 1, (batch, count), generator=generator)
    starts = (torch.rand(batch, count, generator=generator) * (length - widths + 1)).long()
    cells = torch.arange(length)
    inside = (cells >= starts[:, :, None]) & (cells < (starts + widths)[:, :, None])  # (batch, count, length)
    return ~inside.any(dim=1)
