"""Eight sounds synthesised from numbers alone, each drawn anew from a random generator.

A voice is a function `(rng, rate, longest) -> waveform (samples,)`: one event at `rate` Hz, at most `longest`
seconds, of any level (the mixer sets that). Pitch, tempo, colour and duration differ from draw to
draw, so that a class is a kind of sound and not one sound. Families overlap on purpose: beeps, bells and
chirps share a range, as do horns and sirens, and engines and drills both buzz.

A whole data set from sounds synthesised on the spot, for the demo and for tests: no download, no licence.

One to four events of eight long-tailed classes lie over coloured noise, 0 to 20 dB above it, overlapping as
chance has it. Each clip has a generator of its own, seeded by (seed, split, index), so a clip is the same
whatever is made beside it. The labels are exact: an event lasts while it is within 20 dB of its loudest
moment, which is where the loudest of events sink into the background.

    DIRECTORY/train/   audio/*.wav  weak.tsv
    DIRECTORY/valid/   audio/*.wav  weak.tsv  strong.tsv  durations.tsv
    DIRECTORY/test/    audio/*.wav  weak.tsv  strong.tsv  durations.tsv
    DIRECTORY/synthetic.json        what was asked for; written last
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import soundfile

from earmark.errors import OutputError
from earmark.events import Event, merge_overlapping
from earmark.formats import dcase

Wave = npt.NDArray[np.float64]
Voice = Callable[[np.random.Generator, int, float], Wave]

LOWEST_RATE = 16_000  # Hz: the highest partials, of chirps, reach 7.5 kHz
_TABLE = 2**14  # points of one period in a wave table: errors 53 dB beneath a 20th harmonic, less lower down


def siren(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A tone with harmonics that wails between about 600 and 1400 Hz, slowly or in yelps."""
    time = _time(min(rng.uniform(2.5, 7.0), longest), rate)
    low, high = rng.uniform(450, 750), rng.uniform(1000, 1600)
    sweeps = time * np.exp(rng.uniform(np.log(0.3), np.log(3.0))) + rng.uniform()
    place = 0.5 - 0.5 * np.cos(2 * np.pi * sweeps)
    tone = _harmonic(low * (high / low) ** place, rate, 1 / np.arange(1, 5) ** rng.uniform(0.8, 1.6))
    return _fade(tone, rate, 0.15)


