"""The event formats by name, and one way in and one way out for all of them.

`EVENT_FORMATS`  name -> `EventFormat`: csv, tsv, json, dcase2017, parquet: one file for all; audacity, raven: each
`READERS`        these and those that are only read (jams), in the order in which a file is recognised
`write_events`   events of many recordings -> files, in several formats at once
`read_events`    a file or folder in any of them -> events; recognised by extension and content
`read_labels`    a label file, weak or strong -> its labels
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from earmark.errors import DataError, OutputError
from earmark.events import Event
from earmark.formats import audacity, audioset, audioset_names, dcase2017, jams, json_events, parquet, raven
from earmark.formats.dcase import encode_events, encode_header, read_strong
from earmark.formats.encoding import Encoding
from earmark.formats.fields import check_separator
from earmark.formats.label_columns import with_columns
from earmark.formats.label_table import LabelTable, read_label_table, tags_of
from earmark.formats.naming import check_formats, file_names, target_files
from earmark.formats.tables import read_rows
from earmark.formats.tags import read_tags
from earmark.formats.text import Head, Source, path_of

Events = dict[str, list[Event]]
PER_RECORDING = (".txt", ".tsv", ".csv", ".ann", ".lab", ".jams")  # files looked for in a folder
TABLES = ("csv", "tsv")
PROSE = ("readme", "license", "licence", "copying", "changelog", "changes", "notes", "attribution", "citation", "about")


@dataclass(frozen=True)
class Reader:
    """How a format is recognised, and read."""

    sniff: Callable[[Head], bool]
    read: Callable[[Source], Events]


@dataclass(frozen=True)
class EventFormat(Encoding[Event]):
    """How events are written in one format, and whether each recording has a file of its own."""

    per_recording: bool = False

    @property
    def read(self) -> Callable[[Source], Events]:
        """The reader of what is written."""
        if self.whole:
            return lambda source: parquet.read_parquet(path_of(source))
        return next(READERS[form].read for form, one in EVENT_FORMATS.items() if one is self)


@dataclass(frozen=True)
class _Parquet(EventFormat):
    """Events in a binary format."""

    def write(
        self,
        path: str | os.PathLike[str],
        recordings: Mapping[str, Sequence[Event]],
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Write a file."""
        parquet.write_events(path, recordings.items())


def _no_text(recording: str, events: Sequence[Event], rate: float | None) -> str:
    raise TypeError("parquet is written only as a whole")


def _table_row(delimiter: str, scores: bool, recording: str, events: Sequence[Event], rate: float | None) -> str:
    return encode_events(recording, events, scores, delimiter)


def _read_audacity(source: Source) -> Events:
    return {path_of(source).stem: audacity.read_audacity(source)}


def _is_csv(head: Head) -> bool:
    return head.path.suffix.lower() == ".csv"


def _is_any(head: Head) -> bool:
    return True


EVENT_FORMATS: Mapping[str, EventFormat] = MappingProxyType(
    {
        "csv": EventFormat(".csv", functools.partial(_table_row, ",", True), encode_header(True, ",")),
        "tsv": EventFormat(".tsv", functools.partial(_table_row, "\t", False), encode_header(False, "\t")),
        "json": EventFormat(".json", json_events.encode, json_events.HEADER, json_events.BETWEEN, json_events.FOOTER),
        "dcase2017": EventFormat(dcase2017.SUFFIX, dcase2017.encode, check=dcase2017.check_names),
        "audacity": EventFormat(audacity.SUFFIX, audacity.encode, per_recording=True),
        "raven": EventFormat(raven.SUFFIX, raven.encode, raven.HEADER, per_recording=True),
        "parquet": _Parquet(parquet.SUFFIX, _no_text, whole=True),
    }
)
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "jams": Reader(jams.sniff, jams.read),
        "json": Reader(json_events.sniff, json_events.read_json),
        "raven": Reader(raven.sniff, raven.read_raven),
        "audacity": Reader(audacity.sniff, _read_audacity),
        "dcase2017": Reader(dcase2017.sniff, dcase2017.read_events),
        "csv": Reader(_is_csv, read_strong),
        "tsv": Reader(_is_any, read_strong),
    }
)


