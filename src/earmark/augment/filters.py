"""Random filters: other microphones, rooms and distances, in training alone.

FilterAugment (Nam, Kim and Park 2022, "FilterAugment: an acoustic environmental data augmentation method", ICASSP),
its linear form: each clip's bands are raised and lowered by a line through a few random points,

    features(t, b) + g(b),    g linear between knots b_0 = 0 < b_1 < ... < b_n = bands - 1,  g(b_i) ~ U(-spread, spread)

and, as sounds of a kind differ in pitch, all bands are moved up or down by a few; bands that nothing moves into repeat
the last one.

Differs from the paper in: the features are scaled already, so `spread` counts standard deviations of a band and not dB.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from earmark.options import Options


class FilterOptions(Options):
    """How far a filter goes."""

    spread: float = Field(0.7, ge=0)  # standard deviations of a band by which it is raised or lowered, at most
    knots: int = Field(4, ge=2)  # points of the line, its ends among them
    shift: int = Field(2, ge=0)  # bands by which all are moved, at most


def random_filter(features: Tensor, options: FilterOptions, generator: torch.Generator) -> Tensor:
    """Features (batch, frames, bands), each clip through a filter of its own."""
    batch, _, bands = features.shape
    if options.shift:
        moved = torch.randint(-options.shift, options.shift + 1, (batch, 1), generator=generator)
        source = (torch.arange(bands) + moved).clamp(0, bands - 1)  # (batch, bands)
        features = features.gather(2, source[:, None, :].to(features.device, non_blocking=True).expand_as(features))
    if options.spread:
        gains = _lines(batch, bands, options.knots, generator) * options.spread
        features = features + gains[:, None, :].to(features.device, non_blocking=True)
    return features


def _lines(batch: int, bands: int, knots: int, generator: torch.Generator) -> Tensor:
    """Lines (batch, bands) between -1 and 1 through random points."""
    inner = torch.rand(batch, knots - 2, generator=generator).sort(dim=1).values
    ends = torch.tensor([0.0, 1.0]).expand(batch, 2)
    places = torch.cat([ends[:, :1], inner, ends[:, 1:]], dim=1).contiguous() * (bands - 1)  # (batch, knots)
    heights = torch.rand(batch, knots, generator=generator) * 2 - 1
    at = torch.arange(bands).float().expand(batch, bands).contiguous()
    right = torch.searchsorted(places, at).clamp(1, knots - 1)  # (batch, bands)
    left = right - 1
    width = (places.gather(1, right) - places.gather(1, left)).clamp(min=1e-6)
    share = ((at - places.gather(1, left)) / width).clamp(0, 1)
    return heights.gather(1, left) * (1 - share) + heights.gather(1, right) * share
