r"""The files of DCASE2017 task 4: classes, clip names, predictions as its scorers read them.

A clip is a piece of a YouTube video: `<id>_<start>_<end>`, an id of 11 characters, seconds with three decimals. Label
and prediction files call it `-5QrBL6MzLg_60.000_70.000.wav`; the audio file has a `Y` in front, since an id may begin
with a dash. `clip_name` gives the name without the `Y`, without folders and always with `.wav`; other names stay as
they are. Tab separated, no header:

    events   <name>\t<onset>\t<offset>\t<label>\n      a clip without events: <name>\n
    tags     <name>\t0.0\t10.0\t<label>\r\n            a clip without tags: <name>\r\n

`write_events`, `write_tags`   predictions in that form; scores have no place in it
`read_events`                  events by recording
`read_tag_file`                tags by clip, read row by row as the scorer of task A does
`is_official`                  whether a file has this form
`times_in_video`               whether its times are places in the video, as in the published weak labels
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from earmark.errors import DataError, OutputError
from earmark.events import Event
from earmark.formats.fields import check_label, format_seconds, is_number, parse_event, parse_seconds
from earmark.formats.tables import Rows, encode_cell
from earmark.formats.text import Head, Source, open_text, path_of, read_text

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "/m/0284vy3": "Train horn",
        "/m/05x_td": "Air horn, truck horn",
        "/m/02mfyn": "Car alarm",
        "/m/02rhddq": "Reversing beeps",
        "/m/0199g": "Bicycle",
        "/m/06_fw": "Skateboard",
        "/m/012n7d": "Ambulance (siren)",
        "/m/012ndj": "Fire engine, fire truck (siren)",
        "/m/0dgbq": "Civil defense siren",
        "/m/04qvtq": "Police car (siren)",
        "/m/03qc9zr": "Screaming",
        "/m/0k4j": "Car",
        "/t/dd00134": "Car passing by",
        "/m/01bjv": "Bus",
        "/m/07r04": "Truck",
        "/m/04_sv": "Motorcycle",
        "/m/07jdr": "Train",
    }
)  # AudioSet id -> name, in the order of the published list
SUFFIX = ".txt"
_CLIP = re.compile(r"Y?(?P<clip>[\w-]{11}_\d+\.\d{3}_\d+\.\d{3})(?:\.[A-Za-z]\w*)?", re.ASCII)
_NAMED = re.compile(r"\.[A-Za-z]\w{0,4}$", re.ASCII)  # a name with an extension
_COLUMNS = ("filename", "onset", "offset", "event_label")


def in_class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct label names: the classes in their published order, then all others, sorted.

    >>> in_class_order(["Train", "zebra", "Car", "Bicycle"])
    ('Bicycle', 'Car', 'Train', 'zebra')
    """
    found = set(names)
    return (*(name for name in CLASSES.values() if name in found), *sorted(found - set(CLASSES.values())))


def clip_key(name: str) -> str | None:
    """`<id>_<start>_<end>` of a name with or without folders, `Y` and extension; None for a name of another form.

    >>> clip_key("testing/Y-5QrBL6MzLg_60.000_70.000.flac"), clip_key("street.wav")
    ('-5QrBL6MzLg_60.000_70.000', None)
    """
    match = _CLIP.fullmatch(re.split(r"[/\\]", name.strip())[-1])
    return match["clip"] if match else None


def times_in_video(rows: Iterable[tuple[str, float, float]]) -> bool:
    """Whether most (name, onset, offset) only repeat the clip's place in its video; they are not times of events then.

    >>> times_in_video([("2ceUOv8A3FE_20.000_30.000.wav", 20.0, 30.0)])
    True
    """
    repeats, count = 0, 0
    for name, onset, offset in rows:
        key, count = clip_key(name), count + 1
        repeats += key is not None and onset > 0 and key.endswith(f"_{onset:.3f}_{offset:.3f}")
    return repeats > count / 2


def clip_name(name: str) -> str:
    """The name that the published label files use; a name of another form stays as it is.

    >>> clip_name("testing/YYxlGt805lTA_30.000_40.000.flac"), clip_name("street/a.flac")
    ('YxlGt805lTA_30.000_40.000.wav', 'street/a.flac')
    """
    key = clip_key(name)
    return name if key is None else f"{key}.wav"


