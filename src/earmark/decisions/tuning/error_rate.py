"""The overall error rate: classes decided together, as a segment's substitutions tie them.

sed_eval counts a segment in which one class is missed and another reported as one substitution, not as a deletion and
an insertion. With Nref, Nsys, Ntp a segment's active classes in the reference, in the estimate and in both,

    substitutions + deletions + insertions = max(Nref, Nsys) - Ntp

which does not part into classes. So the choice made class by class (an upper bound, see `aims`) is the starting
point of a coordinate ascent: one class after the other takes the threshold that makes the least errors given all
others, until none moves. Smoothing stays as chosen. (Optimising all thresholds against the metric itself is the idea
of Kong et al. 2020, arXiv:1912.04761, who use gradients; here every threshold of the grid is tried.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, IntArray
from earmark.decisions.operating_point import ClassPoint
from earmark.decisions.tuning.counting import SegmentCounter
from earmark.decisions.tuning.sweep import Method, Sweep, runs_by_threshold
from earmark.decisions.tuning.timeline import Timeline

LIMIT = 2**28  # classes x thresholds x segments, beyond which the ascent is left out for its memory
_ROUNDS = 5


class OverallErrors:
    """Errors of any choice of settings and thresholds, all classes together."""

    def __init__(self, line: Timeline, counter: SegmentCounter, swept: Sweep, method: Method) -> None:
        self._line, self._counter, self._swept, self._method = line, counter, swept, method
        self._fold = np.repeat(line.fold, counter.sizes)  # (segments,)
        self._reference = counter.truth.sum(axis=0)  # (segments,)
        self._known: dict[tuple[int, int], BoolArray] = {}
        self._lines: dict[int, Timeline] = {}

    @property
    def fits(self) -> bool:
        """Whether the ascent is small enough."""
        return self._counter.truth.size * len(self._swept.thresholds) <= LIMIT

    def rate(self, choices: IntArray) -> float:
        """Overall error rate of choices (folds, classes), each for the recordings of its fold."""
        outside = int(self._counter.outside.sum())  # missed, whatever is chosen
        wrong = outside
        for fold, choice in enumerate(choices):
            within = self._fold == fold
            active = np.stack([self._active(column, one) for column, one in enumerate(choice.tolist())])[:, within]
            hits = (active & self._counter.truth[:, within]).sum(axis=0)
            wrong += int((np.maximum(self._reference[within], active.sum(axis=0)) - hits).sum())
        return wrong / max(int(self._reference.sum()) + outside, 1)

    def improve(self, choice: IntArray, without: int | None = None) -> IntArray:
        """The ascent from a choice (classes,), on all recordings, or on those outside the fold `without`."""
        within = self._fold != without if without is not None else np.ones(len(self._fold), dtype=np.bool_)
        size, chosen = len(self._swept.thresholds), choice.copy()
        reference, truth = self._reference[within], self._counter.truth[:, within]
        found = sum(self._active(c, one)[within].astype(np.int64) for c, one in enumerate(choice.tolist()))
        for _ in range(_ROUNDS):
            before = chosen.copy()
            for column, one in enumerate(chosen.tolist()):
                options = self._options(column, one // size)[:, within]
                others = found - options[one % size]
                wrong = (np.maximum(reference, others + options) - (options & truth[column])).sum(axis=1)
                if wrong.min() < wrong[one % size]:
                    ties = np.flatnonzero(wrong == wrong.min())
                    best = int(ties[len(ties) // 2])
                    chosen[column] = one - one % size + best
                    found = others + options[best]
            if np.array_equal(chosen, before):
                break
        return chosen

    def _active(self, column: int, choice: int) -> BoolArray:
        size = len(self._swept.thresholds)
        active: BoolArray = self._options(column, choice // size)[choice % size]
        return active

    def _options(self, column: int, setting: int) -> BoolArray:
        """Active segments (thresholds, segments) of one class by one setting."""
        if (column, setting) not in self._known:
            fields: dict[str, Any] = dict(self._swept.settings[setting])
            share, gated = fields.pop("offset_share", 1.0), fields.pop("tag_gate", False)
            line = self._lines.setdefault(column, self._line.only(column))
            many = runs_by_threshold(line, [ClassPoint(**fields)], self._method, self._swept.thresholds, [share])
            rows: list[npt.NDArray[np.bool_]] = []
            for runs in many:
                kept = runs.where(line.passes[line.recording[runs.first], 0]) if gated else runs
                change = np.zeros(len(self._fold) + 1, dtype=np.int64)
                np.add.at(change, self._counter.first[kept.first], 1)
                np.add.at(change, self._counter.last[kept.last - 1], -1)
                rows.append(np.cumsum(change)[:-1] > 0)
            self._known[column, setting] = np.stack(rows)
        return self._known[column, setting]