def horn(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """Two or three detuned notes rich in harmonics, held: a car's or a truck's horn."""
    time = _time(min(rng.uniform(0.4, 2.5), longest), rate)
    root = rng.uniform(260, 440)
    ratios = np.array([1.0, rng.choice([1.19, 1.26, 1.33]), 1.5])[: rng.integers(2, 4)]
    strengths = np.exp(-np.arange(9) / rng.uniform(2.5, 5.0))
    detuned = root * ratios * (1 + rng.normal(0, 0.006, len(ratios)))
    notes = [_harmonic(np.full_like(time, pitch), rate, strengths) for pitch in detuned]
    return _fade(np.sum(notes, axis=0), rate, 0.03)


def beeps(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A steady tone switched on and off: the beeps of a reversing truck."""
    period, duty = rng.uniform(0.3, 1.0), rng.uniform(0.4, 0.6)
    count = max(1, min(int(rng.integers(3, 9)), int(longest / period)))
    time = _time(min((count - 1 + duty) * period, longest), rate)
    on = np.clip((duty * period - time % period) / 0.008, 0, 1) * np.clip((time % period) / 0.008, 0, 1)
    strengths = np.array([1.0, rng.uniform(0, 0.3), rng.uniform(0.05, 0.4)])
    return on * _harmonic(np.full_like(time, rng.uniform(900, 1900)), rate, strengths)


def engine(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A low buzz of many harmonics whose speed drifts, with the rattle of a motor."""
    time = _time(min(rng.uniform(2.5, 8.0), longest), rate)
    knots = np.exp(np.cumsum(rng.normal(0, 0.12, 8)))
    pitch = rng.uniform(28, 75) * np.interp(time, np.linspace(0, 8, 8), knots)
    numbers = np.arange(1, 21)
    formant = np.exp(-0.5 * ((numbers - rng.uniform(2, 6)) / rng.uniform(2, 5)) ** 2)
    strengths = (formant + 0.15 / numbers) * rng.uniform(0.4, 1.6, len(numbers))
    rough = 1 + 0.25 * np.interp(time, np.arange(0, 9, 0.06), rng.normal(0, 1, 150))
    return _fade(_harmonic(pitch, rate, strengths) * rough, rate, 0.35)


def knocks(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A group of short dull bursts, as of a fist on a door."""
    gap = rng.uniform(0.12, 0.4)
    count = max(1, min(int(rng.integers(2, 8)), int((longest - 0.3) / gap)))
    modes = rng.uniform(110, 320) * np.array([1.0, 1.7, 2.9, 4.3]) * rng.uniform(0.95, 1.05, 4)
    decay = rng.uniform(0.02, 0.05)
    wave = np.zeros(len(_time(min((count - 1) * gap * 1.1 + 0.3, longest), rate)))
    for stroke in range(count):
        start = int(rate * gap * (stroke + (rng.uniform(-0.1, 0.1) if stroke else 0.0)))
        time = np.arange(min(int(0.3 * rate), len(wave) - start)) / rate
        ring = np.sin(2 * np.pi * np.outer(modes, time) + rng.uniform(0, 6, (4, 1))).sum(axis=0)
        click = rng.normal(0, 0.8, len(time)) * np.exp(-time / 0.004)
        wave[start : start + len(time)] += rng.uniform(0.6, 1) * (ring * np.exp(-time / decay) + click)
    return wave


def bell(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """One to three strokes of inharmonic partials that ring out, the high ones first."""
    partials = np.array([0.56, 0.92, 1.19, 1.71, 2.0, 2.74, 3.0])  # J.-C. Risset's bell (1969)
    gap, ring = rng.uniform(0.5, 1.1), rng.uniform(0.25, 0.7)
    count = int(rng.integers(1, 4))
    pitches = rng.uniform(500, 1300) * partials
    strengths = rng.uniform(0.3, 1.0, len(partials)) / np.sqrt(partials)
    wave = np.zeros(len(_time(min((count - 1) * gap + 4.5 * ring, longest), rate)))
    for start in (np.arange(count) * gap * rate).astype(int):
        time = np.arange(max(0, len(wave) - start)) / rate
        for pitch, strength, partial in zip(pitches, strengths, partials, strict=True):
            wave[start:] += strength * np.sin(2 * np.pi * pitch * time) * np.exp(-time * partial / ring)
    return wave


def chirps(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A bird's phrase: short whistles that rise, a few in a row."""
    gap = rng.uniform(0.14, 0.45)
    count = max(1, min(int(rng.integers(3, 11)), int(longest / gap)))
    low, rise = rng.uniform(2200, 3700), rng.uniform(1.2, 1.9)
    length = min(rng.uniform(0.06, 0.16), 0.8 * gap)
    wave = np.zeros(len(_time(min(count * gap, longest), rate)))
    for stroke in range(count):
        start, place = int(stroke * gap * rate), np.linspace(0, 1, int(length * rate))
        pitch = low * rng.uniform(0.94, 1.06) * rise ** (place ** rng.uniform(0.7, 1.5))
        chirp = np.hanning(len(place)) * _harmonic(pitch, rate, np.array([1.0]))
        wave[start : start + len(chirp)] += rng.uniform(0.5, 1) * chirp[: len(wave) - start]
    return wave


def drill(rng: np.random.Generator, rate: int, longest: float) -> Wave:
    """A band of noise chopped by a spinning tool, over the whine of its motor."""
    time = _time(min(rng.uniform(0.8, 4.0), longest), rate)
    run_up = 1 - 0.4 * np.exp(-time / rng.uniform(0.05, 0.3))
    low = rng.uniform(1200, 2500)
    band = _band_noise(rng, len(time), rate, low, low * rng.uniform(1.6, 2.6))
    chop = 1 + 0.9 * np.sin(2 * np.pi * np.cumsum(rng.uniform(25, 70) * run_up) / rate)
    whine = _harmonic(rng.uniform(350, 800) * run_up, rate, 1 / np.arange(1, 7))
    return _fade(band * chop + rng.uniform(0.2, 0.6) * whine, rate, 0.06)


# From the most frequent class to the rarest.
VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "engine": engine,
        "siren": siren,
        "knocks": knocks,
        "beeps": beeps,
        "chirps": chirps,
        "horn": horn,
        "drill": drill,
        "bell": bell,
    }
)


def coloured_noise(rng: np.random.Generator, samples: int, rate: int) -> Wave:
    """A background (samples,) of RMS 1: tilted by 0 to -6 dB an octave, its level slowly moving."""
    tilt = rng.uniform(0, 2)  # exponent of 1/f in power: white to brown
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / rate), 40.0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * frequencies ** (-tilt / 2), samples)
    knots = np.linspace(0, samples, 6)
    noise *= 10 ** (np.interp(np.arange(samples), knots, rng.normal(0, 2.5, 6)) / 20)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def _band_noise(rng: np.random.Generator, samples: int, rate: int, low: float, high: float) -> Wave:
    """Noise of RMS 1 between two frequencies, with sides that fall over a quarter of an octave."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(samples, 1 / rate), 1.0))
    outside = np.maximum(np.log2(low) - octaves, octaves - np.log2(high))
    spectrum = np.fft.rfft(rng.standard_normal(samples)) * np.exp(-np.maximum(outside, 0) * 4)
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def _time(seconds: float, rate: int) -> Wave:
    return np.arange(max(1, int(seconds * rate))) / rate


def _harmonic(pitch: Wave, rate: int, strengths: Wave) -> Wave:
    """A tone of varying pitch (samples,) in Hz whose k-th harmonic has amplitude strengths[k - 1].

    The sum of harmonics is one period, tabled once and read along the phase: as cheap for 20 as for one.
    """
    angle = 2 * np.pi * np.arange(_TABLE) / _TABLE
    period = strengths @ np.sin(np.outer(np.arange(1, len(strengths) + 1), angle))
    phase = np.cumsum(pitch) / rate
    return np.asarray(period[(phase * _TABLE).astype(np.int64) & (_TABLE - 1)])


def _fade(wave: Wave, rate: int, seconds: float) -> Wave:
    """Soft edges of at most a quarter of the sound each."""
    edge = max(1, min(int(seconds * rate), len(wave) // 4))
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    wave[:edge] *= ramp
    wave[-edge:] *= ramp[::-1]
    return wave


Progress = Callable[[int, int], None]  # (clips written, clips in all)

SPLITS = ("train", "valid", "test")
_MARK = "synthetic.json"
_RARITY = 12.0  # how many times the most frequent class outnumbers the rarest
_VERSION = 1  # goes up whenever the same seed makes other clips
_SHORTEST = 1.0  # seconds; no clip is shorter


def make_clip(
    seed: int, split: str, index: int, seconds: float = 10.0, rate: int = 16_000
) -> tuple[npt.NDArray[np.float32], list[Event]]:
    """One clip: its waveform (samples,) within [-1, 1] and its events, sorted by onset.

    The first eight clips of a split hold one class each for certain, so that none is ever missing.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    samples = round(seconds * rate)
    wave = coloured_noise(rng, samples, rate)
    names = list(VOICES)
    frequencies = _RARITY ** -np.linspace(0, 1, len(names))
    drawn = rng.choice(names, rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]), p=frequencies / frequencies.sum())
    labels = [names[index], *drawn[1:]] if index < len(names) else [*drawn]
    events = []
    for label in labels:
        sound = _trim(VOICES[label](rng, rate, seconds), rate)
        start = int(rng.integers(0, samples - len(sound) + 1))
        wave[start : start + len(sound)] += sound * 10 ** (rng.uniform(0, 20) / 20)
        onset, offset = start / rate, (start + len(sound)) / rate
        events.append(Event(round(onset, 3), round(offset, 3), str(label)))
    wave *= 10 ** (rng.uniform(-45, -30) / 20)
    wave /= max(1.0, float(np.abs(wave).max()) / 0.95)
    return wave.astype(np.float32), merge_overlapping(events)


