"""Mixing clips of a batch: mixup, and laying one clip over another.

`mixup` (Zhang et al. 2018; used for audio tagging by Hong et al. 2020, section 4.2):

    x' = lambda x_i + (1 - lambda) x_j,   y' = lambda y_i + (1 - lambda) y_j,   lambda ~ Beta(alpha, alpha)

on features. lambda is folded to at least 1/2, which permutes pairs and changes nothing else.

`overlay` adds waveforms, as sounds add in the air, at a drawn level difference; both clips' tags are true of the
sum, so the target is their union, and the sum lasts as long as the longer of the two.

Targets are (batch, classes), or (batch, 1 + steps, classes) with those of each step: the same is true of them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def mixup(features: Tensor, targets: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix features (batch, frames, bands) and targets (batch, ..., classes), each clip with another of the batch."""
    batch = len(features)
    share = _beta(alpha, batch, generator)
    share = torch.maximum(share, 1 - share).to(features.device, non_blocking=True)
    partner = torch.randperm(batch, generator=generator).to(features.device, non_blocking=True)
    wide = share[:, None, None]
    mixed = wide * features + (1 - wide) * features[partner]
    wide = beside(share, targets)
    return mixed, wide * targets + (1 - wide) * targets[partner]


def overlay(
    clips: Tensor,
    lengths: Tensor,
    targets: Tensor,
    probability: float,
    level_db: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add another clip of the batch to a share of the clips; targets become the union, lengths the longer of the two.

    Clips are waveforms (batch, samples) and lengths (batch,) valid samples, or embeddings (batch, vectors, bands) and
    valid vectors; targets (batch, ..., classes). The partner's gain is uniform in +-`level_db` decibels.
    """
    batch = len(clips)
    chosen = torch.rand(batch, generator=generator) < probability
    partner = torch.randperm(batch, generator=generator)
    gain = 10 ** ((torch.rand(batch, generator=generator) * 2 - 1) * level_db / 20) * chosen
    chosen, partner, gain = (tensor.to(clips.device, non_blocking=True) for tensor in (chosen, partner, gain))
    mixed = clips + beside(gain, clips) * clips[partner]
    lengths = torch.where(chosen, torch.maximum(lengths, lengths[partner]), lengths)
    united = torch.maximum(targets, targets[partner])
    return mixed, lengths, torch.where(beside(chosen, targets), united, targets)


def beside(values: Tensor, others: Tensor) -> Tensor:
    """One value a clip (batch,), shaped to meet `others` (batch, ...)."""
    return values.reshape(-1, *[1] * (others.ndim - 1))


def _beta(alpha: float, count: int, generator: torch.Generator) -> Tensor:
    """Draws from Beta(alpha, alpha), as the share of one of two gamma variates."""
    gammas = torch._standard_gamma(torch.full((2, count), alpha), generator=generator)
    return gammas[0] / gammas.sum(0).clamp(min=1e-12)