def is_official(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a table of this form: no header, names of recordings alone or before three more cells."""
    path = Path(path)
    if path.is_dir() or path.suffix.lower() == ".json":
        return False
    return sniff(Head.of(path))


def sniff(head: Head) -> bool:
    """Whether a text is a table of this form."""
    cells = [line.split("\t") for line in re.split(r"\r\n|\r|\n", head.text) if line.strip()]
    if not cells or max(map(len, cells)) not in (1, 4):
        return False
    if clip_key(cells[0][0]) is not None or _NAMED.search(cells[0][0].strip()) is not None:
        return True
    return len(cells[0]) == 4 and is_number(cells[0][1]) and is_number(cells[0][2]) and not is_number(cells[0][0])


def tab_rows(path: Source) -> list[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank; no header, no quotes, no other delimiter."""
    lines = enumerate(io.StringIO(read_text(path, names=True), newline=""), 1)
    return [(number, line.rstrip("\r\n").split("\t")) for number, line in lines if line.strip()]


def read_events(source: Source) -> dict[str, list[Event]]:
    """Events by recording, named as in the file; rows `0 0 label` are events of no length.

    `DataError` naming file and line for a time that is none, a row of another form, a file without rows.
    """
    path = path_of(source)
    cells = tab_rows(source)
    if not cells:
        raise DataError(f"{path}: the file is empty")
    table = Rows(path, "\t", cells).with_columns(_COLUMNS)
    events: dict[str, list[Event]] = {}
    for line, row in table.rows:
        if not row["filename"].strip():
            raise DataError(f"{table.where(line)}: no file name")
        found = events.setdefault(row["filename"].strip(), [])
        rest = [row[column] for column in _COLUMNS[1:]]
        if any(cell.strip() for cell in rest):
            found.append(parse_event(table.where(line), *rest))
    return events


def encode(recording: str, events: Sequence[Event], rate: float | None = None) -> str:
    """The rows of one recording. `OutputError` for a name that holds a tab or line break."""
    name = _writable(recording)
    found = [f"{format_seconds(e.onset)}\t{format_seconds(e.offset)}\t{_label(e.label)}" for e in events]
    return "".join(f"{line}\n" for line in [f"{name}\t{event}" for event in found] or [name])


def write_events(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]]) -> None:
    """Write events. `OutputError` where two recordings would share a name or one holds a tab or line break."""
    check_names(events)
    with open_text(path) as file:
        for recording, found in events.items():
            file.write(encode(recording, found))


def encode_tags(recording: str, labels: Iterable[str]) -> str:
    """The labels of one recording; the times, 0 and 10, mean nothing. `OutputError` as for events."""
    name = _writable(recording)
    lines = [f"{name}\t0.0\t10.0\t{_label(label)}" for label in labels] or [name]
    return "".join(f"{line}\r\n" for line in lines)


def write_tags(path: str | os.PathLike[str], tags: Mapping[str, Iterable[str]]) -> None:
    """Write the labels of every recording. `OutputError` as for events."""
    check_names(tags)
    with open_text(path) as file:
        for recording, labels in tags.items():
            file.write(encode_tags(recording, labels))


def check_names(recordings: Iterable[str]) -> None:
    """`OutputError` where two recordings are one clip, or a name cannot be written."""
    names: dict[str, str] = {}
    for recording in recordings:
        other = names.setdefault(_writable(recording), recording)
        if other != recording:
            raise OutputError(f"recordings {other!r} and {recording!r} would both be written as {clip_name(recording)}")


def _writable(recording: str) -> str:
    name = clip_name(recording)
    if any(mark in name for mark in "\t\r\n"):
        raise OutputError(f"recording {recording!r} cannot be written: its name contains a tab or line break")
    return name


def _label(label: str) -> str:
    return encode_cell(check_label(label), "\t")


@dataclass(frozen=True)
class TagFile:
    """Tags as the scorer of task A reads them; a label may stand there twice."""

    tags: dict[str, list[str]]  # by clip, its name cut at .wav or .flac; a clip without labels has an empty list
    files: int  # what the scorer calls 'Number of Audio Files'
    skipped: tuple[int, ...]  # lines passed over, for their end is 0
    unlabelled: tuple[int, ...]  # lines with a name and more, but no label: two or three cells, or an empty one


def read_tag_file(path: str | os.PathLike[str]) -> TagFile:
    """Tags, row by row: a row of four cells that ends at 0 is passed over; else the fourth cell is a label.

    Names are cut at `.wav` or `.flac`, labels lose the spaces around them, times mean nothing else. `files` counts
    rows whose clip was not known before, so that a row passed over may count as a file. Blank lines are passed over
    (to the scorer they are one file more).
    `DataError` if the end of a four-cell row is not a number.
    """
    tags: dict[str, list[str]] = {}
    skipped, unlabelled, files = [], [], 0
    for line, cells in tab_rows(path):
        clip = cut_name(cells[0])
        files += clip not in tags
        if len(cells) == 4 and parse_seconds(f"{path}, line {line}", "end", cells[2]) == 0:
            skipped.append(line)
            continue
        labels = tags.setdefault(clip, [])
        label = cells[3].strip() if len(cells) > 3 else ""
        if label:
            labels.append(label)
        elif len(cells) > 1:
            unlabelled.append(line)
    if not tags:
        raise DataError(f"{path}: no row names a clip (rows that end at 0 do not count)")
    return TagFile(tags, files, tuple(skipped), tuple(unlabelled))


def cut_name(name: str) -> str:
    """The name as the scorer of task A compares it.

    >>> cut_name("-5QrBL6MzLg_60.000_70.000.wav ")
    '-5QrBL6MzLg_60.000_70.000'
    """
    return name.split(".wav")[0].split(".flac")[0].strip()
