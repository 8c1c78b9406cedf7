"""Data as `earmark train` is given it: what trains, what validates, and recordings without labels.

Validation clips come from a table of their own, else from the split or fold column, else a seeded, stratified share of
the clips is set aside (as of AudioSet's, where all are of lists of one side); a DCASE2017 folder keeps its `evaluation`
out of both. Labels are those of the clips that train: nothing can be learned of another.

Unlabelled recordings are a folder of them, a list of paths, or one recording. A list is a text file, a path a line,
relative to the list's folder. What is among the labelled clips already is left out: a validation clip is not to be
trained on, not even without its labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import AUDIO_EXTENSIONS, Recording, find_recordings
from earmark.data.datasets.dcase2017 import development
from earmark.data.manifest import Reading, read_manifest
from earmark.data.records import Clip, Manifest, Problem, folded
from earmark.data.splits import split, split_by_column
from earmark.errors import DataError, counted
from earmark.labels import Labels


@dataclass(frozen=True)
class Wanted:
    """What is to validate."""

    data: Path | None = None  # a table or folder of its own
    audio: Path | None = None  # folder of its audio
    fraction: float = 0.15  # else this share is set aside; 0: nothing validates
    fold: str | None = None  # else this value of the split column
    reading: Reading = field(default_factory=Reading)  # how label files are read, those that train as well


def read_parts(
    data: Path, audio: Path | None, wanted: Wanted, seed: int
) -> tuple[Manifest, Manifest | None, tuple[Problem, ...]]:
    """Training part, validation part (or None), and what was wrong with the data. `DataError` as in `read_manifest`."""
    whole = development(
        read_manifest(data, audio=audio, reading=wanted.reading), wanted.fold, validated=wanted.data is not None
    )
    if wanted.data is not None:
        if wanted.fold is not None:
            raise DataError("separate validation data and a validation fold exclude each other; give one of them")
        valid = read_manifest(wanted.data, audio=wanted.audio, labels=whole.labels, reading=wanted.reading)
        return whole, valid, (*whole.problems, *valid.problems)
    if wanted.fold is not None or _divides(whole):
        train, held, problems = _with_training_labels(*split_by_column(whole, wanted.fold))
        return train, held, (*whole.problems, *problems)
    if not wanted.fraction:
        return whole, None, whole.problems
    train, held = split(whole, wanted.fraction, seed)
    return train, held, whole.problems


def _divides(manifest: Manifest) -> bool:
    """Whether the split column says what trains and what validates; AudioSet's lists of one side do not."""
    values = {clip.split for clip in manifest.clips}
    return values != {None} and not (values <= {"balanced_train", "unbalanced_train"} or values == {"eval"})


def _with_training_labels(train: Manifest, valid: Manifest) -> tuple[Manifest, Manifest, list[Problem]]:
    """Both parts without the labels that no training clip carries."""
    counts = train.counts()
    labels = Labels(label for label in train.labels if counts[label])
    if not len(labels):
        raise DataError(f"{train.source}: none of the {len(train)} training clips has a label")
    problems = [
        Problem("label", label, f"no training clip has it; left out of {counted(count, 'validation clip')}")
        for label, count in valid.counts().items()
        if label not in labels and count
    ]
    return train.with_labels(labels), valid.with_labels(labels), problems


def read_unlabelled(data: Path, labelled: Iterable[Manifest]) -> Manifest:
    """The recordings that are not among `labelled`, as clips without labels; lines that name no file are problems.

    `DataError` when none is left.
    """
    if data.is_file() and data.suffix.lower() not in AUDIO_EXTENSIONS:
        found, problems = _listed(data)
    else:
        found, problems = find_recordings([data]), []
    known = {clip.path.resolve() for manifest in labelled for clip in manifest.clips}
    clips = tuple(Clip(each.path, each.name, ()) for each in found if each.path.resolve() not in known)
    if not clips:
        raise DataError(
            f"{data}: all of its {len(found)} recordings are among the labelled clips" if found else f"{problems[0]}"
        )
    return Manifest(data, clips, Labels(()), tuple(folded(problems, data)))


def _listed(path: Path) -> tuple[list[Recording], list[Problem]]:
    """The recordings of a list, and its lines that name none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise DataError(f"{path} is not a list of recordings: {error}") from error
    if any("\0" in line for line in lines):
        raise DataError(f"{path}: is not a list of recordings, not even text")
    files, problems = [], []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and (path.parent / line).is_file():
            files.append(path.parent / line)
        elif line:
            problems.append(Problem("missing", f"{path}, line {number}", f"{line} does not exist; it is left out"))
    if not files and not problems:
        raise DataError(f"{path} names no recordings; expected one path per line")
    return find_recordings(files), problems
