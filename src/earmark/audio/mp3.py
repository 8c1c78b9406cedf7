"""Mp3 files that do not say how long they are.

Most writers put a first frame with the true length (Xing, Info or VBRI). Without it libsndfile takes the bit rate of
the first frame for that of all and stops at the length that follows, which for a variable bit rate may be far before
the end. The frames of such a file are counted here, and a first frame that states their number is put before them.

A frame's header of 32 bits: 11 set bits, version, layer, protection, bit rate, sample rate, padding, ..., channel mode.
"""

from __future__ import annotations

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


def with_length(file: BinaryIO, start: int, size: int) -> tuple[View, bool] | None:
    """An mp3 of variable bit rate with its number of frames stated, and whether there are holes between its frames.

    `size` bytes from `start`, as `length_is_estimated`. None for a constant bit rate, where the estimate is right.
    """
    first = after_tags(file, start)
    file.seek(first)
    frame = parse_frame(file.read(4))
    if frame is None or frame.layer != 3:
        return None
    count, kbits, holes = _count_frames(file, first, start + size)
    if len(kbits) < 2:
        return None
    return View(file, first, start + size - first, _length_frame(frame, count)), holes


def _count_frames(file: BinaryIO, place: int, end: int) -> tuple[int, set[int], bool]:
    """Frames from a place on, the bit rates among them, and whether anything but frames lies between them."""
    window = _Window(file)
    count, kbits, holes = 0, set[int](), False
    while place + 4 <= end:
        frame = parse_frame(window.at(place, 4))
        if frame is None:
            found = _resume(window, place, end)
            if found is None:
                break
            holes, place = True, found
            continue
        count += 1
        kbits.add(frame.kbit)
        place += frame.length
    return count, kbits, holes


def _resume(window: _Window, place: int, end: int) -> int | None:
    """Where frames go on after damage: the next that is followed by another one; None where there is none."""
    while place + 4 <= end:
        piece = window.at(place, _PIECE)
        step = max(1, len(piece) - 3)
        at = piece.find(b"\xff")
        while 0 <= at < step:
            frame = parse_frame(piece[at : at + 4])
            if frame is not None and parse_frame(window.at(place + at + frame.length, 4)) is not None:
                return place + at
            at = piece.find(b"\xff", at + 1)
        place += step
    return None


class _Window:
    """Bytes of a file by their place, read in large pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begins, self._piece = 0, b""

    def at(self, place: int, size: int) -> bytes:
        """`size` bytes from a place, fewer at the end of the file."""
        if not self._begins <= place <= self._begins + len(self._piece) - size:
            self._file.seek(place)
            self._begins, self._piece = place, self._file.read(max(_PIECE, size))
        return self._piece[place - self._begins : place - self._begins + size]


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
