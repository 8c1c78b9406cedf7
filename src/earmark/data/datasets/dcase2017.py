"""The published lists of DCASE2017 task 4, each -> what it says of every clip (`dcase2017.py` says which are which).

Three forms, recognised by their content: a weak list (tab separated: name, place in the video, label), a strong list
(name, onset, offset, label) and a `*_set.csv` (comma separated: id, start, end, labels, ids of labels). Encodings, line
ends and byte-order marks as `formats` reads them. Of a clip with a row that cannot be understood a list says nothing.

A DCASE2017 task 4 folder as its organisers publish it, or any part of it.

    FOLDER/groundtruth_release/groundtruth_weak_label_training_set.csv    a row a label, times in the video
    FOLDER/groundtruth_release/groundtruth_strong_label_testing_set.csv   a row an event, times in the clip
    FOLDER/testing_set.csv                                                id, start, end, labels, ids of labels
    FOLDER/training/Y2ceUOv8A3FE_20.000_30.000.wav                        or evaluation/, testing/, anywhere below

Lists may lie in FOLDER itself or in a folder `groundtruth_release`, `metadata`, `meta`, `labels`, `lists`; the weak
list of a part is preferred to its `*_set.csv`. `DATA` is FOLDER; or one part, `FOLDER/testing`, whether or not there is
such a folder; or one list, and then only that list gives the labels (it may also be your own list in the same form).

- Audio is found by id and times, with or without the leading `Y`, whatever its extension. Of most parts something is
  missing for good, so absent clips are reported in one line for each list, and a part without any clip is not reported.
- Of a strong list, `0 0 label` means: tagged, but not audible. The tag stays and there is no event.
- `*_set.csv` are split by the ids of labels: the names of two labels hold commas.
- Of a whole folder, `training` trains, `testing` validates, and `evaluation` does neither (`development`).

Rows that repeat another word for word count once (the published evaluation list has one).
Facts: A. Mesaros et al. 2017, "DCASE 2017 challenge setup", and the organisers' repository.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from earmark.audio import audio_files
from earmark.data.records import Clip, Manifest, Problem
from earmark.errors import DataError, counted, did_you_mean
from earmark.events import Event
from earmark.formats.dcase2017 import CLASSES, clip_key, in_class_order, tab_rows, times_in_video
from earmark.formats.fields import parse_event
from earmark.formats.tables import read_rows
from earmark.labels import Labels

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
    differences = (
        (alone, paths[1], f"not in {paths[0].name}; left out"),
        (unknown, paths[0], f"with tags but no row in {paths[1].name}; their events count as unknown"),
        (more, paths[1], f"with events of labels that {paths[0].name} lacks; the tags stand"),
    )
    return [
        Problem("conflict", str(path), f"{counted(len(names), 'clip')} {what} (first {', '.join(names[:SHOWN])})")
        for names, path, what in differences
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


PARTS = ("training", "testing", "evaluation")
FOLDERS = ("groundtruth_release", "metadata", "meta", "labels", "lists")
SHOWN = 3  # missing clips that are named


@dataclass(frozen=True)
class Collection:
    """Where the lists are, and where the audio may be."""

    source: Path
    root: Path  # of the audio
    lists: dict[str, tuple[Path, ...]]  # by part: the weak and the strong list, or one of them
    whole: bool  # all parts: then clips are split by part


@dataclass(frozen=True)
class Presence:
    """How many clips of a list are there, and how many of each label: (label, listed, there)."""

    part: str
    listed: int
    there: int
    labels: tuple[tuple[str, int, int], ...]


def find_collection(data: Path) -> Collection | None:
    """The collection that a path means; None where it means something else."""
    if data.is_file():
        if not is_list(data):
            return None
        root = data.parent.parent if data.parent.name in FOLDERS else data.parent
        return Collection(data, root, {_part(data): (data,)}, whole=False)
    if data.is_dir() and (lists := _lists(data)):
        return Collection(data, data, lists, whole=True)
    if data.name in PARTS and data.parent.is_dir():
        lists = _lists(data.parent)
        if data.name in lists:
            return Collection(data, data.parent, {data.name: lists[data.name]}, whole=False)
    return None


def read_collection(collection: Collection, audio: Path | None = None) -> Manifest:
    """The clips that are there. `DataError` where none is; labels are those found, in the published order."""
    clips, problems, listed = [], [], 0
    files, twice = _audio(collection, audio)
    first = ""
    for part, paths in collection.lists.items():
        entries, doubts = _read(paths)
        here = [_clip(entry, files[entry.key], part, collection) for entry in entries if entry.key in files]
        gone = [entry.name for entry in entries if entry.key not in files]
        listed, first = listed + len(entries), first or next(iter(gone), "")
        if here:
            problems += doubts
            clips += here
        if here and gone:
            problems.append(Problem("missing", str(paths[0]), _missing(len(here), len(entries), gone)))
    if not clips:
        looked = audio or collection.root
        raise DataError(
            f"{collection.source}: none of its {listed:,} clips is there (looked in and below {looked} for Y{first}"
            " and the like); say where they are with --audio"
        )
    used = {clip.path for clip in clips}
    if names := [key for key in twice if files[key] in used]:
        message = f"{counted(len(names), 'clip')} there in several files; one is used (first {twice[names[0]]})"
        problems.append(Problem("duplicate", str(collection.source), message))
    return Manifest(collection.source, tuple(clips), Labels(_labels(clips)), tuple(problems))


def presence(data: Path, audio: Path | None = None) -> tuple[Presence, ...]:
    """What is there of each list; nothing for data of other kinds. Recordings are not opened."""
    collection = find_collection(data)
    if collection is None:
        return ()
    files, _ = _audio(collection, audio)
    found = []
    for part, paths in collection.lists.items():
        entries, _ = _read(paths)
        there = [entry for entry in entries if entry.key in files]
        of = Counter(label for entry in there for label in entry.labels)
        listed = Counter(label for entry in entries for label in entry.labels)
        rows = tuple((label, listed[label], of[label]) for label in in_class_order(listed))
        found.append(Presence(part, len(entries), len(there), rows))
    return tuple(found)


def development(manifest: Manifest, fold: str | None = None, validated: bool = False) -> Manifest:
    """The clips of a whole folder that a training may use.

    With validation data of its own (`validated`) only `training`; else all but `evaluation`, unless that is the fold
    that validates. Where only one part is left, the clips lose their split, so that a share of them can be set aside.
    Other manifests come back as they are. `DataError` where nothing is left.
    """
    collection = find_collection(manifest.source)
    if collection is None or not collection.whole:
        return manifest
    wanted = {"training"} if validated else {"training", "testing", *([fold] if fold in PARTS else [])}
    clips = [clip for clip in manifest.clips if clip.split in wanted]
    if not clips:
        raise DataError(f"{manifest.source}: no clips of {' or '.join(sorted(wanted))} are there")
    if fold is None and {clip.split for clip in clips} == {"training"}:
        clips = [replace(clip, split=None) for clip in clips]
    labels = Labels(_labels(clips)) if len(clips) < len(manifest.clips) else manifest.labels
    return replace(manifest, clips=tuple(clips), labels=labels)


def _lists(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The lists of each part in a folder or in one of its `FOLDERS`; none where it has tables of earmark's own."""
    found: dict[str, tuple[Path, ...]] = {}
    if any((folder / f"{name}{suffix}").is_file() for name in ("weak", "strong") for suffix in (".tsv", ".csv")):
        return found
    places = [place for place in (folder, *(folder / name for name in FOLDERS)) if place.is_dir()]
    for part in PARTS:
        weak = [place / f"groundtruth_weak_label_{part}_set.csv" for place in places]
        weak += [place / f"{part}_set.csv" for place in places]
        strong = [place / f"groundtruth_strong_label_{part}_set.csv" for place in places]
        paths = [next((path for path in side if path.is_file() and is_list(path)), None) for side in (weak, strong)]
        if any(paths):
            found[part] = tuple(path for path in paths if path is not None)
    return found


