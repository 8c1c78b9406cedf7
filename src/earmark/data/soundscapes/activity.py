"""Where an isolated recording is active, and a part of it cut out, faded and ready for a soundscape.

A recording is active in frames of 10 ms whose level lies within `drop` dB of its loudest frame and above -70 dB re full
scale. Level is the power of a frame about its own mean, so that a constant offset is no sound. Silences shorter than
`gap` belong to what they interrupt; longer ones part two bursts, and each burst is an event. Digital padding, breath
before a cough, noise after a bark: none of it is labelled, and only the fades of it get into the soundscape.

Fades lie outside a burst where the recording goes on there, quietly; so a sharp attack stays as it is. Where it does
not (it begins or ends in full sound, or is cut), they lie inside.

Samples are mono float32 (samples,); bursts are (first sample, sample after the last).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    heard = level > max(level.max() - drop, FLOOR)
    if not heard.any():
        return Activity((), 0.0)
    edges = np.flatnonzero(np.diff(heard, prepend=False, append=False)).reshape(-1, 2) * size
    bursts: list[Span] = []
    for first, last in edges.tolist():
        if last == len(frames) * size:
            last = len(samples)  # the part of a frame at the end
        if bursts and first - bursts[-1][1] < gap * rate:
            first = bursts.pop()[0]
        bursts.append((first, last))
    return Activity(tuple(bursts), float(np.median(frames.mean(axis=1)[heard])))


@dataclass(frozen=True, eq=False)
class Sound:
    """A part of a recording: silent except for its bursts and their fades."""

    wave: npt.NDArray[np.float64]  # (samples,)
    bursts: tuple[Span, ...]  # in `wave`
    begins: int  # sample of the recording that is the first of `wave`

    @property
    def heard(self) -> Span:
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
