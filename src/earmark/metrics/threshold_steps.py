"""What a falling threshold changes: true positives, false positives and cross triggers as sparse steps.

A threshold t turns scores into events: runs of frames with score > t. Counts only change where t falls below a
score that occurs, so for each class a list of (score, change) says everything about all thresholds, and the
lists of many recordings are simply joined. Ebbers, Serizel, Haeb-Umbach 2022, "Threshold-Independent Evaluation
of Sound Event Detection Scores", ICASSP, arXiv:2201.13148. Here the changes come from the tree of runs
(`run_tree`, below) instead of a table thresholds x runs: what a run counts is added at its own score and taken away at
its parent's,

    change at frame i = count(run of i) - sum of count(children of i)

for false positives (runs that fail the DTC) and for cross triggers; long stretches in which a run only grows
change nothing and leave no step. An event is found while the sum of its intersections with relevant runs is
large enough (GTC): the same differences, in seconds, are summed from the highest score down and compared.

`floor` (columns,) cuts what cannot matter: frames at or below it are never looked at. How it is chosen: `psds`.

The tree. At score s a run is a longest stretch of frames that all score s or more. As s falls runs are born, grow and
flow together, never apart: all runs of all thresholds form a tree, in which a run's parent is the next larger run that
takes its place. Each frame stands for the run in which it is the lowest:

    score 9 |  #       frame 1: its run is 1..1, its parent frame 0
          7 | ##       frame 0: 0..1, parent frame 2
          6 | ## #     frame 3: 3..3, parent frame 2
          3 | ####     frame 2: 0..3, a root
            +------> frame

so a curve has as many runs as frames, however many thresholds there are. Among frames of one score the leftmost
counts as the lowest: the others stand for runs that never show. They do no harm as long as changes at one
score are summed before they are read, for what a run that never shows brings in, its parent takes out at the
same score.

The run of frame i reaches from the nearest lower frame on its left to the nearest lower one on its right. Both are
found for all frames at once by doubling: with the minima of all windows of 2^k frames at hand, walk off from
i by the largest power of two that meets nothing lower, then the next smaller one, and so on; n log n
steps in a handful of array operations, whatever the curve looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.metrics.intersection import reaches
from earmark.metrics.psd_curves import Covers, Curve, Truth, Values, covers_of

NarrowArray = npt.NDArray[np.int32]

TRUE, FALSE, CROSS = 0, 1, 2  # kinds of steps; a cross trigger with column o is of kind CROSS + o
_FRAMES_AT_ONCE = 2**18  # bounds memory and stays near the processor: curves are independent of each other


@dataclass(frozen=True, eq=False)
class Steps:
    """Changes of counts as the threshold falls below `score`; five arrays (steps,)."""

    column: NarrowArray
    score: Values
    kind: NarrowArray
    amount: NarrowArray
    recording: NarrowArray

    def __len__(self) -> int:
        return len(self.column)

    def where(self, keep: BoolArray | IntArray) -> Steps:
        """The steps that a mask or an index picks."""
        return Steps(*(getattr(self, field.name)[keep] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class _Frames:
    """Frames above the floor of many curves laid end to end; arrays (frames,)."""

    value: Values
    column: IntArray
    slot: IntArray  # number of the curve in the batch
    edge: IntArray  # the edge at which the frame begins, counted through all curves
    begins: BoolArray  # where a stretch of neighbouring frames begins

    def blocks(self) -> Iterator[_Frames]:
        """Blocks of whole stretches."""
        heads = np.flatnonzero(self.begins)
        cuts = [*heads[np.flatnonzero(np.diff(heads // _FRAMES_AT_ONCE, prepend=-1))].tolist(), len(self.value)]
        for first, last in pairwise(cuts):
            yield _Frames(*(getattr(self, field.name)[first:last] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class _Gains:
    """Seconds of reference events gained by relevant runs as the threshold falls below `score`."""

    event: IntArray
    score: Values
    seconds: DoubleArray


def no_steps(dtype: np.dtype[Any]) -> Steps:
    """None, with scores of this type."""
    return Steps(*(np.zeros(0, dtype=dtype if field.name == "score" else np.int32) for field in fields(Steps)))


def join_steps(parts: Sequence[Steps]) -> Steps:
    """All steps in one."""
    return Steps(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Steps)))


def find_steps(
    curves: Sequence[Curve], truth: Truth, floor: Values, *, dtc: float, gtc: float, cttc: float | None
) -> Steps:
    """Every step of these curves above the floor (columns,); without `cttc` no cross triggers."""
    covers = covers_of(truth, [curve.recording for curve in curves], [curve.edges for curve in curves])
    edges = np.concatenate([curve.edges for curve in curves])
    recordings = np.array([curve.recording for curve in curves])
    frames = _frames_above(curves, floor)
    steps, gains = list[Steps](), list[_Gains]()
    for block in frames.blocks() if len(frames.value) else ():
        tree = run_tree(block.value, block.begins)
        first, last = block.edge[tree.first], block.edge[tree.last - 1] + 1
        length = edges[last] - edges[first]
        row = covers.row[block.slot, block.column]
        here = np.flatnonzero(row >= 0)
        relevant = np.zeros(len(row), dtype=np.bool_)
        relevant[here] = reaches(_covered(covers, row[here], first[here], last[here]), dtc, length[here])
        steps.append(_steps_of(~relevant, tree, block, recordings, np.full(len(row), FALSE)))
        if cttc is not None:
            for hits, other in _cross_triggers(
                covers, block, first=first, last=last, length=length, false=~relevant, cttc=cttc
            ):
                steps.append(_steps_of(hits, tree, block, recordings, other + CROSS))
        met = np.flatnonzero(relevant)
        gains += _gains_of(
            truth, covers, block, parent=tree.parent, met=met, row=row[met], span=(first[met], last[met]), edges=edges
        )
    steps.append(_true_steps(gains, truth, gtc, floor.dtype))
    return join_steps(steps)


def _frames_above(curves: Sequence[Curve], floor: Values) -> _Frames:
    parts, first_edge, before = [], 0, 0
    for slot, curve in enumerate(curves):
        columns = np.flatnonzero(curve.values.max(axis=0, initial=-np.inf) > floor)
        picked = np.ascontiguousarray(curve.values.T[columns])
        row, frame = np.nonzero(picked > floor[columns, None])
        place = before + row * (len(curve.edges) + 1) + frame  # neighbours differ by 1, and only they
        before = before + (len(columns) + 1) * (len(curve.edges) + 1)
        parts.append((picked[row, frame], columns[row], np.full(len(row), slot), frame + first_edge, place))
        first_edge += len(curve.edges)
    value, column, slots, edge, places = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Frames(value, column, slots, edge, np.diff(places, prepend=-2) != 1)


def _covered(covers: Covers, row: IntArray, first: IntArray, last: IntArray) -> DoubleArray:
    """Seconds of a row's events between two edges."""
    shift = covers.shift[row]
    return np.asarray(covers.seconds[shift + last] - covers.seconds[shift + first])


