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
from collections.abc import Collection, Iterator, Mapping, Sequence

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import (
    FILENAME,
    LABEL,
    OFFSET,
    ONSET,
    SCORE,
    check_label,
    format_score,
    format_seconds,
    join_labels,
    parse_event,
    parse_seconds,
    split_labels,
)
from earmark.formats.tables import LIST_COLUMNS, Rows, Table, normalised, read_rows, write_table

_STRONG = ("filename", "onset", "offset", "event_label")


def read_strong(path: str | os.PathLike[str]) -> dict[str, list[Event]]:
    """Events by recording, in the order of the file; scores where there is a `score` column.

    `DataError` naming file and line for a time that is none, an offset before its onset, a missing label.
    """
    table = _table(read_rows(path), (*_STRONG, "score"))
    name, label = table.column(*FILENAME), table.column(*LABEL)
    onset, offset, score = table.column(*ONSET), table.column(*OFFSET), table.find(*SCORE)
    events: dict[str, list[Event]] = {}
    for line, row in table.rows:
        found = events.setdefault(_recording(table, line, row[name]), [])
        cells = (row[onset], row[offset], row[label])
        if any(cell.strip() for cell in cells):
            found.append(parse_event(table.where(line), *cells, row[score] if score else ""))
    return events


def write_strong(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]], scores: bool = False) -> None:
    """Write events, four columns as every DCASE tool reads them; a fifth with `scores`."""
    width = 5 if scores else 4
    rows = (row[:width] for recording, found in events.items() for row in _event_rows(recording, found))
    write_table(path, (*_STRONG, "score")[:width], rows)


def _event_rows(recording: str, events: Sequence[Event]) -> Iterator[tuple[str, ...]]:
    if not events:
        yield recording, "", "", "", ""
    for onset, offset, label, score in events:
        yield recording, format_seconds(onset), format_seconds(offset), check_label(label), format_score(score)


def read_weak(path: str | os.PathLike[str], known: Collection[str] = ()) -> dict[str, list[str]]:
    """Tags by recording. With `known` label names, unquoted names that contain commas are recognised."""
    rows = read_rows(path)
    has_times = max(len(cells) for _, cells in rows.cells) >= 4
    table = _table(rows, _STRONG if has_times else ("filename", "event_labels"))
    name, listed = table.column(*FILENAME), table.find(*LIST_COLUMNS)
    single = table.find(*LABEL)
    if listed is None and single is None:
        table.column("event_labels")  # raises, with a guess
    tags: dict[str, list[str]] = {}
    for line, row in table.rows:
        found = tags.setdefault(_recording(table, line, row[name]), [])
        cell = row[listed or single or ""]
        names = split_labels(cell, known) if listed else [cell] if cell.strip() else []
        found += [label for label in names if label not in found]
    return tags


def write_weak(path: str | os.PathLike[str], tags: Mapping[str, Sequence[str]]) -> None:
    """Write tags, one row a recording."""
    write_table(path, ("filename", "event_labels"), [(name, join_labels(found)) for name, found in tags.items()])


def read_durations(path: str | os.PathLike[str]) -> dict[str, float]:
    """Seconds by recording; `DataError` where a recording has two different durations."""
    table = _table(read_rows(path), ("filename", "duration"))
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
    words = {normalised(name) for name in (*FILENAME, *ONSET, *OFFSET, *LABEL, *LIST_COLUMNS, "duration")}
    if any(normalised(cell.strip('"')) in words for cell in rows.cells[0][1]):
        return rows.with_header()
    line, first = rows.cells[0]
    if len(first) > 1 and not _fits_without_header(first, columns):
        raise DataError(
            f"{rows.path}, line {line}: neither a header ({', '.join(columns[:4])}) nor a row of such a table"
        )
    return rows.with_columns(columns)


def _fits_without_header(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the cells that should be numbers are (or are empty)."""
    numeric = [c for c, name in zip(cells, columns, strict=False) if name in ("onset", "offset", "duration")]
    try:
        return all(not cell.strip() or float(cell) >= 0 for cell in numeric)
    except ValueError:
        return False


def _recording(table: Table, line: int, cell: str) -> str:
    if not cell.strip():
        raise DataError(f"{table.where(line)}: no file name")
    return cell.strip()
