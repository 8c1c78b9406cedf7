"""Several recordings one behind the other in one file: chained ogg and opus, concatenated mp3.

libsndfile stops after the first. Where the others begin is found by the marks of a beginning: in ogg a page that begins
a stream, after pages that do not; in mp3 an ID3 tag before a frame, or a frame that states a length (Xing, Info).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from earmark.audio.mp3 import Frame, after_tags, parse_frame

_PIECE = 1 << 22
_OGG = re.compile(rb"OggS\0[\x02\x03\x06\x07]")
_MP3 = re.compile(rb"ID3[\x02-\x04][\0-\x0f].[\0-\x7f]{4}|Xing|Info", re.DOTALL)
_MOST = 10_000  # links; more are damage


def find_links(file: BinaryIO, head: bytes) -> list[tuple[int, int]]:
    """(start, length) of each recording in a file, in bytes; one, of the whole file, for any other format."""
    size = file.seek(0, os.SEEK_END)
    if head.startswith(b"OggS"):
        starts = _ogg_starts(file)
    elif head.startswith(b"ID3") or parse_frame(head[:4]) is not None:
        starts = _mp3_starts(file)
    else:
        starts = [0]
    file.seek(0)
    if len(starts) > _MOST:
        return [(0, size)]
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _ogg_starts(file: BinaryIO) -> list[int]:
    """Pages that begin a stream, except those that follow another such page: one file's parallel streams."""
    starts, expected = [0], 0
    for place, _ in _matches(file, _OGG, 14):
        file.seek(place)
        page = file.read(27 + 255)
        if len(page) < 28 or any(page[18:22]):  # a first page has number 0
            continue
        if place not in (0, expected):
            starts.append(place)
        expected = place + 27 + page[26] + sum(page[27 : 27 + page[26]])
    return starts


def _mp3_starts(file: BinaryIO) -> list[int]:
    starts = [0]
    sound = after_tags(file, 0)
    for place, mark in _matches(file, _MP3, 10):
        if place < sound:  # within the tags
            continue
        if mark.startswith(b"ID3"):
            begins = after_tags(file, place)
            if _frame_at(file, begins) is not None and place > sound:
                starts.append(place)
                sound = begins
            continue
        for before in (36, 21, 13):
            frame = _frame_at(file, place - before)
            if frame is not None and frame.layer == 3 and frame.mark == before and place - before > sound:
                starts.append(place - before)
                sound = place - before
                break
    return starts


def _frame_at(file: BinaryIO, place: int) -> Frame | None:
    if place < 0:
        return None
    file.seek(place)
    return parse_frame(file.read(4))


def _matches(file: BinaryIO, pattern: re.Pattern[bytes], longest: int) -> Iterator[tuple[int, bytes]]:
    """Where a pattern of at most `longest` bytes matches, and what it matched; the file may be moved meanwhile."""
    size, begins = file.seek(0, os.SEEK_END), 0
    while True:
        file.seek(begins)
        piece = file.read(_PIECE)
        last = len(piece) <= longest or begins + len(piece) >= size
        for match in pattern.finditer(piece):
            if last or match.start() < len(piece) - longest:
                yield begins + match.start(), match[0]
        if last:
            return
        begins += len(piece) - longest