def _steps_of(counts: BoolArray, tree: RunTree, block: _Frames, recordings: IntArray, kind: IntArray) -> Steps:
    """Steps of what is counted for each run."""
    held = tree.parent[counts & (tree.parent >= 0)]
    amount = counts - np.bincount(held, minlength=len(counts))
    at = np.flatnonzero(amount)
    return _narrow_steps(block.column[at], block.value[at], kind[at], amount[at], recordings[block.slot[at]])


def _cross_triggers(
    covers: Covers,
    block: _Frames,
    *,
    first: IntArray,
    last: IntArray,
    length: DoubleArray,
    false: BoolArray,
    cttc: float,
) -> Iterator[tuple[BoolArray, IntArray]]:
    """Which runs trigger on the first class present in their recording, on the second, and so on; and the class."""
    row, end = covers.begin[block.slot], covers.begin[block.slot + 1]
    for _ in range(int((end - row).max(initial=0))):
        other = covers.column[np.minimum(row, len(covers.column) - 1)]
        at = np.flatnonzero(false & (row < end) & (other != block.column))
        hits = np.zeros(len(row), dtype=np.bool_)
        hits[at] = reaches(_covered(covers, row[at], first[at], last[at]), cttc, length[at])
        yield hits, other
        row = row + 1


def _gains_of(
    truth: Truth,
    covers: Covers,
    block: _Frames,
    *,
    parent: IntArray,
    met: IntArray,
    row: IntArray,
    span: tuple[IntArray, IntArray],
    edges: DoubleArray,
) -> Iterator[_Gains]:
    """What the relevant runs (frames `met`, from edge to edge `span`) add to the events they meet, and take away again.

    A run adds its intersection at its own score; where its parent takes its place it is taken away.
    """
    first = covers.ended[covers.shift[row] + span[0]]
    count = np.maximum(covers.begun[covers.shift[row] + span[1]] - first, 0)
    first += covers.first_event[row]
    cuts = np.flatnonzero(np.diff(np.cumsum(count) // _FRAMES_AT_ONCE, prepend=-1))
    for begin, end in pairwise([*cuts.tolist(), len(count)]):
        n = count[begin:end]
        run = np.repeat(np.arange(begin, end), n)
        event = np.repeat(first[begin:end] - np.cumsum(n) + n, n) + np.arange(len(run))
        shared = np.minimum(edges[span[1][run]], truth.events.offset[event])
        shared -= np.maximum(edges[span[0][run]], truth.events.onset[event])
        above = parent[met[run]]
        ends = above >= 0
        yield _sum_gains(
            np.concatenate((event, event[ends])),
            np.concatenate((block.value[met[run]], block.value[above[ends]])),
            np.concatenate((shared, -shared[ends])),
        )


def _sum_gains(event: IntArray, score: Values, seconds: DoubleArray) -> _Gains:
    """By event, then from the highest score down; those of one event and score in one."""
    order = np.lexsort((-score, event))
    event, score, seconds = event[order], score[order], seconds[order]
    fresh = np.append(True, (event[1:] != event[:-1]) | (score[1:] != score[:-1]))[: len(event)]
    heads = np.flatnonzero(fresh)
    if not len(heads):
        return _Gains(event, score, seconds)
    total = np.add.reduceat(seconds, heads)
    kept = total != 0
    return _Gains(event[heads][kept], score[heads][kept], total[kept])


def _true_steps(gains: list[_Gains], truth: Truth, gtc: float, dtype: np.dtype[Any]) -> Steps:
    """Where an event becomes found, or is lost again (a run that grows beyond the DTC takes its part back)."""
    none = _Gains(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=dtype), np.zeros(0))
    parts = [none, *gains]
    joined = _sum_gains(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Gains)))
    event, score, total = joined.event, joined.score, np.cumsum(joined.seconds)
    fresh = np.diff(event, prepend=-1) != 0
    heads = np.flatnonzero(fresh)
    base = np.append(0.0, total)[heads]  # the sum at the end of the event before
    covered = total - np.repeat(base, np.diff(heads, append=len(event)))
    found = reaches(covered, gtc, truth.seconds[event])
    before = np.append(False, found)[: len(found)] & ~fresh
    at = np.flatnonzero(found != before)
    owner = event[at]
    amount = np.where(found[at], 1, -1)
    return _narrow_steps(
        truth.events.label[owner], score[at], np.full(len(at), TRUE), amount, truth.events.recording[owner]
    )


