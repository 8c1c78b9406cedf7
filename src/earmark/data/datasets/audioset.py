"""An AudioSet folder: segment lists as published and the recordings that could be had, or the released embeddings.

    FOLDER/eval_segments.csv, balanced_train_segments.csv, unbalanced_train_segments.csv     at least one *segments*.csv
    FOLDER/audioset_train_strong.tsv, audioset_eval_strong.tsv                               events (May 2021), if any
    FOLDER/class_labels_indices.csv, ontology.json, mid_to_display_name.tsv                  names, if any
    FOLDER/Y--4gqARaEJE.wav                                                                  or anywhere below

`DATA` is FOLDER, or one list; then only that list gives the labels, and the audio lies beside it or below.

- A recording is `Y<id>`, `<id>`, `Y<id>_<start>` or `<id>_<start>_<end>`, any extension; times are seconds with or
  without decimals, or milliseconds as in the strong lists. It must fit its segment's start. Ids have 11 letters and may
  themselves begin with Y or hold underscores, so a name is taken apart by their count.
- Labels are display names; the classes are all of the class list, in its order (of a strong list alone: all of
  `mid_to_display_name.tsv`). `split` is `balanced_train`, `unbalanced_train`, `train` or `eval`, by the list's name.
- Many clips of most lists are no longer available. They are left out and reported in one line for each list, never
  taken for clips without sounds. So are those whose rows cannot be understood (`formats/audioset.py`).
- Where segment lists and strong lists lie together, the segment lists say which clips there are and their tags, and the
  strong lists add events. Of the 456 strong labels only 382 are classes; the events of the others are left out.
- A folder of TFRecords is read by `embeddings.py`.

Paper: J. F. Gemmeke et al. 2017, "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP;
S. Hershey et al. 2021, "The benefit of temporally-strong labels in audio event classification", ICASSP.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from earmark.audio import audio_files
from earmark.data.datasets.embeddings import embedding_files, read_embeddings
from earmark.data.records import Clip, Manifest, Problem, folded
from earmark.errors import DataError, counted
from earmark.formats.audioset import (
    Key,
    Segment,
    Segments,
    is_segment_list,
    is_strong_list,
    read_segments,
    read_strong,
)
from earmark.formats.audioset_names import ONTOLOGY, find_classes, read_ontology, read_strong_names
from earmark.labels import Labels

SHOWN = 3  # missing clips that are named


@dataclass(frozen=True)
class AudioSet:
    """Where the lists are, and where the audio may be."""

    source: Path
    root: Path  # of the audio
    weak: tuple[Path, ...] = ()  # segment lists
    strong: tuple[Path, ...] = ()
    records: tuple[Path, ...] = ()  # TFRecords of embeddings


def find_audioset(data: Path) -> AudioSet | None:
    """The collection that a path means; None where it means something else."""
    if data.is_file():
        if data.suffix == ".tfrecord":
            return AudioSet(data, data.parent, records=(data,))
        weak, strong = is_segment_list(data), is_strong_list(data)
        return AudioSet(data, data.parent, (data,) * weak, (data,) * strong) if weak or strong else None
    if not data.is_dir() or any((data / f"{n}{s}").is_file() for n in ("weak", "strong") for s in (".tsv", ".csv")):
        return None
    tables = sorted(path for path in data.glob("*.[ct]sv") if path.is_file())
    weak_lists = tuple(path for path in tables if "segments" in path.name.lower() and is_segment_list(path))
    strong_lists = tuple(path for path in tables if is_strong_list(path))
    records = () if weak_lists or strong_lists else embedding_files(data)
    found = AudioSet(data, data, weak_lists, strong_lists, records)
    return found if weak_lists or strong_lists or records else None


def read_audioset(collection: AudioSet, audio: Path | None = None) -> Manifest:
    """The clips that are there. `DataError` where none is."""
    folder = collection.source if collection.source.is_dir() else collection.source.parent
    if collection.records:
        if audio is not None:
            raise DataError(f"{collection.source}: holds embeddings, not audio; leave the audio folder ({audio}) out")
        return read_embeddings(collection.source, collection.records, find_classes(folder))
    classes, strong = find_classes(folder), [read_strong(path) for path in collection.strong]
    lists = [read_segments(path) for path in collection.weak] or strong
    if not collection.weak:
        classes = _strong_classes(folder, strong, classes)
    reading = _Reading(collection, audio or collection.root, {**read_ontology(folder / ONTOLOGY), **classes}, classes)
    if collection.weak:
        reading.add_events(lists, strong)
    for each in lists:
        reading.add(each)
    return reading.manifest(lists)


def _strong_classes(folder: Path, strong: Sequence[Segments], classes: Mapping[str, str]) -> dict[str, str]:
    """The labels of strong lists by their own table, else those that occur, called by whatever name is known."""
    if names := read_strong_names(folder):
        return names
    known = {**read_ontology(folder / ONTOLOGY), **classes}
    used = {mid for each in strong for segment in each.found.values() for mid in segment.labels}
    order = {mid: place for place, mid in enumerate(known)}
    return {mid: known.get(mid, mid) for mid in sorted(used, key=lambda mid: (order.get(mid, len(order)), mid))}


@dataclass
class _Reading:
    """What has been read so far."""

    collection: AudioSet
    root: Path
    names: Mapping[str, str]  # of every mid that is known
    classes: Mapping[str, str]  # of those that are classes
    clips: list[Clip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)  # names that are no classes, and how often they are left out
    taken: dict[Path, str] = field(default_factory=dict)
    strong_keys: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.files = files_by_video(self.root)

    def add(self, listed: Segments) -> None:
        """The clips of a list whose file is there."""
        problems = list(listed.problems)
        missing: list[Segment] = []
        for segment in listed.found.values():
            where = listed.where(segment)
            fits = fitting(segment, self.files.get(segment.video, ()), split_of(listed.path))
            if not fits:
                missing.append(segment)
            elif fault := self.fault(segment, fits, where):
                problems.append(Problem(fault[0], where, f"{fault[1]}; it is left out"))
            else:
                self.taken[fits[0]] = where
                self.clips.append(self.clip(segment, fits[0], split_of(listed.path)))
        self.problems += folded(problems, listed.path)
        if missing:
            self.problems.append(Problem("missing", str(listed.path), _missing(missing, len(listed.found))))

    def fault(self, segment: Segment, fits: Sequence[Path], where: str) -> tuple[str, str] | None:
        """Why a segment cannot be used, if it cannot: kind and words."""
        unknown = next((mid for mid in segment.labels if mid not in self.names), None)
        if unknown is not None:
            return "row", f"{segment.name} has the label {unknown}, which is none of AudioSet's"
        if not any(mid in self.classes for mid in segment.labels):
            return "label", f"none of the labels of {segment.name} is a class"
        if len(fits) > 1:
            return "conflict", f"{segment.name} fits several files: {fits[0]}, {fits[1]}"
        if fits[0] in self.taken:
            return "duplicate", f"{segment.name} is the file {fits[0].name}, as is {self.taken[fits[0]]}"
        return None

    def clip(self, segment: Segment, path: Path, split: str | None) -> Clip:
        """A clip with display names."""
        self.aside.update(self.names[mid] for mid in segment.labels if mid not in self.classes)
        labels = tuple(self.classes[mid] for mid in segment.labels if mid in self.classes)
        events = None
        if segment.key in self.strong_keys or not self.collection.weak:
            events = tuple(event._replace(label=self.classes[event.label]) for event in segment.events)
        duration = None if segment.end is None else segment.end - segment.start
        return Clip(path, path.relative_to(self.root).as_posix(), labels, events, split, duration)

    def add_events(self, lists: Sequence[Segments], strong: Iterable[Segments]) -> None:
        """Put the events of strong lists beside the tags of segment lists."""
        for listed in strong:
            self.problems += folded(listed.problems, listed.path)
            other, lost = Counter[str](), 0
            for key, segment in listed.found.items():
                holders = [each.found[key] for each in lists if key in each.found]
                lost += not holders
                for holder in holders:
                    self.strong_keys.add(key)
                    holder.events = [event for event in segment.events if event.label in self.classes]
                    other.update(event.label for event in segment.events if event.label not in self.classes)
            if lost:
                message = f"{lost:,} of its {len(listed.found):,} segments in no segment list, left out"
                self.problems.append(Problem("missing", str(listed.path), message))
            if other:
                events = counted(other.total(), "event")
                message = f"{counted(len(other), 'label')} of it not among the classes; {events} left out"
                self.problems.append(Problem("label", str(listed.path), message))

    def manifest(self, lists: Sequence[Segments]) -> Manifest:
        """All of it."""
        source = self.collection.source
        if not self.clips:
            first = next(iter(lists[0].found.values()))
            records = embedding_files(source) if source.is_dir() else ()
            hint = f" (the embeddings in {records[0].parent} are data of their own)" if records else ""
            raise DataError(
                f"{source}: none of its {sum(len(each.found) for each in lists):,} clips is there (looked in and below"
                f" {self.root} for Y{first.video}.wav and the like); say where they are with --audio{hint}"
            )
        for name, count in self.aside.items():
            self.problems.append(
                Problem("label", name, f"is not in the class list; left out of {counted(count, 'clip')}")
            )
        clips = self.clips
        if not all(split_of(each.path) for each in lists):  # nothing can be divided by it
            clips = [replace(clip, split=None) for clip in clips]
        return Manifest(source, tuple(clips), Labels(self.classes.values()), tuple(self.problems))


def _missing(missing: Sequence[Segment], listed: int) -> str:
    named = ", ".join(segment.name for segment in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else ""
    return f"{listed - len(missing):,} of its {listed:,} clips are there; {named}{more} are not, and are left out"


SPLITS = ("unbalanced_train", "balanced_train", "train", "eval")  # as list names hold them, longest first
_FILE = re.compile(r"(?P<video>[A-Za-z0-9_-]{11})(_(?P<start>\d+(\.\d+)?)(_\d+(\.\d+)?)?)?")


def split_of(path: Path) -> str | None:
    """The split that a list's name stands for.

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
