"""Recordings: every format, and what happens to files.

A change says what is left to be read, in seconds, where that follows from it; the reader may read less only if it says
so. Of flipped or overwritten bytes nothing follows (a bit may be the sample rate's): there only the process counts.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.odd.case import Made, Read
from earmark.audio import read_blocks
from earmark.errors import MissingExtraError

SECONDS = 3.0
LONGEST = 4 * 3_600.0  # seconds that a file of three may be taken for: a gap of an hour, or another rate
_SNDFILE = {  # form: (format, subtype, rate)
    "wav": ("WAV", "PCM_16", 32_000),
    "wav 24 bits": ("WAV", "PCM_24", 44_100),
    "wav float": ("WAV", "FLOAT", 16_000),
    "wav adpcm": ("WAV", "IMA_ADPCM", 22_050),
    "wavex": ("WAVEX", "PCM_16", 48_000),
    "rf64": ("RF64", "PCM_16", 32_000),
    "w64": ("W64", "PCM_16", 32_000),
    "flac": ("FLAC", "PCM_16", 32_000),
    "ogg": ("OGG", "VORBIS", 32_000),
    "opus": ("OGG", "OPUS", 48_000),
    "mp3": ("MP3", None, 32_000),
    "aiff": ("AIFF", "PCM_16", 32_000),
    "au": ("AU", "PCM_16", 32_000),
    "caf": ("CAF", "PCM_16", 32_000),
}
_MEDIA = {  # form: (extension, coding, rate)
    "m4a": ("m4a", "aac", 44_100),
    "aac": ("aac", "aac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("mka", "flac", 32_000),
    "ogg flac": ("oga", "flac", 32_000),
    "caf alac": ("caf", "alac", 32_000),
    "wavpack": ("wv", "wavpack", 32_000),
    "avi": ("avi", "pcm_s16le", 32_000),
    "mov": ("mov", "pcm_s16le", 32_000),
}
_STATED = {*_SNDFILE, *_MEDIA} - {"aac", "ogg", "opus", "ogg flac"}  # these are streams without a stated length
_CHAINED = {"ogg", "opus", "mp3"}  # one behind the other is one recording
_SIZES = {"wav", "wav 24 bits", "wav float", "wavex"}


class Recordings:
    """Cases of `robustness.py`."""

    tolerance = 0.3

    def __init__(self) -> None:
        self._good: dict[str, bytes] = {}

    def make(self, rng: np.random.Generator, folder: Path) -> Made:
        """A recording of noise, changed once, or twice in a row."""
        form = str(rng.choice([*_SNDFILE, *_MEDIA]))
        good = self._original(form, folder)
        change = str(rng.choice(list(CHANGES)))
        data, whole = CHANGES[change](good, form, rng)
        if rng.random() < 0.15:
            again = str(rng.choice(["flipped bits", "zeroed"]))
            data, whole, change = CHANGES[again](data, form, rng)[0], None, f"{change}, {again}"
        extension = _MEDIA[form][0] if form in _MEDIA else form.split()[0]
        path = folder / f"a.{extension}"
        path.write_bytes(data)
        return Made(path, form, change, whole)

    def read(self, made: Made) -> Read:
        """Every block of it, as a model of 16 kHz hears it."""
        samples, wrong = 0, None
        try:
            with read_blocks(made.path, 16_000, 5.0) as blocks:
                for block in blocks:
                    samples += len(block)
                    if wrong is None and not np.isfinite(block).all():
                        wrong = "a sample that is not a number"
                    if samples > LONGEST * 16_000:
                        wrong = "sound without end"
                        break
        except MissingExtraError as error:
            raise AssertionError("PyAV is needed here") from error
        return Read(samples / 16_000, blocks.problem, wrong)

    def _original(self, form: str, folder: Path) -> bytes:
        if form not in self._good:
            self._good[form] = _media(form, folder) if form in _MEDIA else _sndfile(form)
        return self._good[form]


def cases() -> Recordings:
    """For `robustness.py`."""
    return Recordings()


def _noise(rate: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(SECONDS * rate))).astype(np.float32)


def _sndfile(form: str) -> bytes:
    container, coding, rate = _SNDFILE[form]
    made = io.BytesIO()
    soundfile.write(made, _noise(rate), rate, format=container, subtype=coding)
    return made.getvalue()


def _media(form: str, folder: Path) -> bytes:
    import av

    extension, coding, rate = _MEDIA[form]
    path = folder / f"good.{extension}"
    wave = _noise(rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding, rate=rate)
        stream.layout = "mono"
        plain = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=rate)
        size = stream.codec_context.frame_size or 1_024
        for first in range(0, len(wave), size):
            frame = av.AudioFrame.from_ndarray(wave[None, first : first + size], format="fltp", layout="mono")
            frame.sample_rate = rate
            for same in plain.resample(frame):
                same.pts, same.time_base = first, Fraction(1, rate)
                container.mux(stream.encode(same))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.unlink()
    return data


Changed = tuple[bytes, float | None]


def _same(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    return data, SECONDS


def _cut(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    """The end is missing: less may be read, if that is said, where the format says how much there should be."""
    return data[: int(rng.integers(1, len(data)))], SECONDS if form in _STATED else None


def _headless(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    return data[int(rng.integers(1, len(data) // 2)) :], None


def _flipped(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    changed = np.frombuffer(data, np.uint8).copy()
    near = min(len(changed), int(rng.choice([64, 512, len(changed)])))  # often where headers are
    places = rng.integers(0, near, int(rng.choice([1, 1, 2, 8, 64])))
    changed[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes(), None


def _numbers(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    """A field of the header set to a number that programs get wrong."""
    place = int(rng.integers(0, min(200, len(data) - 8)))
    odd = int(rng.choice([0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 0x4000_0000]))
    field = odd.to_bytes(4, str(rng.choice(["little", "big"])))  # type: ignore[arg-type]
    return data[:place] + field + data[place + 4 :], None


def _zeroed(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    first, length = int(rng.integers(0, len(data))), int(rng.choice([16, 512, 4_096, 65_536]))
    length = min(length, len(data) - first)
    return data[:first] + bytes(length) + data[first + length :], None


def _scrambled(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    first, length = int(rng.integers(0, len(data))), int(rng.choice([16, 512, 4_096]))
    length = min(length, len(data) - first)
    return data[:first] + rng.bytes(length) + data[first + length :], None


def _lost(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    first, length = int(rng.integers(0, len(data))), int(rng.choice([1, 2, 188, 4_096]))
    return data[:first] + data[first + length :], None


def _twice(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    return data + data, 2 * SECONDS if form in _CHAINED else None


def _followed(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    return data + rng.bytes(int(rng.choice([1, 128, 5_000]))), SECONDS if form in _SNDFILE else None


def _size(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    """The size of a wav's sound never filled in, or modulo anything: all is read, or the rest is told of."""
    place = data.find(b"data") + 4
    if form not in _SIZES:
        return _numbers(data, form, rng)
    stated = int(rng.choice([0, 0x7FFF_F000, 0xFFFF_FFFF, int(rng.integers(0, len(data) // 2)) & ~7]))
    return data[:place] + struct.pack("<I", stated) + data[place + 4 :], SECONDS


def _exponent(data: bytes, form: str, rng: np.random.Generator) -> Changed:
    """One sample of a float recording that is far too large, or not a number."""
    if form != "wav float":
        return _flipped(data, form, rng)
    place = len(data) - 4 * int(rng.integers(1, 10_000))
    value = float(rng.choice([1e20, -3e38, np.inf, np.nan, 4e4, 1e10]))
    return data[:place] + struct.pack("<f", value) + data[place + 4 :], None


CHANGES: dict[str, Callable[[bytes, str, np.random.Generator], Changed]] = {
    "unchanged": _same,
    "cut": _cut,
    "without its beginning": _headless,
    "flipped bits": _flipped,
    "odd numbers": _numbers,
    "zeroed": _zeroed,
    "scrambled": _scrambled,
    "bytes lost": _lost,
    "twice": _twice,
    "something behind it": _followed,
    "wrong size": _size,
    "impossible sample": _exponent,
}