def _part(path: Path) -> str:
    match = re.search(r"(training|testing|evaluation)_set", path.stem)
    return match[1] if match else path.stem


def _read(paths: tuple[Path, ...]) -> tuple[list[Listed], list[Problem]]:
    """What the lists of one part say together."""
    first, problems = read_list(paths[0])
    if len(paths) == 1:
        return list(first.values()), problems
    second, more = read_list(paths[1])
    return list(first.values()), [*problems, *more, *join(first, second, *paths)]


def _audio(collection: Collection, audio: Path | None) -> tuple[dict[str, Path], dict[str, str]]:
    """{clip: its file}, and the clips that have several files with the names of two of these."""
    files: dict[str, Path] = {}
    twice: dict[str, str] = {}
    for path in audio_files(audio or collection.root):
        key = clip_key(path.name)
        if key is not None and files.setdefault(key, path) != path:
            twice[key] = f"{files[key]} and {path}"
    return files, twice


def _clip(entry: Listed, path: Path, part: str, collection: Collection) -> Clip:
    events = None if entry.events is None else tuple(sorted(entry.events, key=lambda e: (e.onset, e.label, e.offset)))
    return Clip(path, entry.name, tuple(entry.labels), events, part if collection.whole else None)


def _labels(clips: Iterable[Clip]) -> tuple[str, ...]:
    return in_class_order(label for clip in clips for label in clip.labels)


def _missing(there: int, listed: int, gone: list[str]) -> str:
    more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
    return f"{there:,} of {listed:,} clips present; {', '.join(gone[:SHOWN])}{more} do not exist and are left out"
