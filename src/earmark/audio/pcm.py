"""Sound as a stream of bytes that cannot be wound back: stdin, a pipe. Either a wav, or samples without a header.

    ffmpeg -i rtsp://camera/stream -f wav - | earmark listen --source -
    arecord -t raw -f S16_LE -r 32000 | earmark listen --source - --rate 32000

A wav says its rate itself; its sizes are not believed where their writer could not know them. What is neither, such as
an mp3 or text, is refused with the first bytes rather than played as noise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from earmark.arrays import FloatArray
from earmark.audio.live import BLOCK, Block, Missing, Say
from earmark.errors import AudioError, ConfigError, did_you_mean

SAMPLES = {"u8": 1, "s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "f64le": 8}  # names, as ffmpeg has them, and bytes
RATES = (1_000, 768_000)  # Hz
_WAV = {(1, 8): "u8", (1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le", (3, 64): "f64le"}
_UNKNOWN = 0x7FFF_F000  # a size of sound at or above this was never filled in by its writer
_MOST = 1 << 20  # bytes of chunks before the sound
_OTHERS = (
    *((b"ID3", "an mp3"), (b"\xff\xfb", "an mp3"), (b"\xff\xf3", "an mp3"), (b"fLaC", "a flac"), (b"OggS", "an ogg")),
    *((b"\x1a\x45\xdf\xa3", "a webm or mkv"), (b"FORM", "an aiff"), (b"\xff\xf1", "an aac"), (b"caff", "a caf")),
)


class PcmStream:
    """Blocks of a stream of bytes. `rate`, `channels` and `samples` (`SAMPLES`) are those of sound without a header.

    `AudioError` where the stream is empty, or no sound of these kinds; `ConfigError` where sound without a header comes
    without a `rate`.
    """

    real_time = True

    def __init__(
        self, file: BinaryIO, rate: int | None = None, channels: int = 1, samples: str = "s16le", name: str = "stdin"
    ) -> None:
        if samples not in SAMPLES:
            raise ConfigError(
                f"unknown samples {samples!r}{did_you_mean(samples, SAMPLES)}; known: {', '.join(SAMPLES)}"
            )
        self.name, self._file = name, file
        self._left: int | None = None  # bytes of sound to come, where that is known
        self._held = self._exactly(12)
        if not self._held:
            raise AudioError(f"{name} is empty; expected a wav, or samples without a header")
        if self._held[:4] in (b"RIFF", b"RF64", b"BW64") and self._held[8:12] == b"WAVE":
            self.rate, self.channels, self.samples = self._header()
            self._held = b""
        else:
            self._refuse_others()
            if rate is None:
                raise ConfigError(f"{name} is no wav; for samples without a header give --rate, and see --samples")
            self.rate, self.channels, self.samples = rate, channels, samples
        if not RATES[0] <= self.rate <= RATES[1]:
            raise AudioError(f"{name}: {self.rate} Hz is no sample rate; expected {RATES[0]} to {RATES[1]}")
        if not 1 <= self.channels <= 64:
            raise AudioError(f"{name}: {self.channels} channels make no sense; expected 1 to 64")

    def blocks(self, say: Say) -> Iterator[Block | Missing]:
        """Blocks (samples, channels) as they come, of a tenth of a second at most."""
        frame = SAMPLES[self.samples] * self.channels
        size = max(1, round(BLOCK * self.rate)) * frame
        held = self._held
        while data := self._some(size - len(held)):
            held += data
            whole = len(held) // frame * frame
            if whole:
                yield decode_pcm(held[:whole], self.samples).reshape(-1, self.channels)
                held = held[whole:]
        if held:
            say(f"{self.name}: ended within a sample; {len(held)} bytes left out")

    def _some(self, most: int) -> bytes:
        """Up to so many bytes, as soon as there are any; none at the end."""
        most = most if self._left is None else min(most, self._left)
        if most <= 0:
            return b""
        read = getattr(self._file, "read1", self._file.read)
        data: bytes = read(most) or b""
        if self._left is not None:
            self._left -= len(data)
        return data

    def _exactly(self, count: int) -> bytes:
        """So many bytes, or all there are."""
        data = b""
        while len(data) < count and (more := self._some(count - len(data))):
            data += more
        return data

    def _header(self) -> tuple[int, int, str]:
        """Rate, channels and samples of a wav; afterwards its sound comes."""
        read, form = 0, b""
        while read < _MOST:
            chunk = self._exactly(8)
            if len(chunk) < 8:
                break
            name, stated = struct.unpack("<4sI", chunk)
            if name == b"data":
                if len(form) < 16:
                    break
                self._left = stated if 0 < stated < _UNKNOWN else None
                return self._format(form)
            content = self._exactly(min(stated + stated % 2, _MOST))
            read += 8 + len(content)
            if name == b"fmt ":
                form = content
        raise AudioError(f"{self.name}: a wav without format or sound")

    def _format(self, form: bytes) -> tuple[int, int, str]:
        kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
        if kind == 0xFFFE and len(form) >= 26:  # extensible: the kind stands further on
            kind = struct.unpack("<H", form[24:26])[0]
        if (kind, bits) not in _WAV:
            raise AudioError(
                f"{self.name}: a wav of kind {kind} with {bits} bits is not read from a stream; send 16-bit PCM"
                " (ffmpeg -i INPUT -c:a pcm_s16le -f wav -)"
            )
        return rate, channels, _WAV[kind, bits]

    def _refuse_others(self) -> None:
        """`AudioError` for what is plainly something else than samples."""
        what = next((what_it_is for start, what_it_is in _OTHERS if self._held.startswith(start)), None)
        if what is None and self._held[4:8] == b"ftyp":
            what = "an mp4 or m4a"
        if what is None and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in self._held):
            what = "text"
        if what is not None:
            raise AudioError(
                f"{self.name} is {what}, expected a wav, or samples without a header; convert it:"
                " ffmpeg -i INPUT -f wav -"
            )


def decode_pcm(data: bytes, samples: str) -> FloatArray:
    """Samples (samples,) of bytes, float32 in [-1, 1].

    >>> decode_pcm(bytes([0, 0x40, 0, 0x80]), "s16le").tolist(), decode_pcm(bytes([0, 0, 0x40]), "s24le").tolist()
    ([0.5, -1.0], [0.5])
    """
    if samples[0] == "f":
        return np.frombuffer(data, f"<f{SAMPLES[samples]}").astype(np.float32)
    if samples == "u8":
        return np.asarray(np.frombuffer(data, np.uint8) / 128.0 - 1, np.float32)
    if samples == "s24le":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return np.asarray(wide.view("<i4")[:, 0] / 2.0**31, np.float32)
    width = SAMPLES[samples]
    scaled: FloatArray = (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)
    return scaled
