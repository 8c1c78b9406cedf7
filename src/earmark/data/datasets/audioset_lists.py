"""What AudioSet's identifiers are called: three files of its site, looked for beside the lists.

    class_labels_indices.csv    index,mid,display_name             the 527 classes, in the order of their scores
    mid_to_display_name.tsv     mid, name                          the 456 strong labels
    ontology.json               [{"id": mid, "name": ...}, ...]    all 632 nodes

Where there is no list of classes, they are those that were published (`audioset_labels.csv`: Google's, CC BY 4.0).

Which recording is which segment of AudioSet, by its name.

`Y<id>`, `<id>`, `Y<id>_<start>`, `<id>_<start>_<end>`, any extension: ids have 11 letters and may themselves begin with
Y or hold underscores, so a name is taken apart by their count.

AudioSet's lists: which segments of which videos hold what.

    eval_segments.csv         YTID, start_seconds, end_seconds, "mid,mid"    after three lines that begin with #
    audioset_eval_strong.tsv  segment_id, start_time_seconds, end_time_seconds, label    a row an event, times in the
                              segment; the id is <YTID>_<start in milliseconds>, the label a mid

Labels are identifiers ("mid", /m/09x0r); their names are in `audioset_names.py`.

Segment lists are often saved anew by a spreadsheet, which takes the blank after a comma for part of the field: quotes
come back doubled or as part of a label, header lines and decimals go, commas become semicolons. A row is therefore read
by what must be in it: an id of 11 letters, two times, and identifiers with nothing but quotes and separators between
them. What is otherwise is refused with its line, and the clip is left out, for nothing tells what is heard in it.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from earmark.audio import audio_files
from earmark.data.records import Problem
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import parse_event
from earmark.formats.tables import read_rows, read_table, read_text

CLASS_LIST, ONTOLOGY, STRONG_NAMES = "class_labels_indices.csv", "ontology.json", "mid_to_display_name.tsv"


def read_classes(path: Path | None) -> dict[str, str]:
    """{mid: display name} in the order of the classes' indices; of None, the 527 classes as published.

    `DataError` where rows are missing or twice, naming the line.
    """
    if path is None:
        with resources.as_file(resources.files("earmark.data") / "audioset_labels.csv") as published:
            return read_classes(published)
    names: dict[int, tuple[str, str]] = {}
    for line, cells in read_rows(path).cells:
        index, mid, name = ([cell.strip() for cell in cells] + ["", "", ""])[:3]
        if index.startswith("#") or (not names and not index.isdigit()):
            continue
        if len(cells) != 3 or not index.isdigit() or not MID.fullmatch(mid) or not name:
            raise DataError(f'{path}, line {line}: expected index,mid,"display name", got {",".join(cells)}')
        if int(index) in names or mid in {known for known, _ in names.values()}:
            raise DataError(f"{path}, line {line}: class {index} ({mid}) is there twice")
        names[int(index)] = mid, name
    if sorted(names) != list(range(len(names))) or not names:
        gap = next((index for index in range(len(names)) if index not in names), 0)
        raise DataError(f"{path}: class {gap} is missing; expected indices from 0 without a gap")
    return dict(names[index] for index in range(len(names)))


def read_strong_names(folder: Path) -> dict[str, str]:
    """{mid: name} of the strong labels, in the order of their table; nothing where a folder has none."""
    path = folder / STRONG_NAMES
    if not path.is_file():
        return {}
    return {cells[0].strip(): cells[1].strip() for _, cells in read_rows(path).cells if len(cells) > 1}


def read_ontology(path: Path) -> Mapping[str, str]:
    """{mid: name} of all nodes; nothing where there is no such file. `DataError` when it is damaged."""
    if not path.is_file():
        return {}
    try:
        return {node["id"]: node["name"] for node in json.loads(read_text(path))}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is no ontology of AudioSet ({type(error).__name__}: {error})") from error


def find_classes(folder: Path) -> dict[str, str]:
    """The classes by the list in a folder or in one of the two above it, else as published."""
    for place in (folder, *folder.parents[:2]):
        if (place / CLASS_LIST).is_file():
            return read_classes(place / CLASS_LIST)
    return read_classes(None)


SPLITS = ("unbalanced_train", "balanced_train", "train", "eval")  # as list names hold them, longest first
_FILE = re.compile(r"(?P<video>[A-Za-z0-9_-]{11})(_(?P<start>\d+(\.\d+)?)(_\d+(\.\d+)?)?)?")


def split_of(path: Path) -> str | None:
    """The split that a list's name tells.

    >>> split_of(Path("unbalanced_train_segments.csv")), split_of(Path("my_segments.csv"))
    ('unbalanced_train', None)
    """
    return next((split for split in SPLITS if split in path.stem.lower()), None)


def fitting(segment: Segment, files: Sequence[tuple[str | None, Path]], split: str | None) -> list[Path]:
    """The files of a video that fit a segment: (start as the name writes it, path).

    Of several, those that lie in a folder named after the split.

    >>> files = [("30", Path("a")), ("30000", Path("b")), ("3.5", Path("c"))]
    >>> fitting(Segment("--4gqARaEJE", 30.0, 40.0, 1), files, None), fitting(Segment("", 3.5, 9.0, 1), files, None)
    ([PosixPath('a'), PosixPath('b')], [PosixPath('c')])
    """
    fits = [path for start, path in files if start is None or _same(segment.start, start)]
    inside = [path for path in fits if split and any(split in part for part in path.parts[-4:-1])]
    return inside if len(fits) > 1 and inside else fits


def _same(start: float, written: str) -> bool:
    """Whether a name writes this start: in seconds, perhaps without their decimals, or in milliseconds."""
    value = float(written)
    if "." in written:
        return abs(value - start) < 0.0015
    return value in (int(start), int(start + 0.5), round(1000 * start))


def files_by_video(root: Path) -> dict[str, list[tuple[str | None, Path]]]:
    """Recordings by video: the start in the name, and the path."""
    found: defaultdict[str, list[tuple[str | None, Path]]] = defaultdict(list)
    for path in audio_files(root):
        stem = path.name[: -len(path.suffix)]
        match = _FILE.fullmatch(stem) or (_FILE.fullmatch(stem[1:]) if stem.startswith("Y") else None)
        if match is not None:
            found[match["video"]].append((match["start"], path))
    return found


Key = tuple[str, int]  # video id, start in milliseconds

_CELL = r"""\s*["']*([^,;\t"']*)["']*\s*[,;\t]"""
_ROW = re.compile(rf"{_CELL}{_CELL}{_CELL}(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
MID = re.compile(r"/[a-z]/[0-9a-z_]+")
_STRONG_ID = re.compile(r"(.{11})_(\d+)")
_SLIP = re.compile(r"#[A-Z]+[!?]")  # what a spreadsheet makes of an id that begins with a dash: #NAME?
_BETWEEN = frozenset("\"',;\t ")
_STRONG = ("segment_id", "start_time_seconds", "end_time_seconds", "label")


@dataclass
class Segment:
    """A piece of a video and what a list says of it; labels and events carry mids."""

    video: str
    start: float  # seconds in the video
    end: float | None
    line: int
    labels: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What tells segments apart."""
        return self.video, round(1000 * self.start)

    @property
    def name(self) -> str:
        """As messages call it.

        >>> Segment("--4gqARaEJE", 0.0, 10.0, 4).name
        '--4gqARaEJE_0.000'
        """
        return f"{self.video}_{self.start:.3f}"


