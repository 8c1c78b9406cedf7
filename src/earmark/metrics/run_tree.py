"""Every run of frames that a falling threshold makes of a score curve, as a tree.

At score s a run is a longest stretch of frames that all score s or more. As s falls runs are born, grow and flow
together, never apart: all runs of all thresholds form a tree, in which a run's parent is the next larger
run that takes its place. Each frame stands for the run in which it is the lowest:

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

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.metrics.columns import IntArray

Values = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]


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
