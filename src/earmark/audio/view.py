"""A part of a file as a file of its own, perhaps with another beginning.

    [ header (bytes of ours) | file[start : start + length] ]

With it libsndfile reads a file whose header is wrong as if it were right (`wav.py`), and one recording of several that
were written one after the other into one file (`links.py`).
"""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO


class View(io.RawIOBase):
    """Read-only; the file under it stays open, and its position is moved."""

    def __init__(self, file: BinaryIO, start: int, length: int, header: bytes = b"") -> None:
        self._file = file
        self._start = start
        self._header = header
        self._size = len(header) + length
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes from the beginning of the view."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the view."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the view; the number of bytes, 0 at the end."""
        target = memoryview(buffer).cast("B")
        wanted = min(len(target), self._size - self._position)
        done = 0
        while done < wanted:
            chunk = self._read_at(self._position, wanted - done)
            if not chunk:
                break
            target[done : done + len(chunk)] = chunk
            done += len(chunk)
            self._position += len(chunk)
        return done

    def _read_at(self, position: int, size: int) -> bytes:
        if position < len(self._header):
            return self._header[position : position + size]
        self._file.seek(self._start + position - len(self._header))
        return self._file.read(size)
