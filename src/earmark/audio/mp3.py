"""Mp3 files that do not say how long they are.

Most writers put a first frame with the true length (Xing, Info or VBRI). Without it libsndfile takes the bit rate of
the first frame for that of all and stops at the length that follows, which for a variable bit rate may be far before
the end. The frames of such a file are counted here, and a first frame that states their number is put before them.

A frame's header of 32 bits: 11 set bits, version, layer, protection, bit rate, sample rate, padding, ..., channel mode.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from earmark.audio.view import View

_MARKS = (b"Xing", b"Info", b"VBRI")
_NEAR = 256  # bytes from the first frame's beginning in which its mark must stand
_PIECE = 1 << 20
_RATES = (44_100, 48_000, 32_000)
_KBIT = {  # by (is version 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Frame:
    """What the header of one frame says."""

    header: bytes
    length: int  # bytes
    kbit: int  # a second
    mark: int  # bytes from the frame's beginning to where a Xing mark would stand (layer 3)
    layer: int


def parse_frame(header: bytes) -> Frame | None:
    r"""The frame that begins with these four bytes; None where none does.

    >>> frame = parse_frame(b"\xff\xfb\x90\x00")
    >>> frame.length, frame.kbit, frame.mark
    (417, 128, 36)
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)  # 3: version 1, 2: version 2, 0: version 2.5
    rate, step = header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or layer == 4 or rate == 3 or step in (0, 15):
        return None
    first, padding = version == 3, header[2] >> 1 & 1
    kbit = _KBIT[first, layer][step]
    hertz = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    if layer == 1:
        length = (12_000 * kbit // hertz + padding) * 4
    else:
        length = (144_000 if layer == 2 or first else 72_000) * kbit // hertz + padding
    mono = header[3] >> 6 == 3
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return Frame(bytes(header[:4]), length, kbit, 4 + side, layer)


def after_tags(file: BinaryIO, place: int) -> int:
    """Where the sound begins: behind the ID3 tags at `place`, if there are any."""
    while True:
        file.seek(place)
        tag = file.read(10)
        if len(tag) < 10 or not tag.startswith(b"ID3"):
            return place
        place += 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9])  # four groups of seven bits


def length_is_estimated(file: BinaryIO, start: int = 0) -> bool:
    """True for an mp3, from byte `start` of a file, that does not state its length."""
    place = after_tags(file, start)
    file.seek(place)
    frame = file.read(_NEAR)
    synchronised = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE0 == 0xE0
    return synchronised and not any(mark in frame for mark in _MARKS)


def with_length(file: BinaryIO, start: int, size: int) -> View | None:
    """An mp3 of variable bit rate with its number of frames stated; None where this does not apply.

    `size` bytes from `start`, as `length_is_estimated`. It does not apply to a constant bit rate.
    """
    first = after_tags(file, start)
    file.seek(first)
    frame = parse_frame(file.read(4))
    if frame is None or frame.layer != 3:
        return None
    count, kbits = _count_frames(file, first, start + size)
    if len(kbits) < 2:
        return None
    return View(file, first, start + size - first, _length_frame(frame, count))


def _count_frames(file: BinaryIO, place: int, end: int) -> tuple[int, set[int]]:
    """Frames from a place on, one behind the other, and the bit rates among them."""
    count, kbits = 0, set[int]()
    begins, piece = 0, b""
    while place + 4 <= end:
        if not begins <= place <= begins + len(piece) - 4:
            file.seek(place, os.SEEK_SET)
            begins, piece = place, file.read(_PIECE)
        frame = parse_frame(piece[place - begins : place - begins + 4])
        if frame is None:
            break
        count += 1
        kbits.add(frame.kbit)
        place += frame.length
    return count, kbits


def _length_frame(like: Frame, count: int) -> bytes:
    """A frame without sound that states how many follow (a Xing header, flags 1: frames)."""
    for step in range(1, 15):
        header = bytearray(like.header)
        header[1] |= 1  # no checksum
        header[2] = header[2] & 0x0D | step << 4  # no padding
        frame = parse_frame(bytes(header))
        assert frame is not None
        content = bytes(header) + bytes(frame.mark - 4) + b"Xing" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
        if frame.length >= len(content) + 4:
            return content + bytes(frame.length - len(content))
    raise AssertionError("no frame is long enough")
