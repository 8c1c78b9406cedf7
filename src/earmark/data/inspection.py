"""What one recording is like: length, level, clipping and a digest of its sound, in bounded memory."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.audio import AudioInfo, read_blocks

FULL_SCALE = 0.999  # a sample this loud counts as clipped


@dataclass(frozen=True)
class Inspection:
    """One recording, decoded to its end at its own rate."""

    info: AudioInfo
    samples: int  # mono samples decoded
    peak: float  # largest magnitude
    level: float  # dB re full scale, root mean square; -inf for digital silence
    clipped: float  # share of samples at full scale
    digest: str  # equal for recordings of equal samples and rate, whatever their format
    problem: str | None  # why part of it is missing
    one_channel: bool = False  # one channel was looked at: the mean of all would be silence

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / self.info.rate


def inspect(path: Path) -> Inspection:
    """Decode a recording and look at it. `AudioError` when it cannot be read or holds what is not a number."""
    count, peak, energy, clipped = 0, 0.0, 0.0, 0
    with read_blocks(path) as blocks:
        digest = hashlib.blake2b(str(blocks.rate).encode(), digest_size=16)
        for block in blocks:
            magnitude = np.abs(block)
            count += len(block)
            peak = max(peak, float(magnitude.max()))
            energy += float(np.square(block, dtype=np.float64).sum())
            clipped += int((magnitude >= FULL_SCALE).sum())
            digest.update(block.tobytes())
        level = 10 * math.log10(energy / count) if energy > 0 else -math.inf
        shares = (peak, level, clipped / count)
        return Inspection(blocks.info, count, *shares, digest.hexdigest(), blocks.problem, blocks.one_channel)
