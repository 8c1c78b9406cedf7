"""Label files as training or validation data: one file of any format, or a folder of files, one a recording.

A file that cannot be read costs its own recording alone, and is a problem. A folder is one of label files where at
least one of them is called after a recording (`a.txt` beside `a.wav`, or in folders that mirror each other);
recordings without a label file are left out and counted. Files of two formats for one recording must say the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.audio import audio_files
from earmark.data.locate import audio_folders
from earmark.errors import DataError, counted
from earmark.events import Event
from earmark.formats import json_events
from earmark.formats.fields import check_separator
from earmark.formats.label_table import Entry, LabelTable, read_label_table, tags_of
from earmark.formats.naming import match_recordings
from earmark.formats.registry import TABLES, label_files, read_as, sniff
from earmark.formats.tags import read_tags
from earmark.formats.text import Head
from earmark.problems import Problem

SAME = 0.01  # seconds that two formats' rounded times may differ by


@dataclass(frozen=True)
class Reading:
    """How label files are read, where they do not say it themselves."""

    separator: str | None = None  # of several labels in one cell: `;`, `|`, or `list` for Python's lists
    label_column: str | None = None  # of Raven tables

    def __post_init__(self) -> None:
        check_separator(self.separator)


def read_label_file(path: Path, known: Collection[str] = (), reading: Reading | None = None) -> LabelTable:
    """The content of a file of labels. `DataError` for other files, and for a row (not of a table) that is unclear."""
    reading = reading or Reading()
    head = Head.of(path)
    form = sniff(head)
    if form in (*TABLES, "dcase2017"):
        return read_label_table(head.open(), known, reading.separator)
    if form == "json" and json_events.is_of_tags(head):
        found = {
            name: Entry(name, 0, list(dict.fromkeys(tag.label for tag in tags)))
            for name, tags in read_tags(head.open()).items()
        }
        return LabelTable(path, False, found, [])
    events = read_as(head, form, reading.label_column)
    return LabelTable(path, True, {name: entry_of(name, found) for name, found in events.items()}, [])


def read_label_folder(folder: Path, audio: Path | None = None, reading: Reading | None = None) -> LabelTable | None:
    """What the label files of a folder say; None for a folder of another kind."""
    heads = [(form, head) for form, head in label_files(folder) if form not in (*TABLES, "dcase2017")]
    recordings = _recordings(folder, audio) if heads else []
    if not heads:
        return None
    stems = [_inside(folder, head, head.path.stem) for _, head in heads]
    several = any(form == "raven" for form, _ in heads)  # they may name their recordings themselves
    if not several and not match_recordings(dict.fromkeys(stems), recordings):
        return None
    table = read_heads(folder, heads, reading.label_column if reading else None)
    if not match_recordings(table.found, recordings):
        return table if audio is not None else None
    matched = set(match_recordings(table.found, recordings).values())
    if left := [name for name in recordings if name not in matched]:
        message = f"{counted(len(left), 'recording')} without a label file left out (first {left[0]})"
        table.problems.append(Problem("unlabelled", str(folder), message))
    return table


def read_heads(
    folder: Path, heads: Sequence[tuple[str, Head]], label_column: str | None = None, stems: bool = False
) -> LabelTable:
    """What label files, one a recording, say; recordings are named by path in the folder, or by `stems` alone."""
    table = LabelTable(folder, True, {}, [])
    for form, head in heads:
        try:
            events = read_as(head, form, label_column)
        except DataError as error:
            name = head.path.stem if stems else _inside(folder, head, head.path.stem)
            entry = table.found.setdefault(name, Entry(name, 0, events=[]))
            entry.doubts.append(Problem("row", str(error).partition(": ")[0], _left_out(error, name)))
            continue
        for own, found in events.items():
            name = own if stems or "/" in own or "\\" in own else _inside(folder, head, own)
            if name not in table.found:
                table.found[name] = entry_of(name, found)
            elif not _alike(table.found[name].events or [], found):
                message = f"says otherwise of {name} than another label file; it is left out"
                table.found[name].doubts.append(Problem("conflict", str(head.path), message))
    return table


def entry_of(name: str, events: Sequence[Event]) -> Entry:
    """What is known of a recording whose events are known."""
    return Entry(name, 0, tags_of(events), list(events))


def _left_out(error: DataError, name: str) -> str:
    return f"{str(error).partition(': ')[2]}; {name} is left out"


def _inside(folder: Path, head: Head, name: str) -> str:
    return (head.path.parent.relative_to(folder) / name).as_posix()


def _recordings(folder: Path, audio: Path | None) -> list[str]:
    for place in audio_folders(folder, audio):
        if found := audio_files(place):
            return [path.relative_to(place).as_posix() for path in found]
    return []


def _alike(some: Sequence[Event], others: Sequence[Event]) -> bool:
    def order(event: Event) -> tuple[str, float, float]:
        return event.label, event.onset, event.offset

    pairs = list(zip(sorted(some, key=order), sorted(others, key=order), strict=False))
    return len(some) == len(others) and all(
        a.label == b.label and abs(a.onset - b.onset) < SAME and abs(a.offset - b.offset) < SAME for a, b in pairs
    )
