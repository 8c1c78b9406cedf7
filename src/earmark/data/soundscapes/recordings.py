"""Recordings that soundscapes are made of, decoded when first asked for; the last used stay in memory.

Of a recording longer than five minutes the first five are used, so that memory is bounded whatever is given.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from earmark.audio import read_blocks
from earmark.audio.resample import resample
from earmark.data.soundscapes.activity import FLOOR, Activity, Samples, find_activity
from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.data.soundscapes.records import SoundSource
from earmark.errors import AudioError, MissingExtraError

MEMORY = 256 << 20  # bytes of samples that are kept
_BLOCKS, _BLOCK_SECONDS = 30, 10.0


@dataclass(frozen=True, eq=False)
class Decoded:
    """One recording at the rate of the soundscapes, and where it is active."""

    source: SoundSource
    samples: Samples
    activity: Activity
    speed: float = 1.0  # that it is played at


def at_speed(decoded: Decoded, options: SoundscapeOptions, rng: np.random.Generator) -> Decoded:
    """The recording played slower or faster by a drawn factor, which changes its pitch; its activity is new."""
    slowest, fastest = options.speed
    speed = float(np.exp(rng.uniform(np.log(slowest), np.log(fastest)))) if slowest < fastest else slowest
    if speed == 1:
        return decoded
    samples = resample(decoded.samples, options.rate * speed, options.rate)
    activity = find_activity(samples, options.rate, options.activity, options.gap)
    return Decoded(decoded.source, samples, activity, speed) if activity.bursts else decoded


class Recordings:
    """Decoded recordings by need; `met` says what is wrong with those asked for that cannot be used."""

    def __init__(self, options: SoundscapeOptions, memory: int = MEMORY) -> None:
        self.met: dict[SoundSource, str] = {}  # for the caller to clear
        self._faults: dict[SoundSource, str] = {}
        self._options = options
        self._memory = memory
        self._held: OrderedDict[tuple[SoundSource, float], Decoded] = OrderedDict()
        self._bytes = 0

    def sound(self, source: SoundSource) -> Decoded | None:
        """A recording and its bursts; None where it cannot be used."""
        return self._get(source, self._options.activity)

    def background(self, source: SoundSource) -> Decoded | None:
        """A recording without the digital silence at its ends; None where it cannot be used."""
        return self._get(source, 1000.0)

    def _get(self, source: SoundSource, drop: float) -> Decoded | None:
        if source in self._faults:
            self.met[source] = self._faults[source]
            return None
        if (held := self._held.get((source, drop))) is not None:
            self._held.move_to_end((source, drop))
            return held
        try:
            decoded = self._decode(source, drop)
        except (AudioError, MissingExtraError) as error:
            self._faults[source] = self.met[source] = str(error).removeprefix(f"{source.path}: ")
            return None
        self._held[source, drop] = decoded
        self._bytes += decoded.samples.nbytes
        while self._bytes > self._memory and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.samples.nbytes
        return decoded

    def _decode(self, source: SoundSource, drop: float) -> Decoded:
        with read_blocks(source.path, self._options.rate, _BLOCK_SECONDS) as blocks:
            samples = np.concatenate(list(itertools.islice(blocks, _BLOCKS)))
        if blocks.problem is not None:
            raise AudioError(blocks.problem)
        activity = find_activity(samples, self._options.rate, drop, self._options.gap)
        if not activity.bursts:
            raise AudioError(f"contains nothing above {FLOOR:.0f} dB")
        return Decoded(source, samples, activity)
