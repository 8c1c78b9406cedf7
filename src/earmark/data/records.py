"""What is known of a labelled collection: clips, their labels, and what was wrong with the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.events import Event
from earmark.labels import Labels
from earmark.problems import Problem, folded

__all__ = ["Clip", "Manifest", "Problem", "folded"]


@dataclass(frozen=True)
class Clip:
    """One recording and its labels."""

    path: Path
    name: str  # as the table writes it, or the path relative to the folder
    labels: tuple[str, ...]  # weak labels; empty: none of the known sounds is in it
    events: tuple[Event, ...] | None = None  # strong labels; None where they are not known
    split: str | None = None  # as the table's split or fold column writes it
    duration: float | None = None  # seconds, where the data set says so
    record: int | None = None  # where its embeddings begin in the TFRecord `path`, bytes; None: `path` is a recording

    def only(self, labels: Labels) -> Clip:
        """The same clip with only these labels and their events."""
        events = None if self.events is None else tuple(event for event in self.events if event.label in labels)
        return replace(self, labels=tuple(label for label in self.labels if label in labels), events=events)


@dataclass(frozen=True)
class Manifest:
    """A checked collection: every clip's file exists and its labels are beyond doubt.

    What is missing or doubtful is left out and listed in `problems`; it is never passed on as a clip without
    any sound of these labels.
    """

    source: Path
    clips: tuple[Clip, ...]
    labels: Labels
    problems: tuple[Problem, ...] = ()
    unused_columns: tuple[str, ...] = ()  # of the table, not understood

    def __len__(self) -> int:
        return len(self.clips)

    def with_clips(self, clips: Iterable[Clip]) -> Manifest:
        """The same collection, with these clips only; the labels stay, the problems do not."""
        return replace(self, clips=tuple(clips), problems=())

    def with_labels(self, labels: Labels) -> Manifest:
        """The same collection, with these labels only; clips stay, even where none of theirs is left."""
        return replace(self, clips=tuple(clip.only(labels) for clip in self.clips), labels=labels)

    def targets(self) -> npt.NDArray[np.bool_]:
        """Weak labels as multi-hot rows (clips, classes)."""
        rows = np.zeros((len(self.clips), len(self.labels)), dtype=np.bool_)
        for row, clip in zip(rows, self.clips, strict=True):
            row[:] = self.labels.encode(clip.labels)
        return rows

    def counts(self) -> dict[str, int]:
        """Clips that carry each label, in the order of the labels."""
        found = Counter(label for clip in self.clips for label in clip.labels)
        return {label: found[label] for label in self.labels}

    def reference(self) -> dict[str, list[Event]]:
        """The events of every clip whose strong labels are known, by clip name."""
        return {clip.name: list(clip.events) for clip in self.clips if clip.events is not None}
