"""Fusion by averaging posteriors, Xu et al. 2018, section 2.4: epochs of one training, or several systems.

Differs from the paper in: nothing; members must share labels and clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from earmark.errors import ConfigError
from earmark.scores import Scores


def mean_scores(members: Sequence[Scores]) -> Scores:
    """The mean of several models' scores of one recording, equal weights.

    `ConfigError` where labels or clocks differ, `ValueError` without members.
    """
    if not members:
        raise ValueError("nothing to fuse")
    first = members[0]
    for other in members[1:]:
        if other.labels != first.labels or other.clock != first.clock or len(other.frames) != len(first.frames):
            raise ConfigError(
                f"{first.recording}: cannot fuse models that differ in labels or in the clock of their scores"
            )
    clip = np.stack([member.clip for member in members]).mean(axis=0, dtype=np.float64).astype(np.float32)
    frames = np.stack([member.frames for member in members]).mean(axis=0, dtype=np.float64).astype(np.float32)
    return replace(first, clip=clip, frames=frames)
