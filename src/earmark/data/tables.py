"""A label table of any usual form -> one entry a recording.

Three forms, told apart by their columns:

- strong: `filename onset offset event_label`, a row an event; a file name alone is a recording without events
- weak list: `filename event_labels`, a row a clip; names comma separated; an empty cell is a clip without events
- weak rows: `filename label` (or a list column never used as one), a row a label; an empty label is a slip

A table without a header is read as DCASE publishes them (two or four columns). A recording with a doubtful row is
left out as a whole, for its other rows may not be all that is heard in it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import AUDIO_EXTENSIONS
from earmark.data.records import Problem
from earmark.errors import DataError, did_you_mean
from earmark.events import Event
from earmark.formats.fields import FILENAME, LABEL, OFFSET, ONSET, parse_event, split_labels
from earmark.formats.tables import LIST_COLUMNS, Rows, Table, normalised, read_rows

NAMES = (*FILENAME, "clip", "clip_id", "fname", "wav", "slice_file_name")
SPLITS = ("split", "fold", "subset", "partition", "set")
_STRONG = ("filename", "onset", "offset", "event_label")
_WEAK = ("filename", "event_labels")


@dataclass
class Entry:
    """What a table says of one recording."""

    name: str
    line: int  # of its first row
    labels: list[str] = field(default_factory=list)
    events: list[Event] | None = None
    split: str | None = None
    doubts: list[Problem] = field(default_factory=list)  # if any, the recording is left out


@dataclass(frozen=True)
class Entries:
    """All that a table says."""

    path: Path
    strong: bool
    found: dict[str, Entry]
    problems: list[Problem]  # rows that cost nothing: repeated ones
    unused: tuple[str, ...]  # columns that were not understood

    def where(self, entry: Entry) -> str:
        """File and line of an entry."""
        return f"{self.path}, line {entry.line}"


def read_entries(path: Path, known: Collection[str] = ()) -> Entries:
    """Read a table. `known` label names help with names that hold commas and are not in quotes.

    `DataError` for a table without a column of file names or labels, guessing at misspelt ones.
    """
    table = _with_columns(read_rows(path))
    if not table.rows:
        raise DataError(f"{path}: a header, but no rows")
    name = _column(table, NAMES)
    onset, offset, split = table.find(*ONSET), table.find(*OFFSET), table.find(*SPLITS)
    listed = table.find(*LIST_COLUMNS)
    single = table.find(*(column for column in LABEL if table.find(column) != name))
    strong = onset is not None and offset is not None and single is not None
    if listed is None and single is None:
        _column(table, ("event_labels", "label"))
    if listed is not None and _is_row_a_label(table, name, listed, known):
        single, listed = listed, None
    strong = strong and not _clip_times(table, name, onset or "", offset or "")
    used = {name, split, onset, offset, single if strong or listed is None else listed}
    entries = Entries(path, strong, {}, [], tuple(c for c in table.columns if c not in used))
    for line, row in table.rows:
        if not row[name].strip():
            entries.problems.append(Problem("row", table.where(line), "no file name; the row is left out"))
            continue
        known_before = row[name].strip() in entries.found
        entry = entries.found.setdefault(row[name].strip(), Entry(row[name].strip(), line))
        if split is not None:
            _add_split(entry, table.where(line), row[split].strip())
        if strong:
            _add_event(entries, entry, table.where(line), [row[c] for c in (onset, offset, single) if c])
        elif listed is not None:
            _add_list(entries, entry, table.where(line), split_labels(row[listed], known), known_before)
        elif single is not None:
            _add_label(entries, entry, table.where(line), row[single])
    return entries


def _with_columns(rows: Rows) -> Table:
    """With its header, or with the columns that DCASE's headerless tables have."""
    first = rows.cells[0][1]
    words = {normalised(word) for word in (*NAMES, *LABEL, *LIST_COLUMNS, *ONSET, *OFFSET)}
    headed = any(normalised(cell.strip('"')) in words for cell in first)
    if headed or not first[0].strip().strip('"').lower().endswith(AUDIO_EXTENSIONS):
        return rows.with_header()
    return rows.with_columns(_STRONG if max(len(cells) for _, cells in rows.cells) > 2 else _WEAK)


def _column(table: Table, names: tuple[str, ...]) -> str:
    found = table.find(*names)
    if found is None:
        guess = did_you_mean(names[0], table.columns) or did_you_mean(names[1], table.columns)
        columns = ", ".join(table.columns)
        raise DataError(f"{table.path}: no column {names[0]!r} or {names[1]!r} among {columns}{guess}")
    return found


def _is_row_a_label(table: Table, name: str, listed: str, known: Collection[str]) -> bool:
    """Whether a column named like a list holds one label a row, the recordings coming again."""
    names = [row[name].strip() for _, row in table.rows]
    return len(set(names)) < len(names) and all(len(split_labels(row[listed], known)) <= 1 for _, row in table.rows)


def _clip_times(table: Table, name: str, onset: str, offset: str) -> bool:
    """Whether most times only repeat the clip's place in its video, as in DCASE2017's weak tables."""
    repeats = sum(
        row[name].strip().rsplit(".", 1)[0].endswith(f"_{row[onset].strip()}_{row[offset].strip()}")
        for _, row in table.rows
    )
    return repeats > len(table.rows) / 2


def _add_split(entry: Entry, where: str, split: str) -> None:
    if entry.split not in (None, split):
        message = f"{entry.name} is in {entry.split!r} and in {split!r}; it is left out"
        entry.doubts.append(Problem("conflict", where, message))
    entry.split = split or None


def _add_event(entries: Entries, entry: Entry, where: str, cells: list[str]) -> None:
    entry.events = entry.events or []
    if not any(cell.strip() for cell in cells):
        return
    try:
        event = parse_event(where, *cells)
    except DataError as error:
        message = str(error).removeprefix(f"{where}: ")
        entry.doubts.append(Problem("row", where, f"{message}; {entry.name} is left out"))
        return
    if event in entry.events:
        entries.problems.append(Problem("duplicate", where, f"repeats an event of {entry.name}; counted once"))
        return
    entry.events.append(event)
    if event.label not in entry.labels:
        entry.labels.append(event.label)


def _add_list(entries: Entries, entry: Entry, where: str, labels: list[str], again: bool) -> None:
    if not again:
        entry.labels = labels
    elif set(labels) == set(entry.labels):
        entries.problems.append(Problem("duplicate", where, f"{entry.name} is listed again; counted once"))
    else:
        message = f"{entry.name} has the labels {entry.labels} in line {entry.line} and {labels} here; it is left out"
        entry.doubts.append(Problem("conflict", where, message))


def _add_label(entries: Entries, entry: Entry, where: str, label: str) -> None:
    if not label.strip():
        message = f"{entry.name} has no label; it is left out (a clip without events is an empty `event_labels`)"
        entry.doubts.append(Problem("row", where, message))
    elif label in entry.labels:
        entries.problems.append(Problem("duplicate", where, f"{entry.name}, {label!r} is listed again; counted once"))
    else:
        entry.labels.append(label)
