"""A label table of any usual form -> one entry a recording. The one reader of label tables, whatever asks for them.

Forms, recognised by their columns:

- strong: `filename onset offset event_label`, a row an event; a file name alone is a recording without events. In
  place of the offset there may be a `duration`; times may be in milliseconds where the column says so (`onset_ms`).
- weak list: `filename event_labels`, a row a clip; names comma separated; an empty cell is a clip without events
- one-hot: `filename dog cat ...`, a column a label, 1 where it is heard and 0 where not; with times a row a segment
- weak rows: `filename label` (or a list column never used as one), a row a label; an empty label is a slip

`label_columns.py` recognises the columns.

A recording with a doubtful row has `doubts`: its other rows may not be all that is in it. Who reads strictly
raises the first (`LabelTable.raise_doubts`), who collects leaves the recording out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import EMPTY, parse_event, parse_seconds, separator_in, split_by, split_labels
from earmark.formats.label_columns import STRONG, WEAK, choose_columns, is_heard, with_columns
from earmark.formats.tables import Table, read_rows
from earmark.formats.text import Source
from earmark.problems import Problem


@dataclass
class Entry:
    """What a table says of one recording."""

    name: str
    line: int  # of its first row
    labels: list[str] = field(default_factory=list)
    events: list[Event] | None = None  # as the rows stand, repeated ones as well
    split: str | None = None
    doubts: list[Problem] = field(default_factory=list)  # if any, not all is known of the recording


@dataclass(frozen=True)
class LabelTable:
    """All that a table says."""

    path: Path
    strong: bool
    found: dict[str, Entry]
    problems: list[Problem]  # rows that cost nothing: repeated ones
    unused: tuple[str, ...] = ()  # columns that were not understood

    def where(self, entry: Entry) -> str:
        """File and line of an entry."""
        return f"{self.path}, line {entry.line}" if entry.line else str(self.path)

    def raise_doubts(self) -> None:
        """`DataError` for the first row that cannot be understood."""
        found = [
            (entry.line, str(doubt).removesuffix(f"; {entry.name} is left out"))
            for entry in self.found.values()
            for doubt in entry.doubts
            if doubt.kind == "row"
        ]
        found += [(0, str(each).removesuffix("; the row is left out")) for each in self.problems if each.kind == "row"]
        if found:
            raise DataError(min(found)[1])

    def tags(self) -> dict[str, list[str]]:
        """Labels by recording; of events only those that last, for `0 0 label` (DCASE2017) marks what is absent."""
        if not self.strong:
            return {name: list(entry.labels) for name, entry in self.found.items()}
        return {name: tags_of(entry.events or ()) for name, entry in self.found.items()}

    def events(self) -> dict[str, list[Event]]:
        """Events by recording."""
        return {name: list(entry.events or ()) for name, entry in self.found.items()}


def tags_of(events: Sequence[Event]) -> list[str]:
    """The labels of the events that last, each once, in their order."""
    return list(dict.fromkeys(event.label for event in events if event.offset > event.onset))


def check_names(path: Path, tags: Mapping[str, Sequence[str]], known: Collection[str]) -> None:
    """`DataError` for labels that none of `known` is and that are none: an empty cell's word, several in one cell."""
    for name, labels in tags.items():
        for label in labels:
            if label in known:
                continue
            if label.strip() in EMPTY:
                raise DataError(f"{path}: the label {label!r} of {name} is what programs write for an empty cell")
            if (mark := separator_in(label)) is not None:
                how = mark if mark == "list" else f"'{mark}'"
                raise DataError(f"{path}: the label {label!r} of {name} looks like several; use --separator {how}")


def read_label_table(
    source: Source, known: Collection[str] = (), separator: str | None = None, *, strong: bool | None = None
) -> LabelTable:
    """Read a table. `known` label names help with names that hold commas and are not in quotes.

    `separator` divides the cells of labels (`;`, `|`, or `list` for Python's lists). `strong` says what the table is
    to be read as, whatever its columns suggest. `DataError` for a table without a column of file names or labels,
    guessing at misspelt ones.
    """
    table = with_columns(rows := read_rows(source), WEAK if not strong else STRONG)
    return _Reader(table, rows.delimiter, known, separator, strong).read()


