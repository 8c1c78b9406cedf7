"""A DCASE2017 task 4 folder as its organisers publish it, or any part of it.

    FOLDER/groundtruth_release/groundtruth_weak_label_training_set.csv    a row a label, times in the video
    FOLDER/groundtruth_release/groundtruth_strong_label_testing_set.csv   a row an event, times in the clip
    FOLDER/testing_set.csv                                                id, start, end, labels, ids of labels
    FOLDER/training/Y2ceUOv8A3FE_20.000_30.000.wav                        or evaluation/, testing/, anywhere below

Lists may lie in FOLDER itself or in a folder `groundtruth_release`, `metadata`, `meta`, `labels`, `lists`; the weak
list of a part is preferred to its `*_set.csv`. `DATA` is FOLDER; or one part, `FOLDER/testing`, whether or not there is
such a folder; or one list, and then that list alone says what is heard (a list of one's own in the same form, too).

- Audio is found by id and times, with or without the leading `Y`, whatever its extension. Of most parts something is
  missing for good, so absent clips are told in one line a list, and a part without any clip is not told at all.
- Of a strong list, `0 0 label` means: tagged, but not audible. The tag stays and there is no event.
- `*_set.csv` are split by the ids of labels: the names of two labels hold commas.
- Of a whole folder, `training` trains, `testing` validates, and `evaluation` does neither (`development`).

Rows that repeat another word for word count once (the published evaluation list has one).
Facts: A. Mesaros et al. 2017, "DCASE 2017 challenge setup", and the organisers' repository.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.audio import audio_files
from earmark.data.datasets.dcase2017_lists import Listed, is_list, join, read_list
from earmark.data.records import Clip, Manifest, Problem
from earmark.errors import DataError
from earmark.formats.dcase2017 import clip_key, in_class_order
from earmark.labels import Labels

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
        message = f"{len(names)} clips are there in several files; one is used (first {twice[names[0]]})"
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
