"""How a format is written, one recording after the other: what begins the file, each recording's part, what ends it.

A whole file is the loop over its recordings, so what is written as results come in has the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TextIO, TypeVar

from earmark.formats.text import open_text

Item = TypeVar("Item")  # Event, or a tag


def _nothing(recordings: Iterable[str]) -> None:
    """Any names can be written."""


@dataclass(frozen=True)
class Encoding(Generic[Item]):
    """A format that is written: text, UTF-8, line ends as they stand (`formats.tables.open_text`)."""

    suffix: str
    encode: Callable[[str, Sequence[Item], float | None], str]  # recording, its items, its sample rate in Hz if known
    header: str = ""
    between: str = ""  # two recordings
    footer: str = ""
    whole: bool = False  # it is written only as a whole (`write`), not recording by recording
    check: Callable[[Iterable[str]], None] = _nothing  # `OutputError` where recordings cannot stand in one file

    def write_header(self, file: TextIO) -> None:
        """Begin a file."""
        file.write(self.header)

    def write_recording(
        self, file: TextIO, name: str, items: Sequence[Item], *, first: bool = False, rate: float | None = None
    ) -> None:
        """The part of one recording; `first` after the header. `DataError` for a label that cannot be written."""
        file.write(("" if first else self.between) + self.encode(name, items, rate))

    def write_footer(self, file: TextIO) -> None:
        """End a file."""
        file.write(self.footer)

    def write(
        self,
        path: str | os.PathLike[str],
        recordings: Mapping[str, Sequence[Item]],
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Write a file whole or not at all; `rates` are the recordings' sample rates in Hz, where they are known."""
        self.check(recordings)
        with open_text(path) as file:
            self.write_header(file)
            for number, (name, items) in enumerate(recordings.items()):
                self.write_recording(file, name, items, first=not number, rate=(rates or {}).get(name))
            self.write_footer(file)
