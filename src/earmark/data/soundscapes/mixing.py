"""One soundscape: a background, sounds over it at drawn times and levels, and exact labels.

Everything drawn follows from (seed, number of the soundscape), so it is the same whatever is made beside it, and
background and sounds draw from streams of their own. A sound's level is set against the background's in the very
spans where the sound is active: SNR = 10 log10(mean square of the sound / mean square of the background), both over
its bursts. If the sum would clip, all of it is made fainter alike, which changes no ratio.

At most `polyphony` sounds are active at one time, and two of one label are at least `gap` apart, as two events of one
recording are. A sound for which there is no such place is replaced by another of its label, a few times, then left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.data.soundscapes.options import SoundscapeOptions, SoundSource, Sources
from earmark.data.soundscapes.recordings import Decoded, Recordings, Sound, Span, at_speed, cut
from earmark.data.synthetic import coloured_noise
from earmark.errors import DataError
from earmark.events import Event

PEAK = 0.99  # largest magnitude of a soundscape
_CROSSFADE = 0.25  # seconds
_TRIES = 5  # recordings of a label that are tried for a place
_FAINTEST = 1e-3  # a moment of background fainter than the whole by 30 dB counts as that faint

Wave = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placed:
    """A sound in its place."""

    source: SoundSource
    at: int  # sample of the soundscape where the first of `wave` lies; may be before its beginning
    wave: Wave  # (samples,), as loud as it is in the soundscape
    bursts: tuple[Span, ...]  # in the soundscape
    begins: int  # sample of the recording, as it is played, that is the first of `wave`
    snr: float  # dB
    speed: float  # that it is played at


@dataclass(frozen=True)
class Bed:
    """A recording in the background."""

    source: SoundSource
    span: Span  # in the soundscape
    begins: int  # sample of the recording that is the first


@dataclass(frozen=True, eq=False)
class Soundscape:
    """A mixture and what it is made of: `wave` is `background` and every `Placed.wave` in its place."""

    wave: npt.NDArray[np.float32]  # (samples,)
    background: Wave  # (samples,)
    beds: tuple[Bed, ...]  # empty: noise made on the spot
    sounds: tuple[Placed, ...]
    wanted: int  # sounds drawn; fewer lie in it where there was no room
    faults: tuple[tuple[SoundSource, str], ...]  # recordings drawn that cannot be used
    rate: int  # Hz

    def events(self) -> list[Event]:
        """Strong labels by onset: one a burst."""
        spans = [(burst, sound.source.label) for sound in self.sounds for burst in sound.bursts]
        return [Event(round(a / self.rate, 6), round(b / self.rate, 6), label) for (a, b), label in sorted(spans)]


def compose(sources: Sources, options: SoundscapeOptions, number: int, recordings: Recordings) -> Soundscape:
    """Soundscape `number`. `DataError` where no recording of a kind can be used."""
    recordings.met.clear()
    rng = np.random.default_rng([options.seed, number, 0])
    background, beds = _background(sources.backgrounds, options, rng, recordings)
    rng = np.random.default_rng([options.seed, number, 1])
    wanted = int(rng.integers(options.events[0], options.events[1] + 1))
    placed: list[Placed] = []
    for _ in range(wanted):
        sound = _place(sources.sounds, options, rng, recordings, background, placed)
        placed += [] if sound is None else [sound]
    mix = background.copy()
    for sound in placed:
        lay(mix, sound.wave, sound.at)
    gain = min(1.0, PEAK / max(float(np.abs(mix).max()), 1e-9))
    loud = [Placed(s.source, s.at, s.wave * gain, s.bursts, s.begins, s.snr, s.speed) for s in placed]
    wave = (mix * gain).astype(np.float32)
    faults = tuple(recordings.met.items())
    return Soundscape(wave, background * gain, tuple(beds), tuple(loud), wanted, faults, options.rate)


def lay(mix: Wave, wave: Wave, at: int) -> None:
    """Add a wave to a mixture (samples,) from sample `at` on; what lies outside is left out."""
    first, last = max(0, at), min(len(mix), at + len(wave))
    mix[first:last] += wave[first - at : last - at]


def _drawn(
    groups: Mapping[str, Sequence[SoundSource]],
    chances: Wave,
    rng: np.random.Generator,
    decode: Callable[[SoundSource], Decoded | None],
) -> list[Iterator[Decoded]]:
    """Usable recordings, shuffled, of each label; labels in a drawn order."""
    order = rng.choice(len(groups), len(groups), replace=False, p=chances)
    labels = list(groups)

    def usable(label: str) -> Iterator[Decoded]:
        for index in rng.permutation(len(groups[label])):
            if (decoded := decode(groups[label][index])) is not None:
                yield decoded

    return [usable(labels[index]) for index in order]


def _place(
    groups: Mapping[str, Sequence[SoundSource]],
    options: SoundscapeOptions,
    rng: np.random.Generator,
    recordings: Recordings,
    background: Wave,
    others: Sequence[Placed],
) -> Placed | None:
    """A drawn sound where there is room for it; None where there is not."""
    longest = round(min(options.longest, options.seconds) * options.rate)
    tried = 0
    for candidates in _drawn(groups, options.chances(len(groups)), rng, recordings.sound):
        for decoded in candidates:
            tried += 1
            decoded = at_speed(decoded, options, rng)
            sound = cut(decoded.samples, decoded.activity, rng, longest, round(options.fade * options.rate))
            first, last = sound.span
            full = _full(others, decoded.source.label, options)
            starts = free_starts(full, last - first, options.samples)
            if starts:
                return _level(decoded, sound, _pick(starts, rng) - first, background, options, rng)
            if tried == _TRIES:
                return None
        if tried:
            return None
    raise DataError("no recording of any sound can be used: " + "; ".join(list(recordings.met.values())[:3]))


def _level(
    decoded: Decoded, sound: Sound, at: int, background: Wave, options: SoundscapeOptions, rng: np.random.Generator
) -> Placed:
    bursts = tuple((at + first, at + last) for first, last in sound.bursts)
    under = np.mean(np.concatenate([background[first:last] for first, last in bursts]) ** 2)
    floor = max(float(under), _FAINTEST * float(np.mean(background**2)))
    snr = rng.uniform(*options.snr)
    gain = math.sqrt(floor * 10 ** (snr / 10) / sound.power())
    return Placed(decoded.source, at, sound.wave * gain, bursts, sound.begins, snr, decoded.speed)


def _full(others: Sequence[Placed], label: str, options: SoundscapeOptions) -> list[Span]:
    """Spans in which no further sound of this label may be active."""
    spans = [(other.bursts[0][0], other.bursts[-1][1]) for other in others]
    gap = math.ceil(options.gap * options.rate)
    full = [(a - gap, b + gap) for (a, b), o in zip(spans, others, strict=True) if o.source.label == label]
    edges = sorted({edge for span in spans for edge in span})
    for first, last in itertools.pairwise(edges):
        if sum(a <= first and last <= b for a, b in spans) >= options.polyphony:
            full.append((first, last))
    return full


def free_starts(full: Sequence[Span], length: int, samples: int) -> list[Span]:
    """Where something of `length` can begin within `samples` and touch no full span: ranges of samples.

    >>> free_starts([(40, 60)], 30, 100)
    [(0, 11), (60, 71)]
    """
    free, begins = [], 0
    for first, last in [*sorted(full), (samples, samples + length)]:
        if begins <= first - length:
            free.append((begins, first - length + 1))
        begins = max(begins, last)
    return free


def _pick(ranges: Sequence[Span], rng: np.random.Generator) -> int:
    """One of all the samples in these ranges, each as likely."""
    at = int(rng.integers(sum(last - first for first, last in ranges)))
    for first, last in ranges:
        if at < last - first:
            break
        at -= last - first
    return first + at


def _background(
    groups: Mapping[str, Sequence[SoundSource]],
    options: SoundscapeOptions,
    rng: np.random.Generator,
    recordings: Recordings,
) -> tuple[Wave, list[Bed]]:
    """A background at its level, and the recordings end to end in it: of one label, or one again and again."""
    level = 10 ** (rng.uniform(*options.level) / 20)
    if not groups:
        return coloured_noise(rng, options.samples, options.rate) * level, []
    even = np.full(len(groups), 1 / len(groups))
    for candidates in _drawn(groups, even, rng, recordings.background):
        found = list(itertools.islice(candidates, 1))
        if found:
            break
    else:
        raise DataError("no background can be used: " + "; ".join(list(recordings.met.values())[:3]))
    bed, beds = np.zeros(0), list[Bed]()
    while len(bed) < options.samples:
        if beds and found[0].source.label:
            found += itertools.islice(candidates, 1)
        decoded = found[len(beds) % len(found)]
        begins, wave = _stretch(decoded, options.samples, rng)
        fade = min(round(_CROSSFADE * options.rate), len(bed) // 4, len(wave) // 4)
        at = len(bed) - fade
        bed = _joined(bed, wave, fade)
        beds.append(Bed(decoded.source, (at, min(len(bed), options.samples)), begins))
    bed = bed[: options.samples]
    return bed / math.sqrt(float(np.mean(bed**2))) * level, beds


def _stretch(decoded: Decoded, longest: int, rng: np.random.Generator) -> tuple[int, Wave]:
    """Where it begins, and at most `longest` samples from there, of RMS 1: never digital silence alone."""
    bursts = decoded.activity.bursts
    first, last = bursts[0][0], bursts[-1][1]
    begins = first + int(rng.integers(max(1, last - first - longest + 1)))
    if all(b <= begins or a >= begins + longest for a, b in bursts):
        begins = first
    wave = decoded.samples[begins : min(last, begins + longest)].astype(np.float64)
    wave -= wave.mean()
    return begins, wave / math.sqrt(float(np.mean(wave**2)))


def _joined(bed: Wave, wave: Wave, fade: int) -> Wave:
    """End to end, the two crossing over `fade` samples with the sum of their powers kept."""
    turn = np.linspace(0, np.pi / 2, fade)
    crossing = bed[len(bed) - fade :] * np.cos(turn) + wave[:fade] * np.sin(turn)
    return np.concatenate([bed[: len(bed) - fade], crossing, wave[fade:]])
