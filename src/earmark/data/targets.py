"""Labels of millions of clips: the tags that each has, and the frames in which each of these is active.

A table of AudioSet's two million clips and 527 classes would take a gigabyte; its two labels a clip take 20 MB. A
`Targets` gives the rows of a table on demand, `targets[clips]` a bool array (clips, classes), and for each class the
clips that hold it (`members`).

A `FrameTargets` keeps a bit a frame for the labels a clip has and no others, `np.packbits` of (labels of the clip,
steps): ten seconds with two labels at 25 steps a second take 64 bytes, AudioSet's two million clips some 130 MB. Step i
of a clip lies where the network's frame score i does. A cut that begins at sample s has as its first step that numbered
s / (samples a step), rounded; training cuts clips at whole steps, so that nothing is lost to the rounding.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray
from earmark.data.records import Clip
from earmark.errors import DataError
from earmark.files import write_aside
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


Found = tuple[Sequence[int], BoolArray]  # of a clip: the columns of its labels, and (labels, steps) when each is active


class FrameTargets:
    """Frame labels of a set of clips; `labels` are their weak labels, `step` is the samples (or vectors) of one step.

    >>> heard = np.array([[False, True, True]])
    >>> frames = FrameTargets.of([([1], heard), ([], heard[:0])], classes=2, step=Fraction(320))
    >>> frames.labels[[0, 1]].tolist()
    [[False, True], [False, False]]
    >>> frames.window(0, start=330, steps=4)[:, 1].tolist()  # from step 1 on, nothing beyond the end
    [True, True, False, False]
    """

    def __init__(
        self, labels: Targets, steps: npt.NDArray[np.int64], bits: npt.NDArray[np.uint8], step: Fraction
    ) -> None:
        self.labels, self.steps, self.bits, self.step = labels, steps, bits, step
        sizes = np.diff(labels.first) * -(-steps // 8)
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        if self._first[-1] != len(bits):
            raise ValueError(f"{self._first[-1]} bytes of frame labels wanted, got {len(bits)}")

    @classmethod
    def of(cls, clips: Iterable[Found], classes: int, step: Fraction) -> FrameTargets:
        """From what is found in each clip, taken one at a time."""
        columns, steps, bits = [], [], [np.zeros(0, np.uint8)]
        for own, active in clips:
            columns.append(own)
            steps.append(active.shape[1])
            bits.append(np.packbits(active, axis=1).ravel())
        return cls(Targets.of(columns, classes), np.array(steps, np.int64), np.concatenate(bits), step)

    def __len__(self) -> int:
        return len(self.steps)

    def active(self, clip: int) -> BoolArray:
        """All of a clip: (steps, classes)."""
        return self._between(clip, 0, int(self.steps[clip]))

    def window(self, clip: int, start: int, steps: int) -> BoolArray:
        """`steps` steps of a clip from sample `start` on, (steps, classes); no label is active beyond its end."""
        first = math.floor(start / self.step + Fraction(1, 2))
        return self._between(clip, first, steps)

    def _between(self, clip: int, first: int, steps: int) -> BoolArray:
        columns = self.labels.columns[self.labels.first[clip] : self.labels.first[clip + 1]]
        packed = self.bits[self._first[clip] : self._first[clip + 1]]
        whole = int(self.steps[clip])
        rows = np.zeros((steps, self.labels.classes), np.bool_)
        if len(columns) and first < whole:
            active = np.unpackbits(packed.reshape(len(columns), -1), axis=1, count=whole)[:, first : first + steps]
            rows[: active.shape[1], columns] = active.T
        return rows

    def steps_in(self, length: int) -> int:
        """Steps that are enough for a cut of this many samples or vectors, whatever the front-end does at the edges."""
        return math.ceil(length / self.step) + 1

    def save(self, path: Path) -> None:
        """Write as .npz, whole or not at all."""
        with write_aside(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                first=self.labels.first,
                columns=self.labels.columns,
                classes=np.int64(self.labels.classes),
                steps=self.steps,
                bits=self.bits,
                step=np.array(self.step.as_integer_ratio(), np.int64),
            )

    @classmethod
    def load(cls, path: Path) -> FrameTargets:
        """Read what `save` wrote. `DataError` when it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as found:
                labels = Targets(found["first"], found["columns"], int(found["classes"]))
                return cls(labels, found["steps"], found["bits"], Fraction(*found["step"].tolist()))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is damaged ({error}); delete it, and it is made again") from error
