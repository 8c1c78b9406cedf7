"""Wav files whose header does not say how much sound there is.

A recorder that lost power leaves a size of zero; a writer of 32-bit sizes leaves them modulo 2**32 when the file grows
beyond 4 GB; RF64, BW64 and W64 hold sizes of 64 bits, which may be unset as well; BW64 is RF64 under a name that
libsndfile does not know. Each is read through a header of our own in front of the sound (`view.py`). Where the header
is believed and bytes follow that belong to no chunk, the reader says so.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from earmark.audio.view import View

_FORMS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_UNSET = 0xFFFF_FFFF  # "see the ds64 chunk", or "not known"
_WRAP = 1 << 32
_STREAMED = (0x7FFF_F000, 0xFFFF_F000)  # to these and 4,095 more a size is set that is never filled in
_NEVER = 1 << 62  # no size of 64 bits is larger than this on purpose
_MOST_CHUNKS = 1_000  # before the sound; more are damage
_W64_START = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"  # of every chunk's identifier; `wave` comes first


@dataclass(frozen=True)
class WavSound:
    """Where the sound of a wav lies: `size` bytes from `start`."""

    form: bytes  # RIFF, RIFX, RF64, BW64 or W64
    fmt: bytes  # content of the format chunk
    start: int
    stated: int  # bytes of sound that the header promises
    present: int  # bytes from `start` to the end of the file
    strays: bool = False  # what follows the promised bytes belongs to no chunk

    @property
    def bytes_per_second(self) -> int:
        """Of the sound; 0 where the header does not say."""
        order = _FORMS.get(self.form, "<")
        return int(struct.unpack(order + "I", self.fmt[8:12])[0]) if len(self.fmt) >= 12 else 0

    @property
    def size(self) -> int:
        """Bytes of sound there are, as far as is known."""
        if self.stated == 0:
            return self.present if self.strays else 0
        if self.stated >= _NEVER:
            return self.present
        if self.form in (b"RIFF", b"RIFX") and self.strays:
            if _is_streamed(self.stated):
                return self.present
            return self.stated + (self.present - self.stated) // _WRAP * _WRAP  # the same up to 4 GB
        return min(self.stated, self.present)

    @property
    def is_plain(self) -> bool:
        """Whether libsndfile reads the file rightly as it is."""
        if self.form == b"BW64" or (self.form != b"RIFF" and self.stated >= _NEVER):
            return False
        return self.size == min(self.stated, self.present)

    @property
    def unread(self) -> int:
        """Bytes that follow the sound and belong to no chunk."""
        return self.present - self.size if self.strays else 0

    def view(self, file: BinaryIO) -> View:
        """The file with a header that states what is there."""
        stated = min(self.stated, _NEVER) if self.is_cut else self.size
        return View(file, self.start, self.size, _header(self.form, self.fmt, stated))

    @property
    def is_cut(self) -> bool:
        """Whether the header promises more than there is."""
        return self.present < self.stated < _NEVER


def find_wav_sound(file: BinaryIO, head: bytes) -> WavSound | None:
    """Where the sound of a wav file lies; None where this is no wav, or one without format or sound."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if head[:4] in _FORMS and head[8:12] == b"WAVE":
        return _find(file, size, head[:4], _riff_chunks(file, size, _FORMS[head[:4]]))
    if head.startswith(_W64_START) and head[24:28] == b"wave":
        return _find(file, size, b"W64", _w64_chunks(file, size))
    return None


Chunk = tuple[bytes, int, int]  # four letters, where its content begins, bytes stated


def _find(file: BinaryIO, size: int, form: bytes, chunks: Iterator[Chunk]) -> WavSound | None:
    fmt, long_size = b"", None
    for _, (name, start, stated) in zip(range(_MOST_CHUNKS), chunks, strict=False):
        if name == b"fmt ":
            file.seek(start)
            fmt = file.read(min(stated, 4_096))
        elif name == b"ds64" and stated >= 16:
            file.seek(start + 8)
            long_size = int.from_bytes(file.read(8), "little")
        elif name == b"data":
            if len(fmt) < 16:
                return None
            if form in (b"RF64", b"BW64") and stated == _UNSET:
                stated = _NEVER if long_size is None else long_size
            present = max(0, size - start)
            return WavSound(form, fmt, start, stated, present, _strays(file, form, start, stated, size))
    return None


def _strays(file: BinaryIO, form: bytes, start: int, stated: int, size: int) -> bool:
    """Whether the sound is followed by bytes that are neither a chunk nor zeros up to the end of a block."""
    end = start + stated + (stated % 8 and 8 - stated % 8 if form == b"W64" else stated % 2)
    if size - end < 8:
        return False
    file.seek(end)
    following = file.read(4_096)
    if form == b"W64":
        return following[4:16] != _W64_TAIL
    if not following.strip(b"\0"):
        return stated == 0 or _is_streamed(stated) or size - end >= 1 << 31
    length = int.from_bytes(following[4:8], "big" if form == b"RIFX" else "little")
    named = all(32 <= letter < 127 for letter in following[:4])
    return not (named and length <= size - end)


def _is_streamed(stated: int) -> bool:
    return any(first <= stated <= first + 0xFFF for first in _STREAMED)


def _riff_chunks(file: BinaryIO, size: int, order: str) -> Iterator[Chunk]:
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, stated = struct.unpack(order + "4sI", file.read(8))
        yield name, place + 8, stated
        place += 8 + stated + stated % 2


def _w64_chunks(file: BinaryIO, size: int) -> Iterator[Chunk]:
    place = 40
    while place + 24 <= size:
        file.seek(place)
        name, stated = struct.unpack("<16sQ", file.read(24))
        if name[4:] != _W64_TAIL:
            return
        yield name[:4], place + 24, max(0, stated - 24)
        place += max(24, stated + -stated % 8)


def _header(form: bytes, fmt: bytes, size: int) -> bytes:
    """A wav header for `size` bytes of sound."""
    order = _FORMS.get(form, "<")
    form_chunk = struct.pack(order + "4sI", b"fmt ", len(fmt)) + fmt + b"\0" * (len(fmt) % 2)
    whole = 4 + len(form_chunk) + 8 + size
    if whole < _UNSET and form != b"BW64":
        magic = b"RIFX" if form == b"RIFX" else b"RIFF"
        return (
            struct.pack(order + "4sI4s", magic, whole, b"WAVE") + form_chunk + struct.pack(order + "4sI", b"data", size)
        )
    block = struct.unpack(order + "H", fmt[12:14])[0]
    long = struct.pack("<4sIQQQI", b"ds64", 28, whole + 36, size, size // max(1, block), 0)
    start = struct.pack("<4sI4s", b"RF64", _UNSET, b"WAVE")
    return start + long + form_chunk + struct.pack("<4sI", b"data", _UNSET)
