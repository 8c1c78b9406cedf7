"""Whole recordings as they reach a listener: cut, placed, loud or faint, in a room, through a codec.

    FOLDER/audio/take-SEED-00000.wav    mono, 32 kHz, at most five seconds; of those that are shorter every second one
                                        is followed by silence, the others end where they end: a recording of one short
                                        sound is heard without silence around it
    FOLDER/weak.tsv                     filename  event_labels
    FOLDER/sources.tsv                  filename  event_label  recording  what was done to it

Take n follows from the recordings, the seed and n alone, so any number of processes makes the same, and what is there
is kept. A label is drawn, then a source of it, then a recording of that source; then, each with a chance of its own:

    cut         all of it, a part, or a moment; of anything longer than five seconds a random part; of keyboards and
                mouse buttons every second time a single stroke
    speed       0.85 to 1.15, pitch with it
    colour      a filter whose gain is drawn at six frequencies: microphones, loudspeakers, walls
    room        an exponentially decaying noise, 0.15 to 1.2 s long, faint or strong beside the direct sound
    silence     at either end, where it is digital, cut away
    place       within one to five seconds
    ambience    10 to 40 dB below the sound, or noise; it fills what was silent
    level       its peak 0 to 40 dB below full scale; a few are driven beyond it and clip
    band        8, 16 or 22 kHz recordings
    codec       Vorbis, MP3 or Opus of a poor quality, there and back

A few takes hold an ambience or noise alone, and no label.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from earmark.audio import read_audio
from earmark.files import write_aside
from earmark.formats.tables import write_table
from tools.bundled.soundscapes import RATE, noise
from tools.bundled.table import BACKGROUND, Recording

Wave = npt.NDArray[np.float32]
LONGEST = 5  # seconds
PIECES = 3  # of a recording, as it is
NOTHING = 0.06  # share of takes that hold an ambience alone
# Draws of a label beside those of the others: what most recordings of everyday life hold, and what is heard in strokes.
_SHARES = {"music": 10.0, "speech": 4.0, "singing": 3.0, "crowd": 2.5, "street_traffic": 2.5, "keyboard_typing": 3.0}
_STROKES = {"keyboard_typing", "mouse_click"}
_CODECS = (("OGG", "VORBIS", 32_000), ("MP3", "MPEG_LAYER_III", 32_000), ("OGG", "OPUS", 24_000))
_CHUNK = 64  # takes that a process makes at a time


@dataclass(frozen=True)
class Take:
    """What is heard and what was done to it."""

    wave: Wave  # (samples,)
    recording: Recording | None
    done: tuple[str, ...]


def make_takes(
    folder: Path, data: Path, recordings: Sequence[Recording], number: int, seed: int, processes: int = 1
) -> None:
    """Write `number` takes of the recordings of one part, and their tables."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    jobs = [range(first, min(first + _CHUNK, number)) for first in range(0, number, _CHUNK)]
    rows: list[tuple[str, str, str, str]] = []
    with ProcessPoolExecutor(processes) as pool:
        for made in pool.map(
            _write, *zip(*((folder, data, tuple(recordings), job, seed) for job in jobs), strict=True)
        ):
            rows += made
    write_table(folder / "sources.tsv", ["filename", "event_label", "recording", "done"], rows)
    write_table(folder / "weak.tsv", ["filename", "event_labels"], [row[:2] for row in rows])


def _write(
    folder: Path, data: Path, recordings: tuple[Recording, ...], numbers: range, seed: int
) -> list[tuple[str, str, str, str]]:
    drawer = Drawer(data, recordings)
    rows = []
    for number in numbers:
        name = f"take-{seed}-{number:05d}.wav"
        path = folder / "audio" / name
        rng = np.random.default_rng([seed, number])
        take = drawer.take(rng)
        if not path.is_file():
            with write_aside(path) as temporary:
                soundfile.write(temporary, take.wave, RATE, subtype="PCM_16", format="WAV")
        of = take.recording
        rows.append((name, of.label if of else "", of.filename if of else "", " ".join(take.done)))
    return rows


