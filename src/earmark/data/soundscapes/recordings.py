"""Recordings that soundscapes are made of, decoded when first asked for; the last used stay in memory.

Of a recording longer than five minutes the first five are used, so that memory is bounded whatever is given.

`find_activity` says where an isolated recording is active; `cut` takes a part of it, faded and ready for a soundscape.
A recording is active in frames of 10 ms whose level lies within `drop` dB of its loudest frame and above -70 dB re full
scale. Level is the power of a frame about its own mean, so that a constant offset is no sound. Silences shorter than
`gap` belong to what they interrupt; longer ones part two bursts, and each burst is an event. Digital padding, breath
before a cough, noise after a bark: none of it is labelled, and only the fades of it get into the soundscape.

Fades lie outside a burst where the recording goes on there, quietly; so a sharp attack stays as it is. Where it does
not (it begins or ends in full sound, or is cut), they lie inside.

Samples are mono float32 (samples,); bursts are (first sample, sample after the last).
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio import read_blocks
from earmark.audio.resample import resample
from earmark.data.soundscapes.options import SoundscapeOptions, SoundSource
from earmark.errors import AudioError, MissingExtraError

FLOOR = -70.0  # dB re full scale; what is fainter is silence
_FRAMES_A_SECOND = 100

Samples = npt.NDArray[np.float32]
Span = tuple[int, int]


@dataclass(frozen=True)
class Activity:
    """Where a recording is active."""

    bursts: tuple[Span, ...]  # empty: nowhere
    offset: float  # constant that its samples are about, the median over the active frames


def find_activity(samples: Samples, rate: int, drop: float = 30.0, gap: float = 0.5) -> Activity:
    """Bursts of a recording at `rate` Hz, exact to a frame of 10 ms.

    >>> tone = np.sin(np.arange(8000)).astype(np.float32)
    >>> find_activity(np.concatenate([np.zeros(4000, np.float32), tone]), 8000).bursts
    ((4000, 12000),)
    """
    size = min(rate // _FRAMES_A_SECOND, len(samples))
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)  # (frames, size)
    level = 10 * np.log10(frames.var(axis=1) + 1e-20)
    active = level > max(level.max() - drop, FLOOR)
    if not active.any():
        return Activity((), 0.0)
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)).reshape(-1, 2) * size
    bursts: list[Span] = []
    for first, last in edges.tolist():
        if last == len(frames) * size:
            last = len(samples)  # the part of a frame at the end
        if bursts and first - bursts[-1][1] < gap * rate:
            first = bursts.pop()[0]
        bursts.append((first, last))
    return Activity(tuple(bursts), float(np.median(frames.mean(axis=1)[active])))


@dataclass(frozen=True, eq=False)
class Sound:
    """A part of a recording: silent except for its bursts and their fades."""

    wave: npt.NDArray[np.float64]  # (samples,)
    bursts: tuple[Span, ...]  # in `wave`
    begins: int  # sample of the recording that is the first of `wave`

    @property
    def span(self) -> Span:
        """From the first onset to the last offset, in `wave`."""
        return self.bursts[0][0], self.bursts[-1][1]

    def power(self) -> float:
        """Mean square while it is active."""
        return float(np.mean(np.concatenate([self.wave[first:last] for first, last in self.bursts]) ** 2))


def cut(samples: Samples, activity: Activity, rng: np.random.Generator, longest: int, fade: int) -> Sound:
    """A sound of at most `longest` samples from onset to offset, faded over `fade` samples.

    The whole recording where it fits; else bursts in a row from a drawn one on, in their own time; of a burst
    that is too long by itself, a drawn part.
    """
    chosen = _chosen(activity.bursts, rng, longest)
    fades = [_fade(burst, activity.bursts, len(samples), fade) for burst in chosen]
    begins, ends = fades[0][0], fades[-1][3]
    wave = samples[begins:ends].astype(np.float64) - activity.offset
    envelope = np.zeros(len(wave))
    for rises, full, falls, silent in fades:
        envelope[rises - begins : silent - begins] = 1
        envelope[rises - begins : full - begins] = _ramp(full - rises)
        envelope[falls - begins : silent - begins] = _ramp(silent - falls)[::-1]
    return Sound(wave * envelope, tuple((a - begins, b - begins) for a, b in chosen), begins)


def _chosen(bursts: tuple[Span, ...], rng: np.random.Generator, longest: int) -> list[Span]:
    if bursts[-1][1] - bursts[0][0] <= longest:
        return list(bursts)
    at = int(rng.integers(len(bursts)))
    first, last = bursts[at]
    if last - first > longest:
        first += int(rng.integers(last - first - longest + 1))
        return [(first, first + longest)]
    return [burst for burst in bursts[at:] if burst[1] - first <= longest]


def _fade(burst: Span, bursts: tuple[Span, ...], length: int, fade: int) -> tuple[int, int, int, int]:
    """Samples of the recording where a burst begins to rise, is risen, begins to fall, is gone."""
    first, last = burst
    onset = any(first == a for a, _ in bursts)  # else it is a cut
    offset = any(last == b for _, b in bursts)
    before = first - max((b for _, b in bursts if b <= first), default=0) if onset else 0
    after = min((a for a, _ in bursts if a >= last), default=length) - last if offset else 0
    # Half of a silence between two bursts is for each, a quarter of a burst at each end.
    rises, silent = first - min(fade, before // 2), last + min(fade, after // 2)
    inside = (last - first) // 4
    return rises, min(rises + fade, first + inside), max(silent - fade, last - inside), silent


def _ramp(length: int) -> npt.NDArray[np.float64]:
    """From 0 to 1 along a raised cosine (length,)."""
    return np.asarray(np.sin(np.pi / 2 * np.arange(length) / max(1, length)) ** 2)


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
