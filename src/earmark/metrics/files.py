"""The metrics from two label files, no model: `earmark score`.

Both may be strong (events) or weak (tags); segment-based, event-based and intersection-based metrics need events on
both sides. The estimate may also be a folder of score tables, one file a recording (`formats.score_table`): then PSDS
is taken of the frame scores. Labels are those of the reference. Recordings are matched by name, or by name without
extension where one side has none.

`durations.tsv` beside a strong reference (`dev_durations.tsv` beside `dev_strong.tsv`) says how long recordings last,
those without events included: reports there are false alarms, slices end where the recording does, and PSDS
counts false alarms per hour of their sum. Events that lie outside their recording are counted by each metric's own rule
and listed in `Evaluation.problems`. An estimate without rows is an empty one.

An official protocol. `score_protocol` counts as the scorers of DCASE2017 task 4 do (`earmark score --protocol
dcase2017-a` and `-b`; the rules: `dcase2017`). Either file may be an official one (`formats.dcase2017`) or anything
else `formats` reads: what `earmark tag` and `earmark detect` write in any format, label files of other kinds. Official
files of task A are read as its scorer reads them, row by row; from other files a clip has the tags that the file gives
it, each once (those of events that last).

Clips are matched by the name cut at `.wav` or `.flac`, as the scorers do. What they would not match is then matched by
id and times, whatever folder, leading `Y` or extension a name has, last as `formats.match_recordings` does; several
names of one clip become one. `Scored.notes` say, a sentence each, what was matched so and all that did not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from earmark.errors import ConfigError, DataError
from earmark.events import Event, beyond_end
from earmark.formats import LabelFile, dcase2017, match_recordings, read_durations, read_labels, read_scores
from earmark.formats.audioset import match_segments
from earmark.formats.dcase2017 import TagFile, clip_key, cut_name, is_official, read_tag_file, times_in_video
from earmark.formats.label_table import check_names
from earmark.formats.text import read_text
from earmark.labels import Labels
from earmark.metrics.bootstrap import Resampling
from earmark.metrics.dcase2017 import TaskA, TaskB, task_a, task_b
from earmark.metrics.evaluation import Evaluation, encode_tags, evaluate
from earmark.metrics.event import Collars
from earmark.metrics.intersection import Criteria

SHORTEST_SEGMENT = 0.001  # seconds
T = TypeVar("T")


def score_files(
    reference: Path,
    estimate: Path,
    *,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    unknown: Literal["error", "ignore"] = "error",
    resampling: Resampling | None = None,
    formats: tuple[str | None, str | None] = (None, None),
    separator: str | None = None,
    label_column: str | None = None,
) -> Evaluation:
    """Every metric that the two files allow. `DataError` where they do not fit or cannot be read.

    `formats` of the reference and the estimate, where a folder holds files of several; `separator` and `label_column`
    as in `formats.read_labels`. `ConfigError` for a length or collar that can be none.
    """
    collars = collars_of(segment_length, onset_collar, offset_share)
    truth = read_labels(reference, formats[0], separator=separator, label_column=label_column)
    labels = Labels(sorted({tag for tags in truth.tags.values() for tag in tags}))
    if not len(labels):
        raise DataError(f"{reference} contains no label; are reference and estimate swapped?")
    durations = _durations(reference) if truth.events is not None else {}
    for name in durations:  # recordings without events
        truth.tags.setdefault(name, [])
        (truth.events or {}).setdefault(name, [])
    if formats[1] is None and (tables := score_tables(estimate)):
        return _score_scores(
            reference,
            estimate,
            truth=truth,
            labels=labels,
            tables=tables,
            durations=durations,
            unknown=unknown,
            resampling=resampling,
        )
    found = read_labels(estimate, formats[1], separator=separator, label_column=label_column)
    check_names(reference, truth.tags, {tag for tags in found.tags.values() for tag in tags})
    names = _matched(reference, truth.tags, estimate, found.tags, truth.segments)
    estimated_tags = _renamed(found.tags, names)
    if truth.events is None or found.events is None:
        rows = encode_tags(truth.tags, estimated_tags, labels, unknown, unknown)
        return evaluate(labels, reference_tags=rows[0], estimated_tags=rows[1], resampling=resampling)
    estimated = _renamed(found.events, names)
    evaluation = evaluate(
        labels,
        reference=truth.events,
        estimated=estimated,
        durations=_filled(durations, truth.events, estimated) if durations else None,
        segment_length=segment_length,
        collars=collars,
        criteria=Criteria(),
        resampling=resampling,
        unknown_labels=unknown,
        unknown_recordings=unknown,
    )
    outside = [*_outside(reference, truth.events, durations), *_outside(estimate, estimated, durations)]
    return replace(evaluation, problems=tuple(outside))


def _outside(path: Path, events: Mapping[str, Sequence[Event]], durations: Mapping[str, float]) -> list[str]:
    """A line for each recording with events that no part of it holds."""
    known = {name: found for name, found in events.items() if name in durations}
    lines = {name: beyond_end(found, durations[name], entirely=True) for name, found in known.items()}
    return [f"{path}: {name}: {line}" for name, line in lines.items() if line is not None]


def _durations(reference: Path) -> dict[str, float]:
    """Seconds by recording from the table beside a strong reference: `dev_durations.tsv` beside `dev_strong.tsv`, or
    else `durations.tsv` (or .csv); empty where there is none.
    """
    names = [reference.name.replace("strong", "durations")] if "strong" in reference.stem else []
    for name in (*names, "durations.tsv", "durations.csv"):
        beside = reference.with_name(name)
        if beside.is_file() and beside != reference:
            return read_durations(beside)
    return {}


def _filled(durations: Mapping[str, float], *sides: Mapping[str, Sequence[Event]]) -> dict[str, float]:
    """Durations of all recordings: of one without, the end of its last event."""
    last = {
        name: max((event.offset for side in sides for event in side.get(name, ())), default=0.0)
        for side in sides
        for name in side
    }
    return {**last, **durations}


def score_tables(folder: Path) -> list[Path]:
    """The score tables in a folder; none where it is no folder or holds something else."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.glob("*.tsv")) if read_text(path).startswith("onset\toffset\t")]


