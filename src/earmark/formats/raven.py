"""Raven selection tables (Raven Pro, Raven Lite, also what BirdNET writes), one file a recording.

Tab separated with a header; times in seconds, frequencies in Hz. We write the standard columns, the whole
band from 0 Hz to half the recording's sample rate (labels here have no frequency extent), and `Label` and `Score`.

Reading takes the label from the first of the usual columns, or from the one that is named. Raven may list a selection
once a view (waveform, spectrogram): a row that repeats another's number, times and label counts once. A table made over
several recordings (`Begin Path` or `Begin File`, and `File Offset (s)`) gives several, as BirdNET's combined table
does; BirdNET's row `nocall` is a recording without events.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import check_label, format_score, format_seconds, parse_event, parse_seconds
from earmark.formats.tables import Table, encode_row, normalised, read_table
from earmark.formats.text import Head, Source, open_text, path_of

SUFFIX = ".selections.txt"
ONSET_COLUMN = "Begin Time (s)"
OFFSET_COLUMN = "End Time (s)"
_LABELS = (
    "Label",
    "Annotation",
    "Annotations",
    "Common Name",
    "Species",
    "Tag",
    "Class",
    "Event Label",
    "Call Type",
)
_SCORES = ("Score", "Confidence")
_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    ONSET_COLUMN,
    OFFSET_COLUMN,
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Label",
    "Score",
)


HEADER = encode_row(_COLUMNS, "\t")
HIGHEST = 8000.0  # Hz, the top of a box where the recording's sample rate is not known
NO_CALL = "nocall"


def sniff(head: Head) -> bool:
    """Whether a file is a selection table, by its header."""
    first = head.lines[0].split("\t") if head.lines else []
    return normalised(ONSET_COLUMN) in map(normalised, first) and len(first) > 2


def read_raven(source: Source, label_column: str | None = None) -> dict[str, list[Event]]:
    """Events by recording: those that `Begin Path` or `Begin File` names, else the one the file is named after.

    `DataError` for a row that cannot be understood, and where times run on through several recordings.
    """
    table, own_name = read_table(source), recording_of(path_of(source))
    label = _label_column(table, label_column)
    begin, end, score = table.column(ONSET_COLUMN), table.column(OFFSET_COLUMN), table.find(*_SCORES)
    number, view = table.find("Selection"), table.find("View")
    file, shift = table.find("Begin Path", "Begin File"), table.find("File Offset (s)")
    second = table.find("Begin File")
    events: dict[str, list[Event]] = {} if file and table.rows else {own_name: []}
    seen: dict[tuple[str, str, Event], set[str]] = {}
    for line, row in table.rows:
        where = table.where(line)
        recording = row[file].strip() or (row[second].strip() if second else "") if file else ""
        recording = recording or own_name
        found = events.setdefault(recording, [])
        if row[label].strip().casefold() == NO_CALL and normalised(label) != "label":  # that column is ours
            continue
        event = parse_event(where, row[begin], row[end], row[label], row[score] if score else "")
        views = seen.setdefault((recording, row[number].strip() if number else "", event), set())
        this = row[view].strip() if view else ""
        if views and number and (not view or this not in views):
            continue
        views.add(this)
        if file and shift:
            event = _within_file(table, line, event, row[shift])
        found.append(event)
    if len(events) > 1 and not shift:
        raise DataError(
            f"{table.path}: its times run on through {len(events)} recordings; export it with the column"
            " 'File Offset (s)'"
        )
    return events


def _label_column(table: Table, wanted: str | None) -> str:
    if wanted is not None:
        return table.column(wanted)
    found = table.find(*_LABELS)
    if found is None:
        raise DataError(
            f"{table.path}: no column 'Label' among {', '.join(table.columns)}; say which one holds the labels"
            " (--label-column)"
        )
    return found


def encode(recording: str, events: Sequence[Event], rate: float | None = None) -> str:
    """The rows of one recording; boxes reach up to half its sample `rate` (Hz)."""
    top = f"{HIGHEST if rate is None else rate / 2:.1f}"
    rows = (
        (
            *(str(number), "Spectrogram 1", "1", format_seconds(event.onset), format_seconds(event.offset)),
            *("0.0", top, check_label(event.label), format_score(event.score)),
        )
        for number, event in enumerate(events, 1)
    )
    return "".join(encode_row(row, "\t") for row in rows)


def write_raven(path: str | os.PathLike[str], events: Sequence[Event], high_frequency: float = HIGHEST) -> None:
    """Write one selection table; `high_frequency` (Hz) is the top of every box."""
    with open_text(path) as file:
        file.write(HEADER + encode("", events, 2 * high_frequency))


def recording_of(path: str | os.PathLike[str]) -> str:
    """The recording a table is named after.

    >>> recording_of("marsh_0600.Table.1.selections.txt"), recording_of("marsh.BirdNET.selection.table.txt")
    ('marsh_0600', 'marsh')
    """
    ending = r"(\.Table\.\d+)?(\.BirdNET)?(\.selections?)?(\.table)?(\.results)?\.(txt|tsv|csv)$"
    return re.sub(ending, "", Path(path).name, flags=re.IGNORECASE)


def _within_file(table: Table, line: int, event: Event, shift: str) -> Event:
    """Times in such a table run through all files; the file offset is the onset within its own."""
    onset = parse_seconds(table.where(line), "File Offset (s)", shift)
    return event._replace(onset=onset, offset=onset + (event.offset - event.onset))
