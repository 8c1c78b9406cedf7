"""Lines of JSON, and the tables of `earmark detect`, written as events come.

A line is written for every update; a row of a table when its event has ended. What is in a table already stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from earmark.errors import ConfigError, OutputError
from earmark.files import check_file, json_text
from earmark.formats import EVENT_FORMATS
from earmark.runtime.sinks.base import News, Sink

TABLES = {".csv": "csv", ".tsv": "tsv", ".txt": "audacity"}  # formats whose rows need nothing but themselves
LINES = (".jsonl", ".ndjson", ".json")


class LineSink(Sink):
    """A line of JSON for every update, into a file that is open, or to be appended to."""

    def __init__(self, file: TextIO | Path) -> None:
        self._own = isinstance(file, Path)
        self._name = str(file) if isinstance(file, Path) else "stdout"
        self._file = _append(file) if isinstance(file, Path) else file

    def take(self, news: News) -> None:
        """Write a line, at once."""
        _write(self._file, json_text(news.as_json()) + "\n", self._name)

    def close(self) -> None:
        """Close the file, unless it was open before."""
        if self._own:
            self._file.close()


class TableSink(Sink):
    """A row for every event that has ended, appended to a csv, a tsv or an Audacity track (txt)."""

    def __init__(self, path: Path) -> None:
        form = TABLES.get(path.suffix.lower())
        if form is None:
            known = ", ".join([*TABLES, *LINES[:1]])
            raise ConfigError(f"{path}: events cannot be appended to such a file; give one that ends in {known}")
        self._encoding, self._name = EVENT_FORMATS[form], str(path)
        check_file(path)
        new = not path.exists() or not path.stat().st_size
        self._file = _append(path)
        if new:
            _write(self._file, self._encoding.header, self._name)

    def take(self, news: News) -> None:
        """Write the row of an event that ended."""
        if news.update.kind == "end":
            _write(self._file, self._encoding.encode(news.source, [news.update.event], None), self._name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def file_sink(path: Path) -> Sink:
    """The sink that a file's extension asks for. `ConfigError` for another one."""
    if path.suffix.lower() in LINES:
        check_file(path)
        return LineSink(path)
    return TableSink(path)


def _append(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a", encoding="utf-8", newline="", errors="surrogateescape")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _write(file: TextIO, text: str, name: str) -> None:
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {name}: {error.strerror or error}") from error
