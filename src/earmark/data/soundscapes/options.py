"""What soundscapes are to be like, and the records of what they are made of.

Times are seconds, levels dB, RMS re full scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from earmark.data.records import Problem
from earmark.options import Options


class SoundscapeOptions(Options):
    """One soundscape is a function of these, the recordings and its number."""

    seed: int = Field(0, ge=0)
    seconds: float = Field(10.0, ge=1, le=3600)  # of every soundscape
    rate: int = Field(32_000, ge=8_000, le=192_000)  # Hz
    events: tuple[int, int] = (1, 4)  # fewest and most sounds laid into one; each may give several events
    snr: tuple[float, float] = (0.0, 20.0)  # dB of a sound over the background while it is active, drawn between
    level: tuple[float, float] = (-40.0, -28.0)  # dB of the background, drawn between
    polyphony: int = Field(3, ge=1)  # most sounds at one time
    speed: tuple[float, float] = (1.0, 1.0)  # that sounds are played at, drawn between on a log scale; pitch follows
    long_tail: float = Field(1.0, ge=1, le=1e6)  # the first label, by name, is drawn this often the last
    longest: float = Field(5.0, gt=0)  # of a sound; a longer one gives a part of it
    activity: float = Field(30.0, gt=0, le=80)  # dB under a recording's loudest moment within which it counts as active
    gap: float = Field(0.5, ge=0.25)  # silences shorter than this do not part two events
    fade: float = Field(0.01, ge=0, le=0.1)  # at the beginning and end of a sound
    format: Literal["wav", "flac"] = "wav"  # 16 bits

    @field_validator("events", "snr", "level", "speed")
    @classmethod
    def _in_order(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not np.isfinite(bounds).all():
            raise ValueError("expected two finite numbers")
        if bounds[0] > bounds[1]:
            raise ValueError(f"{bounds[0]:g} to {bounds[1]:g} is decreasing; are the two bounds swapped?")
        return bounds

    @field_validator("events")
    @classmethod
    def _some(cls, bounds: tuple[int, int]) -> tuple[int, int]:
        if bounds[0] < 0 or bounds[1] < 1:
            raise ValueError(
                f"{bounds[0]} to {bounds[1]} sounds in a soundscape; expected 0 or more, and at most 1 or more"
            )
        return bounds

    @field_validator("level")
    @classmethod
    def _audible(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not -70 <= bounds[0] <= bounds[1] <= -6:
            raise ValueError(f"{bounds[0]:g} to {bounds[1]:g} dB re full scale; expected -70 to -6")
        return bounds

    @field_validator("speed")
    @classmethod
    def _played(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0.25 <= bounds[0] <= bounds[1] <= 4:
            raise ValueError(f"played {bounds[0]:g} to {bounds[1]:g} times as fast; expected 0.25 to 4, 1 as recorded")
        return bounds

    @property
    def samples(self) -> int:
        """Of one soundscape."""
        return round(self.seconds * self.rate)

    def chances(self, labels: int) -> npt.NDArray[np.float64]:
        """Probability of each label (labels,): falling by one factor from each to the next, `long_tail` in all.

        >>> SoundscapeOptions(long_tail=4).chances(3).round(3).tolist()
        [0.571, 0.286, 0.143]
        """
        weights = self.long_tail ** -np.linspace(0, 1, labels)
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class SoundSource:
    """One recording that soundscapes are made of, and what its table says of whose it is."""

    path: Path
    name: str  # as its table writes it
    collection: str  # name of the folder it is from
    label: str  # empty: a background without one
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Sources:
    """Recordings by label, labels and recordings in the order of their names."""

    sounds: dict[str, tuple[SoundSource, ...]]
    backgrounds: dict[str, tuple[SoundSource, ...]]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, (*self.sounds.values(), *self.backgrounds.values())))