class Drawer:
    """Draws takes of recordings under `data`."""

    def __init__(self, data: Path, recordings: Sequence[Recording]) -> None:
        self.data = data
        self.beds = [row for row in recordings if row.label == BACKGROUND]
        self.sounds: dict[str, dict[str, list[Recording]]] = defaultdict(lambda: defaultdict(list))
        for row in recordings:
            if row.label != BACKGROUND:
                self.sounds[row.label][row.group].append(row)
        shares = np.array([_SHARES.get(label, 1.0) for label in self.sounds])
        self.labels, self.chances = list(self.sounds), shares / shares.sum()

    def take(self, rng: np.random.Generator) -> Take:
        """One take."""
        samples = int(rng.uniform(1, LONGEST) * RATE)
        if rng.random() < NOTHING:
            wave = self._ambience(rng, samples) * 10 ** (rng.uniform(-45, -10) / 20)
            return Take(_fitted(wave, LONGEST * RATE), None, ("ambience",))
        label = self.labels[rng.choice(len(self.labels), p=self.chances)]
        groups = list(self.sounds[label].values())
        group = groups[rng.integers(len(groups))]
        recording = group[rng.integers(len(group))]
        done: list[str] = []
        wave = self._sound(recording, rng, done)
        wave = self._placed(wave, rng, done, samples)
        wave = _levelled(wave, rng, done)
        wave = _coded(wave, rng, done)[: LONGEST * RATE]
        return Take(wave if rng.random() < 0.5 else _fitted(wave, LONGEST * RATE), recording, tuple(done))

    def _sound(self, recording: Recording, rng: np.random.Generator, done: list[str]) -> Wave:
        wave = _decoded(str(self.data / recording.filename))
        longest = LONGEST * RATE
        if rng.random() < 0.4:
            wave = _trimmed(wave)
        chance = rng.random()
        if recording.label in _STROKES and rng.random() < 0.5:
            done.append("stroke")
            wave = _stroke(wave, rng)
        elif chance < 0.2:
            done.append("moment")
            wave = _moment(wave, rng)
        elif chance < 0.4 or len(wave) > longest:
            done.append("part")
            least = min(len(wave), longest) // 3
            wave = _part(wave, int(rng.integers(least, min(len(wave), longest) + 1)), rng)
        if rng.random() < 0.5:
            speed = 0.85 ** rng.uniform(-1, 1)
            done.append(f"speed={speed:.2f}")
            wave = soxr.resample(wave, RATE * speed, RATE)
        if rng.random() < 0.5:
            done.append("colour")
            wave = _coloured(wave, rng)
        if rng.random() < 0.35:
            done.append("room")
            wave = _in_a_room(wave, rng)
        return wave[:longest]

    def _placed(self, wave: Wave, rng: np.random.Generator, done: list[str], samples: int) -> Wave:
        """The sound somewhere in at least `samples` of silence, ambience or noise."""
        loud = _loudness(wave)
        if rng.random() < 0.5:
            samples = len(wave)  # nothing before and after it
        total = max(samples, len(wave), RATE // 4)
        out = np.zeros(total, np.float32)
        at = int(rng.integers(0, total - len(wave) + 1))
        out[at : at + len(wave)] = wave
        if rng.random() < 0.6:
            below = rng.uniform(10, 40)
            done.append(f"ambience=-{below:.0f}")
            out += self._ambience(rng, total) * loud * 10 ** (-below / 20)
        return out

    def _ambience(self, rng: np.random.Generator, samples: int) -> Wave:
        """An ambience or noise (samples,) whose root mean square is one."""
        if self.beds and rng.random() < 0.6:
            bed = _decoded(str(self.data / self.beds[rng.integers(len(self.beds))].filename))
            wave = np.resize(np.roll(bed, -int(rng.integers(len(bed)))), samples)
        else:
            wave = noise(rng, samples)
        return np.asarray(wave / (np.sqrt(np.mean(np.square(wave))) + 1e-9), np.float32)


def add_groups(labels: str, groups: dict[str, tuple[str, ...]]) -> str:
    """Labels, comma between, with the groups that they belong to.

    >>> add_groups("dog,rain", {"animal": ("dog",)})
    'dog,rain,animal'
    """
    names = [name for name in labels.split(",") if name]
    return ",".join([*names, *(group for group, of in groups.items() if any(name in of for name in names))])


def make_pieces(folder: Path, data: Path, recordings: Sequence[Recording], processes: int = 1) -> None:
    """Write recordings as they are, at most five seconds of each: of longer ones the first `PIECES` pieces."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    sounds = [row for row in recordings if row.label != BACKGROUND]
    rows: list[tuple[str, str]] = []
    with ProcessPoolExecutor(processes) as pool:
        for made in pool.map(_write_pieces, [folder] * len(sounds), [data] * len(sounds), sounds, chunksize=16):
            rows += made
    write_table(folder / "weak.tsv", ["filename", "event_labels"], rows)


def _write_pieces(folder: Path, data: Path, row: Recording) -> list[tuple[str, str]]:
    rows = []
    for number, piece in enumerate(_pieces(_decoded(str(data / row.filename)))):
        name = f"{row.filename.replace('/', '--').removesuffix('.ogg')}-{number}.wav"
        with write_aside(folder / "audio" / name) as temporary:
            soundfile.write(temporary, piece, RATE, subtype="PCM_16", format="WAV")
        rows.append((name, row.label))
    return rows


def _pieces(wave: Wave) -> Iterator[Wave]:
    """The first pieces of a recording; no last one of a moment."""
    length = LONGEST * RATE
    for first in range(0, min(len(wave), PIECES * length), length):
        if first == 0 or len(wave) - first >= length // 3:
            yield np.clip(wave[first : first + length], -1, 1)


@lru_cache(maxsize=500)
def _decoded(path: str) -> Wave:
    return np.asarray(read_audio(Path(path), RATE).samples, np.float32)


def _loudness(wave: Wave) -> float:
    """Root mean square of what is heard: of moments within 30 dB of the loudest."""
    hop = RATE // 50
    frames = wave[: len(wave) // hop * hop].reshape(-1, hop) if len(wave) >= hop else wave[None]
    power = np.mean(np.square(frames), axis=1)
    return float(np.sqrt(np.mean(power[power >= power.max() * 1e-3]))) if len(power) else 0.0


def _trimmed(wave: Wave) -> Wave:
    """Without digital silence at either end: a data set's padding, which would tell the class."""
    heard = np.flatnonzero(np.abs(wave) > 1e-4)
    return wave[heard[0] : heard[-1] + 1] if len(heard) else wave


def _part(wave: Wave, length: int, rng: np.random.Generator) -> Wave:
    """A part in which something is heard: the loudest of three."""
    starts = rng.integers(0, len(wave) - length + 1, 3)
    return max((wave[start : start + length] for start in starts), key=lambda part: float(np.square(part).sum()))


def _moment(wave: Wave, rng: np.random.Generator) -> Wave:
    """0.15 to 1.5 seconds from a moment on at which something is heard; 1 to 3 of a sound that lasts, as rain does."""
    hop = RATE // 50
    power = np.square(wave[: len(wave) // hop * hop]).reshape(-1, hop).mean(axis=1) if len(wave) >= hop else np.ones(1)
    loud = np.flatnonzero(power >= power.max() * 1e-2)
    start = max(0, int(loud[rng.integers(len(loud))]) * hop - hop)
    lasts = len(loud) > 0.5 * len(power) and len(power) > 100
    part = wave[start : start + int((rng.uniform(1, 3) if lasts else rng.uniform(0.15, 1.5)) * RATE)].copy()
    fade = min(len(part) // 2, RATE // 100)
    part[len(part) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return part


def _stroke(wave: Wave, rng: np.random.Generator) -> Wave:
    """One stroke: 60 to 300 ms from shortly before one of the sudden rises within 20 dB of the highest."""
    hop = RATE // 200
    if len(wave) < 4 * hop:
        return wave
    power = np.square(wave[: len(wave) // hop * hop]).reshape(-1, hop).mean(axis=1)
    rise = np.diff(power, prepend=power[:1])
    sudden = np.flatnonzero(rise >= rise.max() * 1e-2)
    start = max(0, (int(sudden[rng.integers(len(sudden))]) - 2) * hop)
    part = wave[start : start + int(rng.uniform(0.06, 0.3) * RATE)].copy()
    fade = min(len(part) // 2, RATE // 100)
    part[len(part) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return part


def _coloured(wave: Wave, rng: np.random.Generator) -> Wave:
    """Through a filter whose gain is within 12 dB at 60 Hz and every 1.6 octaves above."""
    spectrum = np.fft.rfft(wave)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(wave), 1 / RATE), 30) / 60)
    gain = np.interp(octaves, np.arange(6) * 1.6, rng.uniform(-12, 12, 6))
    return np.asarray(np.fft.irfft(spectrum * 10 ** (gain / 20), len(wave)), np.float32)


def _in_a_room(wave: Wave, rng: np.random.Generator) -> Wave:
    """With the echoes of a room: noise that decays by 60 dB in 0.15 to 1.2 s, duller as it does."""
    seconds = 0.15 * 8 ** rng.uniform()
    length = int(seconds * RATE)
    decay = 10 ** (-3 * np.arange(length) / length)
    tail = rng.standard_normal(length) * decay
    smooth = np.exp(-2 * np.pi * rng.uniform(2000, 8000) * np.arange(64) / RATE)  # walls swallow the treble
    tail = np.convolve(tail, smooth / smooth.sum())[:length]
    tail[0] = 0
    tail *= 10 ** (rng.uniform(-12, 6) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    size = len(wave) + length - 1
    out = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)
    return np.asarray(out[: len(wave) + int(rng.integers(0, length))], np.float32)


def _levelled(wave: Wave, rng: np.random.Generator, done: list[str]) -> Wave:
    """At a peak of 0 to -40 dB; one in twenty is driven 3 to 12 dB beyond full scale."""
    peak = rng.uniform(-40, 0) if rng.random() < 0.5 else rng.uniform(-12, 0)
    if rng.random() < 0.05:
        peak = rng.uniform(3, 12)
        done.append("clipped")
    wave = wave * (10 ** (peak / 20) / max(float(np.abs(wave).max()), 1e-9))
    return np.clip(wave, -1, 1).astype(np.float32)


def _coded(wave: Wave, rng: np.random.Generator, done: list[str]) -> Wave:
    """Of a narrow band, or through a codec, or neither."""
    chance = rng.random()
    if chance < 0.25:
        rate = int(rng.choice([8_000, 16_000, 22_050]))
        done.append(f"rate={rate}")
        return _fitted(soxr.resample(soxr.resample(wave, RATE, rate), rate, RATE), len(wave))
    if chance < 0.5:
        form, subtype, rate = _CODECS[rng.integers(len(_CODECS))]
        buffer = io.BytesIO()
        sent = wave if rate == RATE else soxr.resample(wave, RATE, rate)
        done.append(subtype.lower())
        soundfile.write(buffer, sent, rate, format=form, subtype=subtype, compression_level=rng.uniform(0.6, 0.95))
        buffer.seek(0)
        heard, back = soundfile.read(buffer, dtype="float32")
        return _fitted(heard if back == RATE else soxr.resample(heard, back, RATE), len(wave))
    return wave


def _fitted(wave: Wave, samples: int) -> Wave:
    out = np.zeros(samples, np.float32)
    out[: min(samples, len(wave))] = wave[:samples]
    return np.clip(out, -1, 1)
