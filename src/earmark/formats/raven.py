"""Raven selection tables (Raven Pro, Raven Lite, also what BirdNET writes), one file a recording.

Tab separated with a header; times in seconds, frequencies in Hz. We write the standard columns, the whole
band from 0 Hz to `high_frequency` (labels here have no frequency extent), and `Label` and `Score`. Reading
takes the label from the first of the usual columns. Raven may list a selection once a view (waveform,
spectrogram): the repeated number is passed over. A table made over several files (`Begin File`, `File
Offset (s)`) gives several recordings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from earmark.events import Event
from earmark.formats.fields import check_label, format_score, format_seconds, parse_event, parse_seconds
from earmark.formats.tables import Table, read_table, write_table

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


def read_raven(path: str | os.PathLike[str], label_column: str | None = None) -> dict[str, list[Event]]:
    """Events by recording: those that `Begin File` names, otherwise the recording that the file is named after."""
    table = read_table(path)
    label = table.column(label_column) if label_column else table.column(*_LABELS)
    begin, end, score = table.column(ONSET_COLUMN), table.column(OFFSET_COLUMN), table.find(*_SCORES)
    number, file, shift = table.find("Selection"), table.find("Begin File"), table.find("File Offset (s)")
    own_name = recording_of(path)
    events: dict[str, list[Event]] = {} if file and table.rows else {own_name: []}
    seen: set[tuple[str, str]] = set()
    for line, row in table.rows:
        recording = row[file].strip() if file else own_name
        selection = (recording, row[number].strip() if number else "")
        if selection[1] and selection in seen:
            continue
        seen.add(selection)
        event = parse_event(table.where(line), row[begin], row[end], row[label], row[score] if score else "")
        if file and shift:
            event = _within_file(table, line, event, row[shift])
        events.setdefault(recording, []).append(event)
    return events


def write_raven(path: str | os.PathLike[str], events: Sequence[Event], high_frequency: float = 8000.0) -> None:
    """Write one selection table; `high_frequency` (Hz) is the top of every box."""
    rows = [
        (
            str(number),
            "Spectrogram 1",
            "1",
            format_seconds(event.onset),
            format_seconds(event.offset),
            "0.0",
            f"{high_frequency:.1f}",
            check_label(event.label),
            format_score(event.score),
        )
        for number, event in enumerate(events, 1)
    ]
    write_table(path, _COLUMNS, rows)


def recording_of(path: str | os.PathLike[str]) -> str:
    """The recording a table is named after.

    >>> recording_of("marsh_0600.Table.1.selections.txt"), recording_of("marsh.BirdNET.selection.table.txt")
    ('marsh_0600', 'marsh')
    """
    return re.sub(r"(\.Table\.\d+)?(\.BirdNET)?(\.selections?)?(\.table)?\.(txt|tsv)$", "", Path(path).name, flags=re.I)


def _within_file(table: Table, line: int, event: Event, shift: str) -> Event:
    """Times in such a table run through all files; the file offset is the onset within its own."""
    onset = parse_seconds(table.where(line), "File Offset (s)", shift)
    return event._replace(onset=onset, offset=onset + (event.offset - event.onset))
