"""Sound event bounding boxes: extents from change points, one confidence each.

J. Ebbers, F. Germain, G. Wichern, J. Le Roux: "Sound Event Bounding Boxes", Interspeech 2024, arXiv
2406.04212. A threshold on a score curve decides at once whether an event is there and how long it lasts; a
low threshold smears events, a high one cuts them short. Boxes part the two: where the curve steps up and down
gives the extent, the mean of the curve within gives the confidence, and a threshold on the confidence only
picks boxes.

1. A step filter slides over the curve y; at the edge before frame i, with h = half the filter's length in
   frames:

       d[i] = (y[i] + ... + y[i+h-1]) / h  -  (y[i-h] + ... + y[i-1]) / h,     y = 0 outside the recording

2. d rises and falls in alternating positive and negative stretches. The largest step of a positive stretch is
   an onset, that of the following negative stretch its offset. (Of equal steps the inner ones: a pulse
   shorter than h gives the same d over several edges, and the one at the pulse is meant.)
3. Two neighbouring boxes are joined while the gap between them is no real dip. With p the larger of their two
   confidences and g the mean of the gap: joined if p - g <= merge_absolute and p <= merge_relative * g.
   Shallowest first: in each round every gap that is the shallowest among its neighbours; then the means are
   taken anew.

Differs from the paper in: written from its idea alone, so the exact form of the two merge tests, the handling
of equal steps and of the recording's ends, and the default lengths are ours.

Curves are (frames, classes); boxes come as `Runs`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray, IntArray
from earmark.decisions.segments import Runs

_TINY = 1e-9  # steps below are rounding of the running sums, not steps
_Sums = npt.NDArray[np.float64]


def find_boxes(frames: FloatArray, half: IntArray, merge_absolute: FloatArray, merge_relative: FloatArray) -> Runs:
    """Boxes of a curve (frames, classes); `half` the step filter's length in frames, all parameters
    (classes,).

    The score of each run is its confidence: the mean of the curve over the whole box.

    >>> curve = np.float32([[0, 0, 0.8, 0.8, 0.8, 0.1, 0.1, 0]]).T
    >>> boxes = find_boxes(curve, np.array([2]), np.float32([0.2]), np.float32([2]))
    >>> boxes.first.tolist(), boxes.last.tolist(), boxes.score.round(2).tolist()
    ([2], [5], [0.800000011920929])
    """
    sums = np.zeros((frames.shape[1], len(frames) + 1))  # sums[c, i] = y[0] + ... + y[i-1]
    np.cumsum(frames.T, axis=1, dtype=np.float64, out=sums[:, 1:])
    return merge_boxes(_candidates(step_response(sums, half), sums), sums, merge_absolute, merge_relative)


def step_response(sums: _Sums, half: IntArray) -> _Sums:
    """The step filter d (classes, frames + 1) from running sums of the same shape."""
    width = sums.shape[1]
    response = np.empty_like(sums)
    place = np.arange(width)
    for length in set(half.tolist()):
        rows = half == length
        after = sums[rows][:, np.minimum(place + length, width - 1)]
        before = sums[rows][:, np.maximum(place - length, 0)]
        response[rows] = (after + before - 2 * sums[rows]) / length
    return response


def _candidates(response: _Sums, sums: _Sums) -> Runs:
    """One box from the largest step of each rise to the largest of the fall that follows."""
    width = response.shape[1]
    flat = response.ravel()
    places = np.flatnonzero(np.abs(flat) > _TINY)
    if not len(places):
        return _boxes(places, places, places, sums)
    steps, column = flat[places], places // width
    up = steps > 0
    new = np.concatenate(([True], (up[1:] != up[:-1]) | (column[1:] != column[:-1])))
    heads = np.flatnonzero(new)
    stretch = np.cumsum(new) - 1
    largest = np.maximum.reduceat(np.abs(steps), heads)
    peak = np.flatnonzero(np.abs(steps) >= largest[stretch] - _TINY)
    owner = stretch[peak]
    turn = owner[1:] != owner[:-1]
    inner = np.where(up[heads], peak[np.append(turn, True)], peak[np.insert(turn, 0, True)])  # last up, first down
    at, rises = places[inner], up[heads]
    pair = np.flatnonzero(rises[:-1] & ~rises[1:] & (column[heads][1:] == column[heads][:-1]))
    rows = column[heads][pair]
    return _boxes(rows, at[pair] - rows * width, at[pair + 1] - rows * width, sums)


def _boxes(column: IntArray, first: IntArray, last: IntArray, sums: _Sums) -> Runs:
    mean = (sums[column, last] - sums[column, first]) / np.maximum(last - first, 1)
    return Runs(column, first, last, np.clip(mean, 0, 1).astype(np.float32))


def merge_boxes(boxes: Runs, sums: _Sums, merge_absolute: FloatArray, merge_relative: FloatArray) -> Runs:
    """Join neighbours of one class over gaps that are no real dips, shallowest first."""
    while len(boxes) > 1:
        column = boxes.column[1:]
        gap = _boxes(column, boxes.last[:-1], boxes.first[1:], sums).score
        peak = np.maximum(boxes.score[:-1], boxes.score[1:])
        shallow = (peak - gap <= merge_absolute[column]) & (peak <= merge_relative[column] * gap)
        shallow &= column == boxes.column[:-1]
        depth = np.where(shallow, peak - gap, np.inf)
        around = np.concatenate(([np.inf], depth, [np.inf]))
        join = shallow & (depth < around[:-2]) & (depth <= around[2:])
        if not join.any():
            break
        heads = np.flatnonzero(np.concatenate(([True], ~join)))
        tails = np.append(heads[1:], len(boxes)) - 1
        boxes = _boxes(boxes.column[heads], boxes.first[heads], boxes.last[tails], sums)
    return boxes
