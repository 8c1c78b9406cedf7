"""What training does to a batch and inference never does: mixing, SpecAugment, time shift.

Targets are (batch, classes), or (batch, 1 + steps, classes): of the clip, then of each step of the frame scores. What
moves or adds sounds moves or adds the targets of the steps along.

`mixup`        mixing clips of a batch: mixup, and one clip laid over another
`filters`      random filters over frequency, and small shifts in pitch
`specaugment`  stripes of time and frequency are blanked
`randomness`   the random generator of a step, a function of seed and step alone
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from earmark.augment.filters import FilterOptions, random_filter
from earmark.augment.mixup import beside, mixup, overlay
from earmark.augment.randomness import step_generator, step_seed
from earmark.augment.specaugment import SpecAugmentOptions, spec_augment
from earmark.options import Options

__all__ = [
    "AugmentOptions",
    "FilterOptions",
    "SpecAugmentOptions",
    "augment_clips",
    "augment_features",
    "mixup",
    "overlay",
    "random_filter",
    "spec_augment",
    "step_generator",
    "step_seed",
]


class AugmentOptions(Options):
    """Which augmentations a training uses; everything off by default."""

    overlay: float = Field(0.0, ge=0, le=1)  # share of clips laid over with another clip, tags united
    overlay_db: float = Field(6.0, ge=0)  # largest level difference of the two, dB
    gain_db: float = Field(0.0, ge=0)  # each clip's level is changed by up to this, dB
    time_shift: bool = False  # clips are rotated in time by a drawn amount
    mixup: float = Field(0.0, ge=0)  # alpha of the Beta distribution; 0: off
    filter: FilterOptions | None = None
    spec_augment: SpecAugmentOptions | None = None


def augment_clips(
    clips: Tensor, lengths: Tensor, targets: Tensor, options: AugmentOptions, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Augment clips, their `lengths` (batch,) and targets (batch, ..., classes), as `overlay` takes them.

    The arguments are left as they are.
    """
    if options.gain_db:
        gain = 10 ** ((torch.rand(len(clips), 1, generator=generator) * 2 - 1) * options.gain_db / 20)
        clips = clips * beside(gain[:, 0].to(clips.device, non_blocking=True), clips)
    if options.overlay:
        return overlay(clips, lengths, targets, options.overlay, options.overlay_db, generator)
    return clips, lengths, targets


def augment_features(
    features: Tensor, targets: Tensor, options: AugmentOptions, generator: torch.Generator, whole: bool
) -> tuple[Tensor, Tensor]:
    """Augment scaled features (batch, frames, bands) and targets (batch, ..., classes).

    `whole` means that no clip of the batch is padded; clips are rotated in time only then.
    """
    if options.time_shift and whole:
        shifts = torch.randint(0, features.shape[1], (len(features), 1), generator=generator)
        if targets.ndim == 3:  # to the nearest step, where one is several frames
            steps, frames = targets.shape[1] - 1, features.shape[1]
            moved = _rotated(targets[:, 1:], (2 * shifts * steps + frames) // (2 * frames))
            targets = torch.cat([targets[:, :1], moved], dim=1)
        features = _rotated(features, shifts)
    if options.mixup:
        features, targets = mixup(features, targets, options.mixup, generator)
    if options.filter is not None:
        features = random_filter(features, options.filter, generator)
    if options.spec_augment is not None:
        features = spec_augment(features, options.spec_augment, generator)
    return features, targets


def _rotated(values: Tensor, shifts: Tensor) -> Tensor:
    """Each clip of (batch, length, channels) begun `shifts` (batch, 1) later, its beginning moved to its end."""
    there = values.device
    source = torch.arange(values.shape[1], device=there) + shifts.to(there, non_blocking=True)  # (batch, length)
    return values.gather(1, (source % values.shape[1])[:, :, None].expand_as(values))
