"""The event formats by name, and one way in and one way out for all of them.

`EVENT_FORMATS`  name -> `EventFormat`: csv, tsv, json, dcase2017 (one file for all recordings), audacity, raven (each)
`write_events`   events of many recordings -> files, in several formats at once
`read_events`    a file or folder in any of them -> events; recognised by extension and content
`read_labels`    a label file, weak or strong -> its labels
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from earmark.errors import DataError, OutputError
from earmark.events import Event
from earmark.formats import dcase2017, raven
from earmark.formats.audacity import read_audacity, write_audacity
from earmark.formats.csv_events import read_csv, write_csv
from earmark.formats.dcase import read_strong, write_strong
from earmark.formats.fields import OFFSET, ONSET
from earmark.formats.json_events import read_json, write_json
from earmark.formats.naming import check_formats, file_names, target_files
from earmark.formats.tables import normalised, read_rows, read_text
from earmark.formats.tags import read_tags

Events = dict[str, list[Event]]


@dataclass(frozen=True)
class EventFormat:
    """How events are written and read back in one format."""

    suffix: str
    per_recording: bool  # one file a recording; else one for all
    read: Callable[[Path], Events]
    write: Callable[[Path, Mapping[str, Sequence[Event]]], None]  # given one recording where per_recording


def _read_audacity(path: Path) -> Events:
    return {path.stem: read_audacity(path)}


def _write_audacity(path: Path, events: Mapping[str, Sequence[Event]]) -> None:
    for found in events.values():
        write_audacity(path, found)


def _write_raven(path: Path, events: Mapping[str, Sequence[Event]]) -> None:
    for found in events.values():
        raven.write_raven(path, found)


EVENT_FORMATS: Mapping[str, EventFormat] = MappingProxyType(
    {
        "csv": EventFormat(".csv", False, read_csv, write_csv),
        "tsv": EventFormat(".tsv", False, read_strong, write_strong),
        "json": EventFormat(".json", False, read_json, write_json),
        "dcase2017": EventFormat(dcase2017.SUFFIX, False, dcase2017.read_events, dcase2017.write_events),
        "audacity": EventFormat(".txt", True, _read_audacity, _write_audacity),
        "raven": EventFormat(raven.SUFFIX, True, raven.read_raven, _write_raven),
    }
)


def write_events(
    destination: str | os.PathLike[str],
    events: Mapping[str, Sequence[Event]],
    formats: Sequence[str] = ("csv",),
    name: str = "events",
) -> list[Path]:
    """Write the events of all recordings, once a format; returns the files.

    `destination` is a folder; csv, tsv, json and dcase2017 (as .txt) make one file called `name` in it, audacity and
    raven one file a recording, mirroring its folders. For csv, tsv, json or dcase2017 alone it may be a file with that
    extension. csv, json and raven carry scores; tsv and dcase2017 keep to four columns, and audacity has no place
    for them. Raises `ConfigError` for an unknown format, `OutputError` where the place does not fit,
    `DataError` for a label that a format cannot carry.
    """
    check_formats(formats, EVENT_FORMATS)
    destination = Path(destination)
    whole = {form: one.suffix for form, one in EVENT_FORMATS.items() if not one.per_recording}
    if set(formats) <= whole.keys():
        targets = target_files(destination, formats, whole, name)
    else:
        targets = {form: destination / (name + whole[form]) for form in formats if form in whole}
    each = {form: file_names(events, EVENT_FORMATS[form].suffix) for form in formats if form not in whole}
    if clash := set(targets.values()) & {destination / path for names in each.values() for path in names.values()}:
        raise OutputError(f"two formats would be written to the same file, {clash.pop()}; give each its own folder")
    written = []
    for form, path in targets.items():
        EVENT_FORMATS[form].write(path, events)
        written.append(path)
    for form, names in each.items():
        for recording, found in events.items():
            path = destination / names[recording]
            EVENT_FORMATS[form].write(path, {recording: found})
            written.append(path)
    return written


def read_events(path: str | os.PathLike[str], format: str | None = None) -> Events:
    """Events by recording from a file, or from a folder of Audacity or Raven files (searched whole).

    In a folder recordings are named by path without the extension (see `naming.match_recordings` to find
    the audio they belong to). `format` overrides what the content suggests.
    """
    path = Path(path)
    check_formats([format] if format else [], EVENT_FORMATS)
    if path.is_dir():
        return _read_folder(path, format)
    return EVENT_FORMATS[format or recognise(path)].read(path)


def recognise(path: str | os.PathLike[str]) -> str:
    """The format of an event file, from its extension and first line."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        return "json"
    lines = [line for line in read_text(path, names=True).splitlines() if line.strip()]
    if not lines:
        return "audacity"  # the only format in which an empty file means something
    first = lines[0].split("\t")
    if normalised(raven.ONSET_COLUMN) in map(normalised, first):
        return "raven"
    if len(first) == 3 and _is_number(first[0]) and _is_number(first[1]):
        return "audacity"
    if dcase2017.is_official(path):
        return "dcase2017"
    return "csv" if path.suffix.lower() == ".csv" else "tsv"


@dataclass(frozen=True)
class LabelFile:
    """The content of a label file: tags of each recording and, if it is a strong one, its events."""

    tags: dict[str, list[str]]
    events: Events | None = None


def read_labels(path: str | os.PathLike[str]) -> LabelFile:
    """Read weak or strong labels, whichever the file (or folder) holds.

    The tags of strong labels are those of events that last: a row `0 0 label` (DCASE2017) marks what is not
    heard.
    """
    path = Path(path)
    if not path.is_dir() and _is_weak(path):
        return LabelFile({name: [tag.label for tag in found] for name, found in read_tags(path).items()})
    events = read_events(path)
    heard = {name: [e.label for e in found if e.offset > e.onset] for name, found in events.items()}
    return LabelFile({name: list(dict.fromkeys(labels)) for name, labels in heard.items()}, events)


def _is_weak(path: Path) -> bool:
    if path.suffix.lower() == ".json":
        return '"onset"' not in (text := read_text(path)) and '"label"' in text
    if recognise(path) in ("raven", "audacity", "dcase2017"):
        return False
    _, first = read_rows(path).cells[0]
    names = [normalised(cell.strip('"')) for cell in first]
    timed = any(name in ONSET or name in OFFSET for name in names)
    return not timed and len(first) < 4


def _read_folder(folder: Path, format: str | None) -> Events:
    files = sorted(path for path in folder.rglob("*.txt") if not path.name.startswith("."))
    kinds = {path: recognise(path) for path in files}
    wanted = {format} if format else {kind for kind in kinds.values() if kind in ("audacity", "raven")}
    if len(wanted) > 1:
        raise DataError(f"{folder}: holds both Audacity and Raven files; say which to read")
    events: Events = {}
    for path in files:
        if kinds[path] not in wanted:
            continue
        for name, found in EVENT_FORMATS[kinds[path]].read(path).items():
            inside = (path.parent.relative_to(folder) / name).as_posix()
            events.setdefault(inside, []).extend(found)
    if not events:
        raise DataError(f"{folder}: no Audacity label tracks or Raven selection tables (*.txt) inside")
    return events


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
