r"""Audacity label tracks: `onset<TAB>offset<TAB>label`, seconds, no header, one file a recording.

File > Import > Labels reads them. They hold no scores, and nothing is ever quoted. Lines that begin with a
backslash give the frequency range of the label above them; they are passed over.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

from earmark.errors import DataError
from earmark.events import Event
from earmark.files import write_text
from earmark.formats.fields import check_label, format_seconds, parse_event
from earmark.formats.tables import read_text


def read_audacity(path: str | os.PathLike[str]) -> list[Event]:
    """The events of one label track; an empty file is a recording without events."""
    events = []
    for number, line in enumerate(io.StringIO(read_text(path), newline=""), 1):
        cells = line.rstrip("\r\n").split("\t")
        if not line.strip() or cells[0] == "\\":
            continue
        if len(cells) != 3:
            raise DataError(f"{path}, line {number}: expected onset, offset and label with tabs between them")
        events.append(parse_event(f"{path}, line {number}", *cells))
    return events


def write_audacity(path: str | os.PathLike[str], events: Sequence[Event]) -> None:
    """Write one label track, events in the order given."""
    lines = [f"{format_seconds(e.onset)}\t{format_seconds(e.offset)}\t{check_label(e.label)}\n" for e in events]
    write_text(path, "".join(lines))