def _score_scores(
    reference: Path,
    estimate: Path,
    *,
    truth: LabelFile,
    labels: Labels,
    tables: Sequence[Path],
    durations: Mapping[str, float],
    unknown: Literal["error", "ignore"],
    resampling: Resampling | None,
) -> Evaluation:
    """PSDS of frame scores."""
    if truth.events is None:
        raise DataError(f"{reference} contains only tags; PSDS of the scores in {estimate} needs events with times")
    scores = {each.recording: each for each in map(read_scores, tables)}
    names = _matched(reference, truth.tags, estimate, scores)
    silent = {name for name in durations if not truth.events[name]}
    missing = sorted(truth.events.keys() - names.values() - silent)
    if missing:
        raise DataError(f"{estimate}: no score table of {missing[0]!r} ({len(missing)} of {len(truth.events)} missing)")
    renamed = [replace(each, recording=names.get(name, name)) for name, each in scores.items()]
    evaluation = evaluate(
        labels,
        reference=truth.events,
        scores=renamed,
        durations=durations,
        resampling=resampling,
        unknown_recordings=unknown,
    )
    unscored = sorted(silent - set(names.values()))
    problems = _outside(reference, truth.events, durations)
    if unscored:
        problems.append(
            f"{estimate}: no score table of {len(unscored)} silent recordings (first {unscored[0]}); they count as "
            "free of false alarms"
        )
    return replace(evaluation, problems=tuple(problems))


def _matched(
    reference: Path, truth: Mapping[str, object], estimate: Path, found: Mapping[str, object], segments: bool = False
) -> dict[str, str]:
    names = match_recordings(found, truth)
    if segments:  # recordings are called after their videos in many ways
        left = [name for name in found if name not in names]
        names |= match_segments(left, truth.keys() - names.values())
    if found and not names:  # an estimate that names no recording at all is an empty one
        first, other = next(iter(found)), next(iter(truth))
        raise DataError(f"{estimate} and {reference} have no recording in common ({first!r} here, {other!r} there)")
    return names


