"""Median filter over frames, one length a class.

Curves are (frames, classes). A window of odd length stands centred on each frame; beyond the ends the curve
is mirrored with its edge frame repeated (`c b a | a b c d | d c b`, scipy.ndimage's "reflect"), so that an
event that fills the beginning of a recording is not shortened as zeros would, and a lone first frame does not
win its own vote as a repeated edge would.

The median commutes with any rising map: thresholding the filtered curve is the same as filtering the
decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray

_BLOCK = 2**22  # values gathered at once: bounds the memory of a recording of hours to some 16 MB


def odd_frames(seconds: float, step: Fraction) -> int:
    """The odd number of frames of `step` seconds nearest to a duration, at least 1 (of two, the larger).

    >>> odd_frames(0.2, Fraction(1, 25)), odd_frames(0, Fraction(1, 25)), odd_frames(0.16, Fraction(1, 25))
    (5, 1, 5)
    """
    return 2 * int(Fraction(seconds).limit_denominator(10**9) / step // 2) + 1


def median_filter(frames: FloatArray, lengths: Sequence[int] | npt.NDArray[np.int64]) -> FloatArray:
    """Filter each column (frames, classes) with a window of its own odd length (classes,), in frames.

    `ValueError` where a length is even or below 1, or their number is not that of the classes.

    >>> median_filter(np.float32([[0], [1], [0], [1], [1]]), [3]).T.tolist()
    [[0.0, 0.0, 1.0, 1.0, 1.0]]
    """
    wanted = np.asarray(lengths, dtype=np.int64)
    if wanted.shape != frames.shape[1:]:
        raise ValueError(f"{frames.shape[1]} classes, but {wanted.size} filter lengths")
    if np.any(wanted < 1) or np.any(wanted % 2 == 0):
        raise ValueError(f"median filter lengths must be odd and at least 1, got {sorted(set(wanted.tolist()))}")
    smooth = frames.copy()
    for length in set(wanted.tolist()) - {1}:
        columns = np.flatnonzero(wanted == length)
        smooth[:, columns] = _median(frames[:, columns], length)
    return smooth


def _median(frames: FloatArray, length: int) -> FloatArray:
    count = len(frames)
    if count == 0:
        return frames
    mirrored = np.pad(frames.T, ((0, 0), (length // 2, length // 2)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, length, axis=1)  # (classes, frames, length)
    smooth = np.empty_like(frames)
    block = max(1, _BLOCK // (length * frames.shape[1]))
    for start in range(0, count, block):
        ranked = np.partition(windows[:, start : start + block], length // 2, axis=-1)
        smooth[start : start + block] = ranked[..., length // 2].T
    return smooth