class _Reader:
    """Rows to entries."""

    def __init__(
        self, table: Table, delimiter: str, known: Collection[str], separator: str | None, strong: bool | None
    ) -> None:
        self.table, self.known, self.separator = table, known, separator
        self.comma = delimiter != ","  # then times may have decimal commas
        self.columns = choose_columns(table, known, separator is not None, strong)
        self.out = LabelTable(table.path, self.columns.strong, {}, [], self.columns.unused)

    def read(self) -> LabelTable:
        """Every row."""
        spelled = {row[self.columns.name] for _, row in self.table.rows} if self.columns.name else set()
        for line, row in self.table.rows:
            where = self.table.where(line)
            raw = row[self.columns.name] if self.columns.name else self.table.path.stem
            name = raw.strip() if raw.strip() in spelled else raw  # a space at an end is a slip only where both occur
            if not name.strip():
                self.out.problems.append(Problem("row", where, "no file name; the row is left out"))
                continue
            again = name in self.out.found
            entry = self.out.found.setdefault(name, Entry(name, line))
            if self.columns.split is not None:
                _add_split(entry, where, row[self.columns.split])
            if self.columns.hot:
                self._add_hot(entry, where, row, again)
            elif self.columns.strong:
                self._add_event(entry, where, row)
            elif self.columns.listed is not None:
                self._add_list(entry, where, row[self.columns.listed], again)
            else:
                self._add_label(entry, where, row)
        return self.out

    def _add_event(self, entry: Entry, where: str, row: dict[str, str], label: str | None = None) -> None:
        entry.events = [] if entry.events is None else entry.events
        onset, end = row[self.columns.onset or ""], row[self.columns.end or ""]
        label = row[self.columns.single or ""] if label is None else label
        if all(not cell.strip() or cell.strip() in EMPTY for cell in (onset, end, label)):
            return
        try:
            event = self._event(where, onset, end, label, row[self.columns.score] if self.columns.score else "")
            labels = [label] if self.separator is None else split_by(label, self.separator)
        except DataError as error:
            message = str(error).removeprefix(f"{where}: ")
            entry.doubts.append(Problem("row", where, f"{message}; {entry.name} is left out"))
            return
        except ValueError:
            entry.doubts.append(Problem("row", where, f"{label!r} is not a list of labels; {entry.name} is left out"))
            return
        for one in labels:
            self._check_label(entry, where, one)
            if event._replace(label=one) in entry.events:
                message = f"repeats an event of {entry.name}; counted once"
                self.out.problems.append(Problem("duplicate", where, message))
            entry.events.append(event._replace(label=one))
            if one not in entry.labels:
                entry.labels.append(one)

    def _add_hot(self, entry: Entry, where: str, row: dict[str, str], again: bool) -> None:
        """A row of a table with a column for each label."""
        for column in self.columns.hot:
            if is_heard(row[column]) is None:
                message = f"column {column!r} is {row[column].strip()!r}, expected 0 or 1; {entry.name} is left out"
                entry.doubts.append(Problem("row", where, message))
                return
        present = [column.strip() for column in self.columns.hot if is_heard(row[column])]
        if not self.columns.strong:
            self._take_list(entry, where, present, again)
            return
        entry.events = [] if entry.events is None else entry.events
        for label in present:
            self._add_event(entry, where, row, label)

    def _event(self, where: str, onset: str, end: str, label: str, score: str) -> Event:
        if self.columns.is_duration:
            seconds = parse_seconds(where, "duration", end, comma=self.comma)
            begin = parse_event(where, onset, onset, label, score, comma=self.comma)
            event = begin._replace(offset=begin.onset + seconds)
        else:
            event = parse_event(where, onset, end, label, score, comma=self.comma)
        if self.columns.unit == 1:
            return event
        return event._replace(onset=event.onset * self.columns.unit, offset=event.offset * self.columns.unit)

    def _add_list(self, entry: Entry, where: str, cell: str, again: bool) -> None:
        try:
            labels = self._split(cell)
        except ValueError:
            entry.doubts.append(Problem("row", where, f"{cell!r} is not a list of labels; {entry.name} is left out"))
            return
        for label in labels:
            self._check_label(entry, where, label)
        self._take_list(entry, where, labels, again)

    def _take_list(self, entry: Entry, where: str, labels: list[str], again: bool) -> None:
        if not again:
            entry.labels = labels
        elif set(labels) == set(entry.labels):
            self.out.problems.append(Problem("duplicate", where, f"{entry.name} is listed again; counted once"))
        else:
            message = (
                f"{entry.name} has the labels {entry.labels} in line {entry.line} and {labels} here; it is left out"
            )
            entry.doubts.append(Problem("conflict", where, message))
            entry.labels += [label for label in labels if label not in entry.labels]

    def _split(self, cell: str) -> list[str]:
        if self.separator is not None:
            return split_by(cell, self.separator)
        if separator_in(cell) == "list" and cell not in self.known:
            return [cell.strip()]  # no label at all; taken apart at its commas it would look like several
        return split_labels(cell, self.known)

    def _add_label(self, entry: Entry, where: str, row: dict[str, str]) -> None:
        cell = row[self.columns.single or ""]
        if not cell.strip():
            if self.columns.onset is not None and not row[self.columns.onset].strip():
                return  # a name alone, among rows with times: DCASE2017's clip without tags
            message = f"{entry.name} has no label; it is left out (a clip without events is an empty `event_labels`)"
            entry.doubts.append(Problem("blank", where, message))
            return
        try:
            labels = [cell] if self.separator is None else split_by(cell, self.separator)
        except ValueError:
            entry.doubts.append(Problem("row", where, f"{cell!r} is not a list of labels; {entry.name} is left out"))
            return
        for label in labels:
            self._check_label(entry, where, label)
            if label in entry.labels:
                message = f"{entry.name}, {label!r} is listed again; counted once"
                self.out.problems.append(Problem("duplicate", where, message))
            else:
                entry.labels.append(label)

    def _check_label(self, entry: Entry, where: str, label: str) -> None:
        if label.strip() in EMPTY and label not in self.known:
            message = f"the label {label.strip()!r} is what programs write for an empty cell; {entry.name} is left out"
            entry.doubts.append(Problem("empty", where, message))


def _add_split(entry: Entry, where: str, cell: str) -> None:
    split = re.sub(r"^(\d+)\.0+$", r"\1", cell.strip())  # a spreadsheet's or data frame's way with whole numbers
    split = "" if split in EMPTY else split
    if entry.split not in (None, split):
        message = f"{entry.name} is in {entry.split!r} and in {split!r}; it is left out"
        entry.doubts.append(Problem("conflict", where, message))
    entry.split = split or None