@dataclass(frozen=True)
class Segments:
    """What a list says: its segments, and the rows that could not be read."""

    path: Path
    found: dict[Key, Segment]
    problems: list[Problem]

    def where(self, segment: Segment) -> str:
        """File and line."""
        return f"{self.path}, line {segment.line}"


def is_segment_list(path: Path) -> bool:
    """Whether a file is a list of segments, by its first lines."""
    lines = [line.strip("\"' \r\n") for line in _first_lines(path)]
    rows = (_parts(line) for line in lines if line and not _is_header(line))
    return any(_ID.fullmatch(row[0]) and row[3] for row in rows if row is not None)


def is_strong_list(path: Path) -> bool:
    """Whether a file is a list of events in segments, by its header."""
    first = next(iter(_first_lines(path)), "")
    return first.split() == list(_STRONG)


def read_segments(path: Path) -> Segments:
    """Read a segment list; a row that cannot be understood is a problem that names its line.

    `DataError` where no row can be read.
    """
    found: dict[Key, Segment] = {}
    problems: list[Problem] = []
    conflicting: set[Key] = set()
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip("\"',;\t \r") or _is_header(line.strip("\"' \t")):
            continue
        where = f"{path}, line {number}"
        try:
            segment = _segment(line.rstrip("\r"), number)
        except DataError as error:
            problems.append(Problem("row", where, f"{error}; the clip is left out"))
            continue
        earlier = found.setdefault(segment.key, segment)
        if earlier is segment:
            continue
        if set(earlier.labels) == set(segment.labels) and earlier.end == segment.end:
            problems.append(Problem("duplicate", where, f"{segment.name} is listed again; counted once"))
        else:
            conflicting.add(segment.key)
            message = f"{segment.name} is listed otherwise in line {earlier.line}; it is left out"
            problems.append(Problem("conflict", where, message))
    for key in conflicting:
        del found[key]
    if not found:
        raise DataError(f"{path}: holds no segment (YTID, start, end, labels); {problems[0] if problems else 'empty'}")
    return Segments(path, found, problems)


