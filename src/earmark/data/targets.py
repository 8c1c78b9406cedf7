"""Weak labels of millions of clips, as lists of the labels that each has.

A table of AudioSet's two million clips and 527 classes would take a gigabyte; its two labels a clip take 20 MB. A
`Targets` gives the rows of a table on demand, `targets[clips]` a bool array (clips, classes), and for each class the
clips that hold it (`members`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray
from earmark.data.records import Clip
from earmark.labels import Labels

IndexArray = npt.NDArray[np.int32]


class TargetRows(Protocol):
    """Weak labels of a set of clips: an array (clips, classes) of bool, or a `Targets`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(clips, classes)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, clips: Sequence[int], /) -> BoolArray: ...


class Targets:
    """Labels as lists: clip k holds the classes `columns[first[k]:first[k + 1]]`.

    >>> targets = Targets.of([[0, 2], [], [2]], classes=3)
    >>> targets.shape, targets[[0, 1]].tolist()
    ((3, 3), [[True, False, True], [False, False, False]])
    """

    def __init__(self, first: npt.NDArray[np.int64], columns: IndexArray, classes: int) -> None:
        self.first, self.columns, self.classes = first, columns, classes

    @classmethod
    def of(cls, columns: Iterable[Sequence[int]], classes: int) -> Targets:
        """From the columns of each clip."""
        lists = list(columns)
        first = np.zeros(len(lists) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists)), out=first[1:])
        return cls(first, np.fromiter(chain.from_iterable(lists), np.int32, int(first[-1])), classes)

    @classmethod
    def of_clips(cls, clips: Iterable[Clip], labels: Labels) -> Targets:
        """The labels of clips that are among `labels`."""
        return cls.of(([labels.index(name) for name in clip.labels if name in labels] for clip in clips), len(labels))

    @property
    def shape(self) -> tuple[int, int]:
        """(clips, classes)."""
        return len(self), self.classes

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, clips: Sequence[int] | npt.NDArray[np.int64]) -> BoolArray:
        """Rows of these clips, (clips, classes)."""
        rows = np.zeros((len(clips), self.classes), np.bool_)
        for row, clip in zip(rows, clips, strict=True):
            row[self.columns[self.first[clip] : self.first[clip + 1]]] = True
        return rows


def members(targets: TargetRows) -> list[IndexArray]:
    """The clips of each class, rising, and last those of none: (classes + 1) arrays.

    >>> [clips.tolist() for clips in members(Targets.of([[0], [], [0, 1]], classes=2))]
    [[0, 2], [2], [1]]
    """
    if isinstance(targets, Targets):
        counts = np.diff(targets.first)
        clips = np.repeat(np.arange(len(targets), dtype=np.int32), counts)
        order = np.argsort(targets.columns, kind="stable")  # clips stay in order within a class
        ends = np.cumsum(np.bincount(targets.columns, minlength=targets.classes))[:-1]
        return [*np.split(clips[order], ends), np.flatnonzero(counts == 0).astype(np.int32)]
    table = np.asarray(targets)
    columns = [*table.T, ~table.any(axis=1)]
    return [np.flatnonzero(column).astype(np.int32) for column in columns]
