"""Data as `earmark train` is given it: what trains, what validates.

Validation clips come from a table of their own, else from the split or fold column, else a seeded, stratified share of
the clips is set aside (as of AudioSet's, where all are of lists of one side); a DCASE2017 folder keeps its `evaluation`
out of both. Labels are those of the clips that train: nothing can be learned of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from earmark.data.datasets.dcase2017 import development
from earmark.data.manifest import Reading, read_manifest
from earmark.data.records import Manifest, Problem
from earmark.data.splits import split, split_by_column
from earmark.errors import DataError
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
        Problem("label", label, f"no training clip has it; left out of {count} validation clips")
        for label, count in valid.counts().items()
        if label not in labels and count
    ]
    return train.with_labels(labels), valid.with_labels(labels), problems