def read_strong(path: Path) -> Segments:
    """Read a list of events; a segment with a doubtful row is left out as a whole, and is a problem."""
    found: dict[Key, Segment] = {}
    problems: list[Problem] = []
    doubtful: set[Key] = set()
    for number, row in read_table(path).rows:
        where = f"{path}, line {number}"
        identifier = _STRONG_ID.fullmatch(row[_STRONG[0]].strip())
        if identifier is None or not _ID.fullmatch(identifier[1]):
            message = f"{row[_STRONG[0]]!r} is no <video>_<milliseconds>; the row is left out"
            problems.append(Problem("row", where, message))
            continue
        segment = Segment(identifier[1], int(identifier[2]) / 1000, None, number)
        segment = found.setdefault(segment.key, segment)
        try:
            event = parse_event(where, *(row[name].strip() for name in _STRONG[1:]))
            if not MID.fullmatch(event.label):
                raise DataError(f"{where}: {event.label!r} is no label's identifier such as /m/09x0r")
        except DataError as error:
            doubtful.add(segment.key)
            message = f"{str(error).removeprefix(f'{where}: ')}; {segment.name} is left out"
            problems.append(Problem("row", where, message))
            continue
        if event not in segment.events:
            segment.events.append(event)
    for key in doubtful:
        del found[key]
    for segment in found.values():
        segment.labels = tuple(dict.fromkeys(event.label for event in segment.events))
    if not found:
        raise DataError(f"{path}: holds no event that can be read; {problems[0] if problems else 'only a header'}")
    return Segments(path, found, problems)


def _segment(line: str, number: int) -> Segment:
    """A row taken apart; `DataError` says what is wrong with it, without its place."""
    parts = _parts(line)
    if parts is None:
        raise DataError(f"{_shown(line)}: expected YTID, start, end, labels")
    video, start, end, mids = parts
    if not _ID.fullmatch(video):
        guess = "; did a spreadsheet change it?" if re.search(r"#|E\+|\d[.,]\d", video) else ""
        raise DataError(f"{video!r} is no video id of 11 letters{guess}")
    times = [_seconds(text) for text in (start, end)]
    if not 0 <= times[0] < times[1]:
        raise DataError(f"from {start} to {end} is no stretch of time in seconds")
    if mids is None:
        raise DataError(f"{_shown(line)}: its labels are no identifiers such as /m/09x0r")
    return Segment(video, times[0], times[1], number, mids)


def _parts(line: str) -> tuple[str, str, str, tuple[str, ...] | None] | None:
    """Id, start, end and identifiers (None: something else is there, or nothing); None for another kind of row."""
    match = _ROW.fullmatch(line)
    if match is None:
        return None
    video, start, end = (match[group].strip() for group in (1, 2, 3))
    mids = tuple(dict.fromkeys(MID.findall(match[4])))
    clean = mids and _BETWEEN.issuperset(MID.sub("", match[4]))
    return video, start, end, mids if clean else None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{text!r} is no time in seconds")
    return value


def _is_header(line: str) -> bool:
    return (line.startswith("#") and not _SLIP.match(line)) or line[:4].upper() == "YTID"


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")


def _first_lines(path: Path) -> Iterator[str]:
    """Up to ten lines of a file's beginning; none where it is no text."""
    try:
        with open(path, encoding="utf-8-sig", errors="strict") as file:
            for _ in range(10):
                yield file.readline(1000)
    except (OSError, UnicodeDecodeError):
        return