def collars_of(segment_length: float, onset_collar: float, offset_share: float) -> Collars:
    """Collars from what a user gave; `ConfigError` for a length or collar that can be none.

    The offset's collar is the onset's, or `offset_share` of the event's length where that is more.
    """
    if not SHORTEST_SEGMENT <= segment_length < math.inf:
        raise ConfigError(f"segment length {segment_length:g} s: expected {SHORTEST_SEGMENT:g} s or more")
    if not 0 <= onset_collar < math.inf:
        raise ConfigError(f"onset collar {onset_collar:g} s: expected 0 s or more")
    if not 0 <= offset_share < math.inf:
        raise ConfigError(f"offset share {offset_share:g}: expected 0 or more, 0.2 for a fifth of the event")
    return Collars(onset=onset_collar, offset=onset_collar, offset_share=offset_share)


def _renamed(items: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    return {names.get(name, name): item for name, item in items.items()}


Protocol = Literal["dcase2017-a", "dcase2017-b"]
PROTOCOLS: tuple[Protocol, ...] = ("dcase2017-a", "dcase2017-b")
Item = TypeVar("Item", str, Event)


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
        _note(result.unknown, f"clips that are only in {estimate}", "not counted"),
        _note(
            result.missing, f"clips that are only in {reference}", ("not counted as missed, as in the official scorer")
        ),
        f"labels repeated for a clip: {result.repeated}; they count as false positives" if result.repeated else "",
    ]
    return Scored(result, tuple(filter(None, notes)))


def _score_b(reference: Path, estimate: Path) -> Scored:
    truth, found = _read_events(reference), _read_events(estimate)
    joined = _join(truth, found, reference, estimate)
    result = task_b(truth, joined.items)
    inaudible = sum(event.offset == 0 for events in truth.values() for event in events)
    notes = [
        f"rows '0 0 label' in {reference}: {inaudible}; not audible, so nothing to find" if inaudible else "",
        *joined.notes,
        _note(result.unknown, f"clips that are only in {estimate}", "not counted"),
        _note(result.missing, f"clips that are only in {reference}", "all their events count as missed"),
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
    found = dcase2017.read_events(path) if is_official(path) else read_labels(path).events
    if found is None:
        raise DataError(f"{path} contains only tags; task B (dcase2017-b) needs events with times")
    if times_in_video((name, e.onset, e.offset) for name, listed in found.items() for e in listed):
        raise DataError(f"{path}: its times are positions of the clips in their videos; task B needs strong labels")
    events: dict[str, list[Event]] = {}
    for name, listed in found.items():
        events.setdefault(cut_name(name), []).extend(listed)
    return events


def _row_notes(path: Path, file: TagFile) -> list[str]:
    return [
        f"{what} in {path}: {len(lines)} (first in line {lines[0]}); {outcome}"
        for lines, what, outcome in (
            (file.skipped, "rows that end at 0", "skipped, as in the official scorer"),
            (file.unlabelled, "rows without a label in the fourth cell", "the clip counts as one without labels"),
        )
        if lines
    ]


@dataclass(frozen=True)
class _Joined(Generic[Item]):
    """An estimate by the reference's names."""

    items: dict[str, list[Item]]
    notes: list[str]


def _join(
    truth: Mapping[str, object], found: Mapping[str, Sequence[Item]], reference: Path, estimate: Path
) -> _Joined[Item]:
    same = {name for name in found if name in truth}
    keys = {key: name for name in truth if (key := clip_key(name))}
    near = {name: keys[key] for name in found if name not in same and (key := clip_key(name)) in keys}
    taken = same | set(near.values())
    near |= match_recordings(
        [name for name in found if name not in same and name not in near], [name for name in truth if name not in taken]
    )
    if found and not same and not near:
        first, other = next(iter(found)), next(iter(truth), "nothing")
        raise DataError(f"{estimate} and {reference} have no clip in common ({first!r} here, {other!r} there)")
    items: dict[str, list[Item]] = {}
    for name, listed in found.items():
        items.setdefault(near.get(name, name), []).extend(listed)
    if not near:
        return _Joined(items, [])
    name, meant = next(iter(near.items()))
    twice = len(same) + len(near) - len(same | set(near.values()))
    more = f"; {twice} of them are second names of a clip and were assigned to it" if twice else ""
    return _Joined(items, [f"clips of {estimate} under another name: {len(near)} ({name} is {meant}){more}"])


def _note(names: Sequence[str], what: str, outcome: str) -> str:
    return f"{what}: {len(names)} (first {names[0]}); {outcome}" if names else ""
