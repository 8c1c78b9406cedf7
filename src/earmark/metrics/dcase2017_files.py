"""DCASE2017 task 4 from two files: `earmark score --protocol dcase2017-a` and `-b`.

Either file may be an official one (`formats.dcase2017`) or anything else `formats` reads: what `earmark tag` and
`earmark detect` write in any format, label files of other kinds. Official files of task A are read as its scorer reads
them, row by row; from other files a clip has the tags that the file gives it, each once (those of events that last).

Clips are matched by the name cut at `.wav` or `.flac`, as the scorers do. What they would not match is then matched by
id and times, whatever folder, leading `Y` or extension a name has, last as `formats.match_recordings` does; several
names of one clip become one. `Scored.notes` say, a sentence each, what was matched so and all that did not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import match_recordings, read_labels
from earmark.formats.dcase2017 import TagFile, clip_key, cut_name, is_official, read_tag_file, times_in_video
from earmark.metrics.dcase2017 import TaskA, TaskB, task_a, task_b

Protocol = Literal["dcase2017-a", "dcase2017-b"]
PROTOCOLS: tuple[Protocol, ...] = ("dcase2017-a", "dcase2017-b")
T = TypeVar("T", str, Event)


@dataclass(frozen=True)
class Scored:
    """What a protocol says of two files, and what it passed over."""

    result: TaskA | TaskB
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.result.to_json(), "notes": list(self.notes)}


def score_protocol(reference: Path, estimate: Path, protocol: Protocol) -> Scored:
    """Score an estimate. `DataError` where a file cannot be read, holds no events for task B, or nothing matches."""
    return (_score_a if protocol == "dcase2017-a" else _score_b)(reference, estimate)


def _score_a(reference: Path, estimate: Path) -> Scored:
    truth, found = _read_tags(reference), _read_tags(estimate)
    joined = _join(truth.tags, found.tags, reference, estimate)
    result = task_a(truth.tags, joined.items, files=found.files)
    notes = [
        *_row_notes(reference, truth),
        *_row_notes(estimate, found),
        *joined.notes,
        _note(result.unknown, f"clips of {estimate} alone", "not counted"),
        _note(result.missing, f"clips of {reference} alone", "not counted as missed, as in the official count"),
        f"labels given again to one clip: {result.repeated}; false positives" if result.repeated else "",
    ]
    return Scored(result, tuple(filter(None, notes)))


def _score_b(reference: Path, estimate: Path) -> Scored:
    truth, found = _read_events(reference), _read_events(estimate)
    joined = _join(truth, found, reference, estimate)
    result = task_b(truth, joined.items)
    inaudible = sum(event.offset == 0 for events in truth.values() for event in events)
    notes = [
        f"rows '0 0 label' in {reference}: {inaudible}; not audible, nothing to be found" if inaudible else "",
        *joined.notes,
        _note(result.unknown, f"clips of {estimate} alone", "not counted"),
        _note(result.missing, f"clips of {reference} alone", "all that is heard there counts as missed"),
    ]
    return Scored(result, tuple(filter(None, notes)))


def _read_tags(path: Path) -> TagFile:
    """Tags by clip, names cut as the scorer of task A does."""
    if is_official(path):
        return read_tag_file(path)
    tags: dict[str, list[str]] = {}
    for name, labels in read_labels(path).tags.items():
        known = tags.setdefault(cut_name(name), [])
        known += [label for label in labels if label not in known]
    return TagFile(tags, len(tags), (), ())


def _read_events(path: Path) -> dict[str, list[Event]]:
    found = read_labels(path).events
    if found is None:
        raise DataError(f"{path}: holds tags only; task B (dcase2017-b) needs events with times")
    if times_in_video((name, e.onset, e.offset) for name, listed in found.items() for e in listed):
        raise DataError(f"{path}: its times are the clips' places in their videos; task B needs the strong labels")
    events: dict[str, list[Event]] = {}
    for name, listed in found.items():
        events.setdefault(cut_name(name), []).extend(listed)
    return events


def _row_notes(path: Path, file: TagFile) -> list[str]:
    return [
        f"{what} in {path}: {len(lines)} (first in line {lines[0]}); {outcome}"
        for lines, what, outcome in (
            (file.skipped, "rows that end at 0", "passed over, as in the official count"),
            (file.unlabelled, "rows without a label in the fourth cell", "the clip counts, without one"),
        )
        if lines
    ]


@dataclass(frozen=True)
class _Joined(Generic[T]):
    """An estimate by the reference's names."""

    items: dict[str, list[T]]
    notes: list[str]


def _join(truth: Mapping[str, object], found: Mapping[str, Sequence[T]], reference: Path, estimate: Path) -> _Joined[T]:
    same = {name for name in found if name in truth}
    keys = {key: name for name in truth if (key := clip_key(name))}
    near = {name: keys[key] for name in found if name not in same and (key := clip_key(name)) in keys}
    taken = same | set(near.values())
    near |= match_recordings(
        [name for name in found if name not in same and name not in near], [name for name in truth if name not in taken]
    )
    if not same and not near:
        first, other = next(iter(found), "nothing"), next(iter(truth), "nothing")
        raise DataError(f"{estimate}: names no clip of {reference} ({first!r} here, {other!r} there)")
    items: dict[str, list[T]] = {}
    for name, listed in found.items():
        items.setdefault(near.get(name, name), []).extend(listed)
    if not near:
        return _Joined(items, [])
    name, meant = next(iter(near.items()))
    twice = len(same) + len(near) - len(same | set(near.values()))
    more = f"; {twice} of them are second names of a clip and put to it" if twice else ""
    return _Joined(items, [f"clips of {estimate} under another name: {len(near)} ({name} is {meant}){more}"])


def _note(names: Sequence[str], what: str, outcome: str) -> str:
    return f"{what}: {len(names)} (first {names[0]}); {outcome}" if names else ""