@dataclass(frozen=True)
class _Wanted:
    """What a set is made of: equal wishes make equal files."""

    counts: dict[str, int]  # clips of each split
    seed: int
    seconds: float
    rate: int  # Hz
    version: int = _VERSION

    def __post_init__(self) -> None:
        if min(self.counts.values()) < 1 or self.seconds < _SHORTEST or self.rate < LOWEST_RATE:
            raise ValueError(
                f"a synthetic set needs clips in every split, of {_SHORTEST:g} s or more, at {LOWEST_RATE} "
                f"Hz or more; got {self.counts}, {self.seconds} s, {self.rate} Hz"
            )


def make_dataset(
    directory: str | os.PathLike[str],
    clips: int = 240,
    valid: int = 60,
    test: int = 60,
    *,
    seed: int = 0,
    seconds: float = 10.0,
    rate: int = 16_000,
    progress: Progress | None = None,
) -> Path:
    """Make the data set (see the module) of `clips` + `valid` + `test` clips; returns its directory.

    A directory that already holds exactly this set is kept; one that holds another set, or has lost clips, is
    made anew. It is built aside and moved into place whole. `OutputError` where the directory holds something
    else, which is never removed, or cannot be written; `ValueError` for impossible sizes.
    """
    wanted = _Wanted(dict(zip(SPLITS, (clips, valid, test), strict=True)), seed, seconds, rate)
    target = Path(directory)
    try:
        if _holds(target, wanted):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as room:
            built = Path(room) / target.name
            _build(built, wanted, progress or (lambda done, total: None))
            shutil.rmtree(target, ignore_errors=True)
            built.rename(target)
    except (OSError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot make the synthetic data set {target}: {error}") from error
    return target


def _holds(directory: Path, wanted: _Wanted) -> bool:
    """Whether the directory holds this very set; `OutputError` when it holds something that is not ours."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    mark = directory / _MARK
    if not mark.is_file():
        raise OutputError(f"{directory} exists and is not a synthetic data set; choose another place or delete it")
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except ValueError:
        return False
    counts = {split: len(list((directory / split / "audio").glob("*.wav"))) for split in SPLITS}
    return bool(found == asdict(wanted) and counts == wanted.counts)


def _build(directory: Path, wanted: _Wanted, progress: Progress) -> None:
    done = 0
    for split in SPLITS:
        (directory / split / "audio").mkdir(parents=True)
        strong: dict[str, list[Event]] = {}
        for index in range(wanted.counts[split]):
            wave, events = make_clip(wanted.seed, split, index, wanted.seconds, wanted.rate)
            strong[name := f"{split}-{index:04d}.wav"] = events
            soundfile.write(directory / split / "audio" / name, wave, wanted.rate, subtype="PCM_16")
            done += 1
            progress(done, sum(wanted.counts.values()))
        _write_labels(directory / split, strong, wanted.seconds)
    (directory / _MARK).write_text(json.dumps(asdict(wanted), indent=2) + "\n", encoding="utf-8")


def _write_labels(folder: Path, strong: Mapping[str, list[Event]], seconds: float) -> None:
    """Weak labels; and, except for the training split, strong labels and durations."""
    tags = {name: sorted({event.label for event in events}) for name, events in strong.items()}
    dcase.write_weak(folder / "weak.tsv", tags)
    if folder.name != "train":
        dcase.write_strong(folder / "strong.tsv", strong)
        dcase.write_durations(folder / "durations.tsv", dict.fromkeys(strong, seconds))


def _trim(sound: Wave, rate: int) -> Wave:
    """The part of a sound within 20 dB of its loudest 20 ms, at an RMS of 1 over its active frames."""
    size = rate // 50
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    level = (frames**2).mean(axis=1)
    active = level > level.max() / 100
    first, last = np.flatnonzero(active)[[0, -1]]
    kept = sound[first * size : (last + 1) * size]
    return np.asarray(kept / np.sqrt(level[active].mean()))
