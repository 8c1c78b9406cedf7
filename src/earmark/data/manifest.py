"""Any labelled folder or table -> one checked `Manifest`.

`DATA` is one of

- a folder of folders (`folders.py`)
- a label file of any format that `formats` reads: CSV, TSV, JSON, Raven, Audacity, JAMS, BirdNET; its audio lies beside
  it, in `audio/` beside it, or where `audio` says
- a folder of such files, one a recording, and the recordings (`label_folders.py`)
- a folder that holds `weak.tsv` and/or `strong.tsv` (or .csv): tags from the first, events from the second, and
  recordings without events from `durations.tsv`
- a published data set as it lies (`datasets/`; docs/datasets.md lists them)

Given a table, only that table gives the labels; beside `strong.tsv`, `durations.tsv` (beside `dev_strong.tsv`,
`dev_durations.tsv`) adds the recordings in which nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from earmark.audio import AUDIO_EXTENSIONS
from earmark.data.datasets.audioset import find_audioset, read_audioset
from earmark.data.datasets.collections import Part
from earmark.data.datasets.dcase2017 import find_collection, read_collection
from earmark.data.datasets.published import find_parts
from earmark.data.folders import read_folders
from earmark.data.label_folders import Reading, read_label_file, read_label_folder
from earmark.data.locate import audio_folders, locate, why_missing
from earmark.data.records import Clip, Manifest, Problem
from earmark.errors import DataError, counted, did_you_mean
from earmark.formats.dcase import read_durations
from earmark.formats.fields import separator_in
from earmark.formats.label_table import Entry, LabelTable
from earmark.labels import Labels

__all__ = ["Clip", "Manifest", "Problem", "Reading", "read_manifest"]


def read_manifest(
    data: Path, *, audio: Path | None = None, labels: Labels | None = None, reading: Reading | None = None
) -> Manifest:
    """Read a labelled collection and check that its files exist.

    With `labels` (a model's), these are the classes, in this order; other labels in the data are left out and
    reported. Without, the classes are the labels found, sorted; of AudioSet, all of its classes. `DataError` when
    nothing usable is left.
    """
    data, reading = Path(data), reading or Reading()
    _check_place(data, audio)
    for find, read in _COLLECTIONS:
        if (collection := find(data)) is not None:
            found = read(collection, audio)
            return found if labels is None else _finish(data, list(found.clips), list(found.problems), (), labels)
    known = () if labels is None else labels.names
    if (parts := find_parts(data)) is not None:
        return _of_parts(data, parts, audio, labels)
    if data.is_file():
        return _of_table(data, read_label_file(data, known, reading), audio, labels)
    weak, strong = _table(data, "weak"), _table(data, "strong")
    if weak is None and strong is None:
        if (listed := read_label_folder(data, audio, reading)) is not None:
            return _of_table(data, listed, audio, labels, folder=True)
        if audio is not None:
            raise DataError(f"{data}: a folder of folders holds its own audio; leave the audio folder ({audio}) out")
        clips, problems = read_folders(data)
        return _finish(data, clips, problems, (), labels)
    first = read_label_file(weak or strong or data, known, reading)
    extra = []
    if weak is not None and strong is not None:
        extra = _add_events(first, read_label_file(strong, known, reading))
    return _of_table(data, first, audio, labels, extra)


_COLLECTIONS: tuple[tuple[Callable[[Path], object], Callable[..., Manifest]], ...] = (
    (find_collection, read_collection),
    (find_audioset, read_audioset),
)


def _check_place(data: Path, audio: Path | None) -> None:
    if not data.exists() and find_collection(data) is None:
        siblings = [p.name for p in data.parent.iterdir()] if data.parent.is_dir() else []
        raise DataError(f"{data}: no such file or folder{did_you_mean(data.name, siblings)}")
    if audio is not None and not audio.is_dir():
        raise DataError(f"{audio}: no such folder of audio")
    if data.is_file() and data.suffix.lower() in AUDIO_EXTENSIONS:
        raise DataError(f"{data}: is a recording; expected a table of labels or a folder")


def _of_table(
    data: Path,
    table: LabelTable,
    audio: Path | None,
    labels: Labels | None,
    extra: list[Problem] | None = None,
    folder: bool = False,
) -> Manifest:
    """The clips of a table."""
    if not table.found:
        raise DataError(f"{table.path}: a header, but no rows" if not table.problems else str(table.problems[0]))
    durations = {} if folder else _durations(table)
    if table.strong:
        for name in durations:
            table.found.setdefault(name, Entry(name, 0, events=[]))
    clips, lost = _clips(table, durations, audio_folders(table.path, audio))
    problems = [*table.problems, *(extra or []), *lost, *_several_labels(table, () if labels is None else labels.names)]
    return _finish(data, clips, problems, table.unused, labels)


def _of_parts(data: Path, parts: list[Part], audio: Path | None, labels: Labels | None) -> Manifest:
    """The clips of a published set, those of its parts together."""
    clips: list[Clip] = []
    problems: list[Problem] = []
    unheld = None
    for part in parts:
        try:
            found, lost = _clips(part.table, {}, [audio] if audio else list(part.audio), part.files)
        except DataError as error:  # none of a part is there: the others may be
            unheld = unheld or error
            continue
        problems += [*part.table.problems, *lost]
        clips += [replace(clip, split=part.split or clip.split) for clip in found]
    if not clips and unheld is not None:
        raise unheld
    holders: dict[Path, Clip] = {}
    for clip in clips:
        holders.setdefault(clip.path.resolve(), clip)
    return _finish(data, list(holders.values()), problems, (), labels)


def _several_labels(table: LabelTable, known: tuple[str, ...]) -> list[Problem]:
    """Labels that look like several in one cell, where the table was read without a separator."""
    first: dict[str, Entry] = {}
    for entry in table.found.values():
        for label in entry.labels:
            first.setdefault(label, entry)
    return [
        Problem("label", table.where(entry), f"{label!r} looks like several labels; divide them with --separator {how}")
        for label, entry in first.items()
        if label not in known and (sign := separator_in(label)) is not None
        for how in ["list" if sign == "list" else f"'{sign}'"]
    ]


def _table(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}{suffix}" for suffix in (".tsv", ".csv"))
    return next((path for path in paths if path.is_file()), None)


def _durations(entries: LabelTable) -> dict[str, float]:
    """Seconds by name, from the durations table that belongs to a weak or strong table, if there is one."""
    path, word = entries.path, "strong" if entries.strong else "weak"
    if word not in path.stem:
        return {}
    beside = path.with_name(path.name.replace(word, "durations"))
    return read_durations(beside) if beside.is_file() else {}


def _add_events(weak: LabelTable, strong: LabelTable) -> list[Problem]:
    """Put the events of a strong table beside the tags of a weak one."""
    problems = [*strong.problems, *(doubt for entry in strong.found.values() for doubt in entry.doubts)]
    if not strong.strong:
        raise DataError(f"{strong.path}: no columns onset and offset; a strong table gives the times of each event")
    for name, entry in strong.found.items():
        if name not in weak.found:
            problems.append(Problem("missing", strong.where(entry), f"{name} is not in {weak.path.name}; left out"))
    for name, entry in weak.found.items():
        other = strong.found.get(name)
        if other is None:
            if entry.labels:
                message = f"{name} has tags but no events in {strong.path.name}; its events count as unknown"
                problems.append(Problem("conflict", weak.where(entry), message))
            else:
                entry.events = []
        elif not other.doubts:
            entry.events = other.events
            extra = sorted(set(other.labels) - set(entry.labels))
            if extra:
                message = f"events of {name} are labelled {extra}, which its tags lack; the tags stand"
                problems.append(Problem("conflict", strong.where(other), message))
    return problems


def _clips(
    entries: LabelTable, durations: dict[str, float], folders: list[Path], files: dict[str, Path] | None = None
) -> tuple[list[Clip], list[Problem]]:
    """The entries beyond doubt whose file exists; `files` where that is known."""
    files = locate(entries.found, folders) if files is None else files
    if not files:
        first, looked = next(iter(entries.found)), " and ".join(map(str, folders))
        raise DataError(
            f"{entries.path}: none of its {len(entries.found)} files exist (the first is {first!r}; looked in"
            f" {looked}); say where they are with --audio"
        )
    clips, problems = [], []
    holder: dict[Path, Clip] = {}
    missing = why_missing([name for name in entries.found if name not in files], folders)
    for name, entry in entries.found.items():
        problems += entry.doubts
        if entry.doubts:
            continue
        if name not in files:
            message = f"{missing[name]}; it is left out"
            problems.append(Problem("missing", entries.where(entry), message))
            continue
        events = None if entry.events is None else tuple(dict.fromkeys(entry.events))
        clip = Clip(files[name], name, tuple(entry.labels), events, entry.split, durations.get(name))
        earlier = holder.setdefault(clip.path.resolve(), clip)
        if earlier is not clip:
            message = f"{name} is the same file as {earlier.name}; only the first is kept"
            problems.append(Problem("duplicate", entries.where(entry), message))
            continue
        clips.append(clip)
    return clips, problems


def _finish(
    source: Path, clips: list[Clip], problems: list[Problem], unused: tuple[str, ...], labels: Labels | None
) -> Manifest:
    """Fix the classes; complain when nothing is left."""
    if not clips:
        raise DataError(f"{source}: no usable clips; the first of {len(problems)} problems: {problems[0]}")
    found = Counter(label for clip in clips for label in clip.labels)
    if not found:
        raise DataError(f"{source}: none of the {len(clips)} clips has a label")
    if labels is None:
        return Manifest(source, tuple(clips), Labels(sorted(found)), tuple(problems), unused)
    other = sorted(set(found) - set(labels))
    if len(other) == len(found):
        raise DataError(
            f"{source}: none of its labels ({', '.join(other[:5])}) is one of {', '.join(labels.names[:5])}"
        )
    for name in other:
        guess = did_you_mean(name, labels)
        message = f"not one of the {len(labels)} labels asked for{guess}; left out of {counted(found[name], 'clip')}"
        problems.append(Problem("label", name, message))
    kept = []
    for clip in clips:
        known = clip.only(labels)
        if clip.labels and not known.labels:  # it holds a sound, and which one in these labels' terms is not known
            message = (
                f"its labels ({', '.join(clip.labels[:3])}) are none of the {len(labels)} asked for; it is left out"
            )
            problems.append(Problem("unlabelled", clip.name, message))
        else:
            kept.append(known)
    return Manifest(source, tuple(kept), labels, tuple(problems), unused)
