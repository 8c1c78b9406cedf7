r"""Label tracks: `onset<TAB>offset<TAB>label`, seconds, no header, one file a recording.

Audacity writes and reads them (File > Import > Labels); so do scaper and URBAN-SED (`.txt`), TUT-SED and DCASE2016
(`.ann`). They hold no scores, and nothing is ever quoted. Lines that begin with a backslash give the frequency range of
the label above them; they are passed over. Read as well: spaces in place of tabs, decimal commas (as Audacity writes
where that is the custom), and a fourth column, a probability (MAESTRO's soft labels) or an annotator. A label
without a name is refused, because its label is unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import check_label, decimal_point, format_seconds, is_number, parse_event
from earmark.formats.text import Head, Source, open_text, path_of, read_text

SUFFIX = ".txt"
SUFFIXES = (".txt", ".ann", ".lab")


def sniff(head: Head) -> bool:
    """Whether a file is a label track: its first line begins with two numbers. An empty one may be."""
    if not head.lines:
        return head.path.suffix.lower() in SUFFIXES
    cells = _cells(head.lines[0], "\t" in head.text)
    return 1 < len(cells) < 5 and is_number(cells[0]) and is_number(cells[1])


def read_audacity(source: Source) -> list[Event]:
    """The events of one label track; an empty file is a recording without events."""
    path, text = path_of(source), read_text(source)
    tabs = "\t" in text
    events = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        cells = _cells(line, tabs)
        if not line.strip() or cells[0] == "\\":
            continue
        where = f"{path}, line {number}"
        if len(cells) == 2 and is_number(cells[0]) and is_number(cells[1]):
            cells = [*cells, ""]
        if not 3 <= len(cells) <= 4 or (
            len(cells) == 4 and tabs and not _is_score(cells[3]) and not _is_word(cells[3])
        ):
            raise DataError(f"{where}: expected onset, offset and label with tabs between them")
        score = cells[3] if len(cells) == 4 and _is_score(cells[3]) else ""
        if not cells[2].strip():
            raise DataError(f"{where}: the event has no label; name it in Audacity, or remove it")
        events.append(parse_event(where, cells[0], cells[1], cells[2], decimal_point(score), comma=True))
    return events


def encode(recording: str, events: Sequence[Event], rate: float | None = None) -> str:
    """The track of one recording, events in the order given."""
    return "".join(f"{format_seconds(e.onset)}\t{format_seconds(e.offset)}\t{check_label(e.label)}\n" for e in events)


def write_audacity(path: str | os.PathLike[str], events: Sequence[Event]) -> None:
    """Write one label track."""
    with open_text(path) as file:
        file.write(encode("", events))


def _cells(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else line.split(None, 2) or [line]


def _is_score(cell: str) -> bool:
    return is_number(cell) and 0 <= float(decimal_point(cell)) <= 1


def _is_word(cell: str) -> bool:
    """Whether a fourth cell is nobody's label: blank, or the short name of an annotator."""
    return not cell.strip() or re.fullmatch(r"[A-Za-z]{0,2}\d+", cell.strip()) is not None
