"""The label files of the DCASE challenges.

`read_weak`, `write_weak`            `filename  event_labels`: which sounds, not when; one row a clip (names
                                     comma separated, those with commas in quotes) or one row a label
                                     (`event_label`)
`read_strong`, `write_strong`        `filename  onset  offset  event_label`, seconds; one row an event
`read_durations`, `write_durations`  `filename  duration`, seconds

Tab separated (a comma separated file of the same columns is read too), with or without a header: DCASE2017
has none. A recording without events is a row with a file name and nothing else; it is an empty list, never
a missing key. Rows `0 0 label` of DCASE2017 ("in the weak labels, but not audible") are events of no
length, as they stand. The headerless weak and strong files of DCASE2017 look alike: in the weak one the
times are the clip's place in its video, and `read_weak` ignores them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import FILENAME, check_label, format_score, format_seconds, join_labels, parse_seconds
from earmark.formats.label_columns import STRONG, WEAK
from earmark.formats.label_table import read_label_table
from earmark.formats.tables import Rows, Table, encode_row, normalised, read_rows, write_table
from earmark.formats.text import Source, open_text


def read_strong(source: Source) -> dict[str, list[Event]]:
    """Events by recording, in the order of the file; scores where there is a `score` column.

    `DataError` naming file and line for a time that is none, an offset before its onset, a missing label.
    """
    table = read_label_table(source, strong=True)
    table.raise_doubts()
    return table.events()


def encode_header(scores: bool, delimiter: str) -> str:
    """The first line of a strong table, with a column of scores or without."""
    return encode_row((*STRONG, "score")[: 5 if scores else 4], delimiter)


def encode_events(recording: str, events: Sequence[Event], scores: bool, delimiter: str) -> str:
    """The rows of a recording; one with its name alone where it has no events."""
    rows = [
        (recording, format_seconds(onset), format_seconds(offset), check_label(label), format_score(score))
        for onset, offset, label, score in events
    ]
    width = 5 if scores else 4
    return "".join(encode_row(row[:width], delimiter) for row in rows or [(recording, "", "", "", "")])


def write_strong(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]], scores: bool = False) -> None:
    """Write events, four columns as every DCASE tool reads them; a fifth with `scores`."""
    delimiter = "," if Path(path).suffix.lower() == ".csv" else "\t"
    with open_text(path) as file:
        file.write(encode_header(scores, delimiter))
        for recording, found in events.items():
            file.write(encode_events(recording, found, scores, delimiter))


def read_weak(source: Source, known: Collection[str] = ()) -> dict[str, list[str]]:
    """Tags by recording. With `known` label names, unquoted names that contain commas are recognised."""
    table = read_label_table(source, known, strong=False)
    table.raise_doubts()
    return table.tags()


def write_weak(path: str | os.PathLike[str], tags: Mapping[str, Sequence[str]]) -> None:
    """Write tags, one row a recording."""
    write_table(path, WEAK, [(name, join_labels(found)) for name, found in tags.items()])


def read_durations(source: Source) -> dict[str, float]:
    """Seconds by recording; `DataError` where a recording has two different durations."""
    table = _table(read_rows(source), ("filename", "duration"))
    name, duration = table.column(*FILENAME), table.column("duration", "length", "seconds")
    durations: dict[str, float] = {}
    for line, row in table.rows:
        recording = _recording(table, line, row[name])
        seconds = parse_seconds(table.where(line), "duration", row[duration])
        if durations.setdefault(recording, seconds) != seconds:
            raise DataError(
                f"{table.where(line)}: {recording} has two durations, {durations[recording]:g} and {seconds:g}"
            )
    return durations


def write_durations(path: str | os.PathLike[str], durations: Mapping[str, float]) -> None:
    """Write `filename duration`."""
    write_table(path, ("filename", "duration"), [(n, format_seconds(d)) for n, d in durations.items()])


def _table(rows: Rows, columns: Sequence[str]) -> Table:
    """With its header if the first row is one, else with these columns."""
    headed = {normalised(cell.strip('"')) for cell in rows.cells[0][1]} & {*FILENAME, "duration"}
    return rows.with_header() if headed else rows.with_columns(columns)


def _recording(table: Table, line: int, cell: str) -> str:
    if not cell.strip():
        raise DataError(f"{table.where(line)}: no file name")
    return cell.strip()
