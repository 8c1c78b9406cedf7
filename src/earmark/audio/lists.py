"""Lists of recordings: a path a line, or a column of a table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from earmark.errors import DataError, did_you_mean

COLUMNS = ("filename", "path", "file", "audio", "file_name", "filepath")
STDIN = "-"


def read_list(given: str) -> Iterator[str]:
    """The paths in a list: a path a line, or the column of a table (`list.csv`, `list.csv:column`), or stdin (`-`)."""
    if given == STDIN:
        yield from _lines(sys.stdin)
        return
    file, _, column = given.rpartition(":") if not Path(given).exists() and ":" in given else (given, "", "")
    try:
        with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
            if column or file.lower().endswith((".csv", ".tsv")):
                yield from _column(opened, file, column)
            else:
                yield from _lines(opened)
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror or error}") from error


def _lines(file: TextIO) -> Iterator[str]:
    for line in file:
        if path := line.rstrip("\r\n"):
            yield path


def _column(file: TextIO, name: str, column: str) -> Iterator[str]:
    head = file.readline()
    delimiter = "\t" if "\t" in head else ";" if ";" in head and "," not in head else ","
    header = next(csv.reader([head], delimiter=delimiter), [])
    known = {cell.strip().casefold(): place for place, cell in enumerate(header)}
    wanted = [column] if column else list(COLUMNS)
    place = next((known[each.casefold()] for each in wanted if each.casefold() in known), None)
    if place is None:
        guess = did_you_mean(wanted[0], header)
        raise DataError(f"{name}: no column {wanted[0]!r} among {', '.join(header)}{guess}; name it as {name}:COLUMN")
    for row in csv.reader(file, delimiter=delimiter):
        if len(row) > place and row[place]:
            yield row[place]