def _narrow_steps(column: IntArray, score: Values, kind: IntArray, amount: IntArray, recording: IntArray) -> Steps:
    narrow = [part.astype(np.int32) for part in (column, kind, amount, recording)]
    return Steps(narrow[0], score, *narrow[1:])


@dataclass(frozen=True, eq=False)
class RunTree:
    """The run each frame stands for; three arrays (frames,)."""

    first: IntArray  # first frame of the run
    last: IntArray  # one past its last frame
    parent: IntArray  # frame that stands for the parent run; -1 for a root


def run_tree(values: Values, begins: BoolArray) -> RunTree:
    """The tree of curves laid end to end; `values` (frames,), finite, `begins` (frames,) True where a curve begins.

    >>> tree = run_tree(np.array([7.0, 9, 3, 6]), np.array([True, False, False, False]))
    >>> tree.first.tolist(), tree.last.tolist(), tree.parent.tolist()
    ([0, 1, 0, 3], [2, 2, 4, 4], [2, 0, -1, 2])
    """
    curve = np.cumsum(begins)
    place = np.arange(len(values)) + curve  # a floor before each curve and one at the end
    padded = np.full(len(values) + int(begins.sum()) + 1, -np.inf, dtype=values.dtype)
    padded[place] = values
    minima = _window_minima(padded, _longest(begins))
    left, right = _nearest_lower(minima, place, values)
    parent = np.where(padded[right] >= padded[left], right, left)  # of two equal frames the right one is the higher
    root = np.isneginf(padded[parent])
    return RunTree(left + 1 - curve, right - curve, np.where(root, -1, parent - curve))


def _longest(begins: BoolArray) -> int:
    heads = np.flatnonzero(begins)
    return int(np.diff(heads, append=len(begins)).max(initial=1))


def _window_minima(padded: Values, longest: int) -> list[Values]:
    """minima[k][i] = min(padded[i : i + 2^k]), for all powers up to the longest curve."""
    minima = [padded]
    while 2 ** len(minima) <= longest:
        half = len(minima[-1]) - 2 ** (len(minima) - 1)
        minima.append(np.minimum(minima[-1][:half], minima[-1][-half:]))
    return minima


def _nearest_lower(minima: list[Values], place: IntArray, values: Values) -> tuple[IntArray, IntArray]:
    """The nearest frame on the left scoring as much or less, the nearest on the right scoring less.

    Floors end every walk: a window pushed back inside the array at either end holds one.
    """
    left, right = place.copy(), place + 1  # padded[left:i] is higher than i, padded[i:right] not lower
    for power in range(len(minima) - 1, -1, -1):
        window, step = minima[power], 2**power
        left -= step * (window[np.maximum(left - step, 0)] > values)
        right += step * (window[np.minimum(right, len(window) - 1)] >= values)
    return left - 1, right
