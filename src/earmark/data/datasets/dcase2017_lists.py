"""The published lists of DCASE2017 task 4, each -> what it says of every clip (`dcase2017.py` says which are which).

Three forms, told apart by their content: a weak list (tab separated: name, place in the video, label), a strong list
(name, onset, offset, label) and a `*_set.csv` (comma separated: id, start, end, labels, ids of labels). Encodings, line
ends and byte-order marks as `formats` reads them. Of a clip with a row that cannot be understood a list says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from earmark.data.records import Problem
from earmark.errors import DataError, did_you_mean
from earmark.events import Event
from earmark.formats.dcase2017 import CLASSES, clip_key, tab_rows, times_in_video
from earmark.formats.fields import parse_event
from earmark.formats.tables import read_rows

SHOWN = 3  # clips that a problem names


@dataclass
class Listed:
    """What the lists of a part say of a clip."""

    key: str  # id, start and end
    labels: list[str] = field(default_factory=list)
    events: list[Event] | None = None  # None: not known

    @property
    def name(self) -> str:
        """The clip as the lists name it."""
        return f"{self.key}.wav"


def is_list(path: Path) -> bool:
    """Whether the first row of a file is one of these lists' (no more is read)."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = next((line for line in file if line.strip()), "").rstrip("\r\n")
    cells = line.split("\t")
    if len(cells) == 4:
        return clip_key(cells[0]) is not None
    words = line.split(",")
    return (
        len(words) > 4 and words[-1].strip('"').startswith(("/m/", "/t/")) and clip_key("_".join(words[:3])) is not None
    )


def read_list(path: Path) -> tuple[dict[str, Listed], list[Problem]]:
    """Every clip of a list by its key, in the list's order, and the rows that were not understood."""
    found: dict[str, Listed] = {}
    problems: list[Problem] = []
    doubtful: set[str] = set()
    cells = tab_rows(path)
    if is_set := len(cells[0][1]) == 1:
        cells = read_rows(path).cells
    rows = list(_rows(path, cells, is_set, problems, doubtful))
    weak = is_set or "weak" in path.name
    if not weak and "strong" not in path.name:
        weak = times_in_video((key, event.onset, event.offset) for key, event in rows)
    for key, event in rows:
        entry = found.setdefault(key, Listed(key, events=None if weak else []))
        if event.label not in entry.labels:
            entry.labels.append(event.label)
        if entry.events is not None and event.offset > 0 and event not in entry.events:
            entry.events.append(event)
    return {key: entry for key, entry in found.items() if key not in doubtful}, problems


def join(weak: dict[str, Listed], strong: dict[str, Listed], *paths: Path) -> list[Problem]:
    """Put the events of a strong list to the tags of a weak one; returns where the two disagree, a line a kind."""
    for key, entry in weak.items():
        if key in strong:
            entry.events = strong[key].events
    alone = [entry.name for key, entry in strong.items() if key not in weak]
    unknown = [entry.name for key, entry in weak.items() if key not in strong]
    more = [entry.name for key, entry in weak.items() if key in strong and set(strong[key].labels) - set(entry.labels)]
    told = (
        (alone, paths[1], f"are not in {paths[0].name}; left out"),
        (unknown, paths[0], f"have tags but no row in {paths[1].name}; their events count as unknown"),
        (more, paths[1], f"have events of labels that {paths[0].name} lacks; the tags stand"),
    )
    return [
        Problem("conflict", str(path), f"{len(names)} clips {what} (first {', '.join(names[:SHOWN])})")
        for names, path, what in told
        if names
    ]


def _rows(
    path: Path, cells: list[tuple[int, list[str]]], is_set: bool, problems: list[Problem], doubtful: set[str]
) -> Iterator[tuple[str, Event]]:
    """(clip, label with its times) of every row understood; the others become problems, their clips doubtful."""
    for line, row in cells:
        where = f"{path}, line {line}"
        name = "_".join(cell.strip() for cell in row[:3]) if is_set else row[0]
        key = clip_key(name)
        try:
            if key is None:
                raise DataError(f"{where}: {name.strip()!r} names no clip, expected <id>_<start>_<end>.wav")
            yield from ((key, event) for event in (_of_set if is_set else _of_groundtruth)(where, row))
        except DataError as error:
            message = str(error).removeprefix(f"{where}: ")
            problems.append(Problem("row", where, f"{message}; its clip is left out of this list"))
            doubtful.update([key] if key else [])


def _of_groundtruth(where: str, row: list[str]) -> list[Event]:
    if len(row) != 4:
        raise DataError(f"{where}: {len(row)} cells, expected name, onset, offset and label with tabs between them")
    return [parse_event(where, row[1], row[2], row[3].strip())]


def _of_set(where: str, row: list[str]) -> list[Event]:
    if len(row) != 5:
        raise DataError(f"{where}: {len(row)} cells, expected id, start, end, labels and ids of labels")
    ids = [word.strip() for word in row[4].split(",")]
    strange = [word for word in ids if word not in CLASSES]
    if strange:
        raise DataError(f"{where}: {strange[0]!r} is none of the 17 classes' ids{did_you_mean(strange[0], CLASSES)}")
    return [parse_event(where, row[1], row[2], CLASSES[word]) for word in ids]