def write_events(
    destination: str | os.PathLike[str],
    events: Mapping[str, Sequence[Event]],
    formats: Sequence[str] = ("csv",),
    name: str = "events",
    *,
    rates: Mapping[str, float] | None = None,
) -> list[Path]:
    """Write the events of all recordings, once a format; returns the files.

    `destination` is a folder; csv, tsv, json and dcase2017 (as .txt) make one file called `name` in it, audacity and
    raven one file a recording, mirroring its folders. For csv, tsv, json or dcase2017 alone it may be a file with that
    extension. csv, json and raven carry scores; tsv and dcase2017 keep to four columns, and audacity has no place
    for them. `rates` are the recordings' sample rates in Hz, which raven's boxes are as high as half of. Raises
    `ConfigError` for an unknown format, `OutputError` where the place does not fit, `DataError` for a label that a
    format cannot carry.
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
        EVENT_FORMATS[form].write(path, events, rates)
        written.append(path)
    for form, names in each.items():
        for recording, found in events.items():
            path = destination / names[recording]
            EVENT_FORMATS[form].write(path, {recording: found}, rates)
            written.append(path)
    return written


def read_events(source: Source, format: str | None = None, label_column: str | None = None) -> Events:
    """Events by recording from a file, or from a folder of files, one a recording (searched whole).

    In a folder recordings are named by path without the extension (see `naming.match_recordings` to find
    the audio they belong to). `format` overrides what the content suggests; `label_column` is Raven's column of labels.
    """
    check_formats([format] if format else [], READERS)
    if isinstance(source, str | os.PathLike) and Path(source).is_dir():
        return read_folder(Path(source), format, label_column)
    if format is None and isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == parquet.SUFFIX:
        return parquet.read_parquet(source)
    head = Head.of(source)
    return read_as(head, format or sniff(head), label_column)


def read_as(head: Head, format: str, label_column: str | None = None) -> Events:
    """Events by recording from a file of a known format."""
    if format == "raven":
        return raven.read_raven(head.open(), label_column)
    return READERS[format].read(head.open())


def recognise(source: Source) -> str:
    """The format of an event file, from its extension and content."""
    return sniff(Head.of(source))


def sniff(head: Head) -> str:
    """The first format that a file looks like."""
    return next(form for form, reader in READERS.items() if reader.sniff(head))


@dataclass(frozen=True)
class LabelFile:
    """What a label file says: tags of each recording and, if it is a strong one, its events."""

    tags: dict[str, list[str]]
    events: Events | None = None
    segments: bool = False  # recordings are segments of AudioSet (`audioset.match_segments`)

    @classmethod
    def of_events(cls, events: Events) -> LabelFile:
        """Of strong labels, the tags are the events that last: `0 0 label` (DCASE2017) marks what is absent."""
        return cls({name: tags_of(found) for name, found in events.items()}, events)

    @classmethod
    def of_table(cls, table: LabelTable) -> LabelFile:
        """Of a table, read strictly: `DataError` for the first row that cannot be understood."""
        table.raise_doubts()
        return cls(table.tags(), table.events() if table.strong else None)


def read_labels(
    source: Source, format: str | None = None, *, separator: str | None = None, label_column: str | None = None
) -> LabelFile:
    """Read weak or strong labels, whichever the file (or folder) holds; `format` as in `read_events`.

    `separator` divides the cells of labels of a table.
    """
    check_formats([format] if format else [], READERS)
    check_separator(separator)
    if not (isinstance(source, str | os.PathLike) and Path(source).is_dir()):
        if isinstance(source, str | os.PathLike) and format is None and (found := _audioset(Path(source))):
            return found
        head = Head.of(source)
        form = format or sniff(head)
        if form == "json" and json_events.is_of_tags(head):
            return LabelFile({name: [tag.label for tag in found] for name, found in read_tags(head.open()).items()})
        if form in ("csv", "tsv", "dcase2017"):
            return LabelFile.of_table(read_label_table(head.open(), separator=separator))
        return LabelFile.of_events(read_as(head, form, label_column))
    return LabelFile.of_events(read_folder(Path(source), format, label_column))


def _audioset(path: Path) -> LabelFile | None:
    """What a list of AudioSet says, by display names where they are known; None for a file of another kind."""
    if not path.is_file() or path.suffix.lower() not in (".csv", ".tsv"):
        return None
    weak, strong = audioset.is_segment_list(path), audioset.is_strong_list(path)
    if not weak and not strong:
        return None
    read = audioset.read_segments(path) if weak else audioset.read_strong(path)
    if read.problems:
        raise DataError(str(read.problems[0]))
    names = {**audioset_names.find_classes(path.parent), **audioset_names.read_strong_names(path.parent)}
    tags, events = {}, {}
    for segment in read.found.values():
        recording = audioset.recording_name(segment)
        tags[recording] = [names.get(label, label) for label in segment.labels]
        events[recording] = [event._replace(label=names.get(event.label, event.label)) for event in segment.events]
    return LabelFile(tags, None if weak else events, segments=True)


def read_folder(folder: Path, format: str | None = None, label_column: str | None = None) -> Events:
    """Events of a folder of files, one a recording. `DataError` for a file that cannot be read, and where formats mix.

    Text that is plainly none of them (a file without tabs that does not begin with numbers) is passed over.
    """
    heads = label_files(folder)
    kinds = {form for form, _ in heads if form not in (*TABLES, "dcase2017")}
    if format is None and len(kinds) > 1:
        raise DataError(
            f"{folder}: holds files of several formats ({', '.join(sorted(kinds))}); say which to read, with"
            " --reference-format or --estimate-format"
        )
    events: Events = {}
    for form, head in heads:
        if format not in (None, form):
            continue
        table = form in (*TABLES, "dcase2017")
        for name, found in read_as(head, form, label_column).items():
            if table and name in events:
                raise DataError(f"{head.path}: {name} is in another table of {folder} as well; give one of them")
            inside = name if table or _is_path(name) else (head.path.parent.relative_to(folder) / name).as_posix()
            events.setdefault(inside, []).extend(found)
    if not events:
        what = f"{format} files" if format else "Audacity label tracks or Raven selection tables"
        raise DataError(f"{folder}: no {what} inside (looked for {' '.join(PER_RECORDING)})")
    return events


def label_files(folder: Path) -> list[tuple[str, Head]]:
    """The label files of a folder, each with its format: one a recording, else its tables. Of neither, nothing.

    A table of many recordings beside files of one recording each is passed over; so is prose.
    """
    found: list[tuple[str, Head]] = []
    tables: list[tuple[str, Head]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PER_RECORDING or _is_hidden(path.relative_to(folder)) or not path.is_file():
            continue
        head = Head.of(path)
        form = sniff(head)
        if form not in (*TABLES, "dcase2017"):
            found.append((form, head))
        elif form == "dcase2017" or path.suffix.lower() in (".csv", ".tsv") or is_table(head):
            tables.append((form, head))
        elif path.stem.lower().split(".")[0] not in PROSE and _looks_like_a_track(head):
            found.append(("audacity", head))  # the reader says what is wrong with it
    return found or tables


def _looks_like_a_track(head: Head) -> bool:
    return "\t" in head.text or head.text.lstrip()[:1].isdigit()


def _is_hidden(path: Path) -> bool:
    """Whether a file lies in a hidden folder, or is what another system leaves beside a file of its own."""
    return path.name.startswith("._") or any(part.startswith(".") for part in path.parts[:-1])


def is_table(head: Head) -> bool:
    """Whether a file is a label table of many recordings."""
    try:
        with_columns(read_rows(head.open()))
    except DataError:
        return False
    return True


def _is_path(name: str) -> bool:
    """Whether a name from a file (Raven's `Begin Path`) has folders of its own."""
    return "/" in name or "\\" in name
