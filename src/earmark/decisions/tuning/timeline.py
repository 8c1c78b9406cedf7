"""Many recordings laid end to end on one frame axis, so that a setting is tried on all of them at once.

Recordings are sorted by fold; after each comes one frame of `FLOOR`, so no run crosses into the next. Arrays
are (classes, places), `places` being all frames and floors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, FloatArray, IntArray
from earmark.decisions.segments import FLOOR, Runs
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Timeline:
    """The recordings (by fold), their references, and what each place of the axis stands for."""

    scores: tuple[Scores, ...]
    references: tuple[tuple[Event, ...], ...]
    labels: Labels
    step: Fraction
    folds: int
    fold: IntArray  # (recordings,) rising
    start: IntArray  # (recordings,) place of each first frame
    recording: IntArray  # (places,)
    begins: Seconds  # (places,) seconds at which a frame begins ...
    ends: Seconds  # (places,) ... and ends, none beyond its recording's end
    passes: BoolArray  # (recordings, classes): whether the clip score passes the gate; all do where there is none
    padded: bool = False  # whether `ends` are later than those of the frames

    def curve(self, change: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """All frame scores, each recording changed (smoothed, say) first: (classes, places)."""
        curve = np.full((len(self.labels), len(self.recording)), FLOOR, dtype=np.float32)
        for scores, start in zip(self.scores, self.start, strict=True):
            curve[:, start : start + len(scores.frames)] = change(scores.frames).T
        return curve

    def within(self, runs: Runs) -> Runs:
        """Runs that last: those wholly beyond the end of their recording go."""
        return runs.where(self.begins[runs.first] < self.ends[runs.last - 1])

    def later(self, pad: float) -> Timeline:
        """The same with events that end `pad` seconds later, as `pad_offset` makes them; itself where that is 0."""
        if not pad:
            return self
        last = np.array([each.duration for each in self.scores])[self.recording]
        return replace(self, ends=np.minimum(self.ends + np.float64(np.float32(pad)), last), padded=True)

    def joined(self, runs: Runs) -> Runs:
        """Runs of one class and recording as one where padded ends reach the next; as they are without pads."""
        if not self.padded or len(runs) < 2:
            return runs
        recording = self.recording[runs.first]
        near = (runs.column[1:] == runs.column[:-1]) & (recording[1:] == recording[:-1])
        near &= self.begins[runs.first[1:]] <= self.ends[runs.last[:-1] - 1]
        return runs.grouped(np.concatenate(([True], ~near)))

    def only(self, column: int) -> Timeline:
        """The same recordings with one label alone."""
        name = self.labels.names[column]
        labels, of = Labels([name]), slice(column, column + 1)
        return replace(
            self,
            scores=tuple(
                replace(each, labels=labels, clip=each.clip[of], frames=each.frames[:, of]) for each in self.scores
            ),
            references=tuple(tuple(e for e in events if e.label == name) for events in self.references),
            labels=labels,
            passes=self.passes[:, of],
        )


def lay_out(
    scores: Sequence[Scores],
    references: Sequence[Sequence[Event]],
    fold: IntArray,
    folds: int,
    gates: FloatArray | None = None,
) -> Timeline:
    """Lay recordings end to end; `gates` (folds, classes): clip scores from which a fold's recordings pass.

    `ValueError` where labels or clocks differ.
    """
    first = scores[0]
    for each in scores:
        if each.labels != first.labels or each.clock != first.clock:
            raise ValueError(f"{each.recording}: labels or clock differ from those of {first.recording}")
    order = np.argsort(fold, kind="stable")
    laid = [scores[i] for i in order]
    sizes = np.array([len(each.frames) + 1 for each in laid])
    return Timeline(
        scores=tuple(laid),
        references=tuple(tuple(references[i]) for i in order),
        labels=first.labels,
        step=first.clock.step,
        folds=folds,
        fold=fold[order],
        start=np.cumsum(sizes) - sizes,
        recording=np.repeat(np.arange(len(laid)), sizes),
        begins=np.concatenate([each.edges for each in laid]),
        ends=np.concatenate([np.append(each.edges[1:], each.duration) for each in laid]),
        passes=np.stack([each.clip for each in laid]) >= (0.0 if gates is None else gates[fold[order]]),
    )
