"""AudioSet's lists: which segments of which videos hold what.

    eval_segments.csv         YTID, start_seconds, end_seconds, "mid,mid"    after three lines that begin with #
    audioset_eval_strong.tsv  segment_id, start_time_seconds, end_time_seconds, label    a row an event, times in the
                              segment; the id is <YTID>_<start in milliseconds>, the label a mid

Labels are identifiers ("mid", /m/09x0r); their names are in `audioset_names.py`.

Segment lists are often saved anew by a spreadsheet, which takes the blank after a comma for part of the field: quotes
come back doubled or as part of a label, header lines and decimals go, commas become semicolons. A row is therefore read
by what must be in it: an id of 11 letters, two times, and identifiers with nothing but quotes and separators between
them. What is otherwise is refused with its line, and the clip is left out, because its labels are unknown.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import parse_event
from earmark.formats.naming import path_parts
from earmark.formats.tables import read_table
from earmark.formats.text import read_text
from earmark.problems import Problem

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
        """What distinguishes segments."""
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
            message = f"{row[_STRONG[0]]!r} is not <video>_<milliseconds>; the row is left out"
            problems.append(Problem("row", where, message))
            continue
        segment = Segment(identifier[1], int(identifier[2]) / 1000, None, number)
        segment = found.setdefault(segment.key, segment)
        try:
            event = parse_event(where, *(row[name].strip() for name in _STRONG[1:]))
            if not MID.fullmatch(event.label):
                raise DataError(f"{where}: {event.label!r} is not a label's identifier such as /m/09x0r")
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


_RECORDING = re.compile(r"Y?(?P<video>[A-Za-z0-9_-]{11})(?:_(?P<start>\d+(?:\.\d+)?)(?:_\d+(?:\.\d+)?)?)?")


def match_segments(names: Iterable[str], segments: Collection[str]) -> dict[str, str]:
    """Which segment (named as `recording_name` does) each recording is, by its video and, where it says so, its start.

    `Y<id>.wav`, `<id>_30.wav`, `<id>_30.000_40.000.wav`: seconds with or without decimals, or milliseconds.

    >>> match_segments(["Y--4gqARaEJE.wav"], ["--4gqARaEJE_30.000_40.000"])
    {'Y--4gqARaEJE.wav': '--4gqARaEJE_30.000_40.000'}
    """
    of_video: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for segment in segments:
        of_video[segment[:11]].append((float(segment[12:].split("_")[0]), segment))
    found: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"\.[A-Za-z]\w*$", "", path_parts(name)[-1])
        match = _RECORDING.fullmatch(stem[1:]) if stem[:1] == "Y" else None
        match = match or _RECORDING.fullmatch(stem)
        if match is None:
            continue
        fits = [
            segment
            for start, segment in of_video.get(match["video"], ())
            if match["start"] is None or float(match["start"]) in (start, int(start), round(1000 * start))
        ]
        if len(fits) == 1 and fits[0] not in found.values():
            found[name] = fits[0]
    return found


def recording_name(segment: Segment) -> str:
    """What a recording of a segment is called: `<id>_<start>_<end>`, or `<id>_<start>` where the end is not known."""
    return segment.name if segment.end is None else f"{segment.name}_{segment.end:.3f}"


def _segment(line: str, number: int) -> Segment:
    """A row taken apart; `DataError` says what is wrong with it, without its place."""
    parts = _parts(line)
    if parts is None:
        raise DataError(f"{_shown(line)}: expected YTID, start, end, labels")
    video, start, end, mids = parts
    if not _ID.fullmatch(video):
        guess = "; did a spreadsheet change it?" if re.search(r"#|E\+|\d[.,]\d", video) else ""
        raise DataError(f"{video!r} is not a video id of 11 letters{guess}")
    times = [_seconds(text) for text in (start, end)]
    if not 0 <= times[0] < times[1]:
        raise DataError(f"from {start} to {end} is not a range of times in seconds")
    if mids is None:
        raise DataError(f"{_shown(line)}: its labels are not identifiers such as /m/09x0r")
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
        raise DataError(f"{text!r} is not a time in seconds")
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
