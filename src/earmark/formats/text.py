"""Text files: read whatever their encoding and line ends, written whole or not at all.

Reading copes with UTF-8 with or without a byte-order mark, and UTF-16 with or without one (spreadsheets' "Unicode
text"). Every reader of `formats` takes a path or an open file, binary or text; an open file is called by its `name`.

A file name that is not UTF-8 (Python holds its bytes as lone surrogates) is written as it is on disk, and read so where
names may stand (`names`); anything else must be text.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from earmark.errors import DataError
from earmark.files import write_aside

Source = str | os.PathLike[str] | IO[bytes] | IO[str]  # what a reader takes

_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def path_of(source: Source) -> Path:
    """The path of a source, or what an open file is called by.

    >>> path_of(io.StringIO("filename"))
    PosixPath('stream')
    """
    return Path(source) if isinstance(source, str | os.PathLike) else Path(str(getattr(source, "name", "stream")))


def read_text(source: Source, names: bool = False) -> str:
    """The whole text of a UTF-8 file (UTF-16 where its bytes say so), or `DataError`.

    With `names` the text may hold file names, whose bytes need not be UTF-8; whether they stand where a name may is for
    the caller to say (`is_text`).
    """
    path = path_of(source)
    try:
        data = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source.read()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if isinstance(data, str):
        text = data
    elif data.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: a spreadsheet or zip file, not text; save it as CSV")
    else:
        text = _decoded(path, data)
    if not names and (lone := _NOT_UTF8.search(text)):
        line = text.count("\n", 0, lone.start()) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8")
    return text


def _decoded(path: Path, data: bytes) -> str:
    encoding = _encoding(data)
    try:
        return data.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error


def is_text(cell: str) -> bool:
    """Whether a cell is text, and not bytes of a file name."""
    return _NOT_UTF8.search(cell) is None


def _encoding(data: bytes) -> str:
    """UTF-16 by its mark, or by the zero bytes that every other byte of a text in Latin letters then is."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not len(data) % 2 and max(even, odd) > 0.4 * len(head) / 2 and min(even, odd) < 0.05 * len(head):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A text file to write into, UTF-8, line ends as given; it takes its place when all is written, or never."""
    with write_aside(path) as aside, open(aside, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield file


class _NamedText(io.StringIO):
    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text, newline="")
        self.name = str(path)


@dataclass(frozen=True)
class Head:
    """A file that is to be recognised."""

    path: Path
    text: str

    @property
    def lines(self) -> list[str]:
        """Its first lines that are not blank."""
        return [line for line in re.split(r"[\r\n]+", self.text[:65536]) if line.strip()][:20]

    @classmethod
    def of(cls, source: Source) -> Head:
        """Read a file, to recognise it and to read it again (`open`)."""
        return cls(path_of(source), read_text(source, names=True))

    def open(self) -> TextIO:
        """The file anew, for any reader."""
        return _NamedText(self.text, self.path)
