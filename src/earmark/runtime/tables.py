"""Output tables that grow as results come: at any moment a whole file, in the end the bytes of one written at once.

`GrowingTable`  one file for all recordings; what is added goes in front of its footer with one call to the system
`Tracks`        one file for each recording, whole or not at all
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from earmark.files import write_aside, writing
from earmark.formats.encoding import Encoding
from earmark.formats.naming import file_names
from earmark.formats.tables import encode_row

FLUSH_SECONDS = 0.5
_MOST_HELD = 2**16  # characters

FAILURES = Encoding[Any](
    ".csv",
    lambda recording, items, rate: encode_row((recording, *items), ","),
    encode_row(("filename", "problem", "done"), ","),
)


class GrowingTable:
    """A table in one format; `encoding` says how. Nothing is on disk before the first recording."""

    def __init__(self, path: Path, encoding: Encoding[Any]) -> None:
        self.path, self.encoding = path, encoding
        self._file: int | None = None
        self._body = 0  # bytes of header and recordings on disk
        self._held: list[str] = []
        self._size = 0
        self._flushed = time.monotonic()
        self._begun = False

    def add(self, name: str, items: Sequence[Any], rate: float | None = None) -> None:
        """Add a recording; it is in the file within `FLUSH_SECONDS` of the next, or at `flush`."""
        text = ("" if self._begun else self.encoding.header) or ""
        if self._begun:
            text += self.encoding.between
        text += self.encoding.encode(name, items, rate)
        self._begun = True
        self._held.append(text)
        self._size += len(text)
        if self._size > _MOST_HELD or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    @property
    def body(self) -> int:
        """Bytes of header and recordings in the file, after `flush`."""
        return self._body

    def fits(self, body: int) -> bool:
        """Whether the file can hold this many bytes of recordings, written by an earlier run."""
        try:
            return self.path.stat().st_size >= body
        except OSError:
            return not body

    def go_on(self, body: int) -> None:
        """Keep this many bytes of the file; what follows is added after them."""
        self._body, self._begun = body, bool(body)
        with writing(self.path):
            if not body:
                self.path.unlink(missing_ok=True)
                return
            self._file = os.open(self.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            footer = _bytes(self.encoding.footer)
            _write_at(self._file, body, footer)
            os.ftruncate(self._file, body + len(footer))

    def sync(self) -> None:
        """What was added into the file, and onto the disk."""
        self.flush()
        if self._file is not None:
            with writing(self.path):
                os.fsync(self._file)

    def flush(self) -> None:
        """What was added into the file."""
        self._flushed = time.monotonic()
        if not self._held:
            return
        body = _bytes("".join(self._held))
        with writing(self.path):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                fresh = 0 if self._body else os.O_TRUNC
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | fresh | getattr(os, "O_BINARY", 0), 0o666)
            _write_at(self._file, self._body, body + _bytes(self.encoding.footer))
        self._body += len(body)
        self._held, self._size = [], 0

    def close(self, sync: bool = True) -> None:
        """Flush, onto the disk, and let go of the file."""
        try:
            self.sync() if sync else self.flush()
        finally:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    @contextlib.contextmanager
    def anew(self) -> Iterator[None]:
        """The table with what is added within, and nothing else; then it grows on.

        Readers see the old one until the new one is whole. Without recordings there is no file in the end.
        """
        if self._file is not None:
            os.close(self._file)
        self._file, self._body, self._held, self._size, self._begun = None, 0, [], 0, False
        with write_aside(self.path) as aside:
            final, self.path = self.path, aside
            try:
                yield
                self.close(sync=False)
            finally:
                self.path = final
        if not self._begun:
            with writing(self.path):
                self.path.unlink(missing_ok=True)


class Tracks:
    """Files of one recording each in a format; `names` gives the names of all recordings."""

    def __init__(
        self, folder: Path, suffix: str, names: Callable[[], Iterable[str]], encoding: Encoding[Any] | None
    ) -> None:
        self.folder, self.suffix, self.encoding = folder, suffix, encoding
        self._special = clashing_names(names, suffix)

    def path(self, name: str) -> Path:
        """Where the file of a recording is."""
        inside = self._special.get(name) if self._special else None
        return self.folder / (file_names([name], self.suffix)[name] if inside is None else inside)

    def former(self, name: str) -> tuple[Path, Path]:
        """Where its file may be, whichever recordings there are beside it."""
        stem, whole = (file_names([each], self.suffix)[each] for each in (name, name + ".x"))
        return self.folder / stem, self.folder / whole

    def remove_former(self, name: str) -> None:
        """Take away the file that a recording had before another one of its stem came."""
        if name in self._special:
            path = self.former(name)[0]
            if str(path.relative_to(self.folder).as_posix()) not in self._special.values():
                path.unlink(missing_ok=True)

    def write(self, name: str, items: Sequence[Any], rate: float | None = None) -> Path:
        """Write the file of a recording."""
        assert self.encoding is not None
        path = self.path(name)
        with write_aside(path) as aside, writing(path):
            aside.write_bytes(
                _bytes(self.encoding.header + self.encoding.encode(name, items, rate) + self.encoding.footer)
            )
        return path


def clashing_names(names: Callable[[], Iterable[str]], suffix: str) -> dict[str, str]:
    """The files of those recordings whose stem another one has as well; all others are named after their stems alone.

    The same as `file_names` of all, in 32 bytes a recording. `OutputError` where two files cannot be told apart.
    """
    stems, wholes = [], []
    for name in names():
        stem = file_names([name], "")[name].casefold()
        stems.append(hash(stem))
        wholes.append(hash(name.casefold().replace("\\", "/").lstrip("/")))
    marks = np.concatenate([np.array(stems, np.int64), np.array(wholes, np.int64)])
    count = len(stems)
    plain = marks[:count] == marks[count:]  # a name without an extension is its own stem
    both = np.concatenate([marks[:count], marks[count:][~plain]])
    values, counts = np.unique(both, return_counts=True)
    twice = set(values[counts > 1].tolist())
    if not twice:
        return {}
    involved = [n for n, stem, whole in zip(names(), stems, wholes, strict=True) if stem in twice or whole in twice]
    return file_names(involved, suffix)


def _write_at(file: int, place: int, data: bytes) -> None:
    """All of the data from a place in a file on; one call, unless the system takes less."""
    if hasattr(os, "pwrite"):
        while data:
            done = os.pwrite(file, data, place)
            data, place = data[done:], place + done
        return
    os.lseek(file, place, os.SEEK_SET)
    while data:
        data = data[os.write(file, data) :]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
