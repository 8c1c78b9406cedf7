from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.decisions import smoothing
from earmark.decisions.smoothing import median_filter, odd_frames


def slow_median(curve, length):
    """One frame at a time; beyond the ends the curve is walked back and forth."""
    count, half = len(curve), length // 2
    there_and_back = [*range(count), *reversed(range(count))]
    return [
        sorted(curve[there_and_back[(i + k) % (2 * count)]] for k in range(-half, half + 1))[half] for i in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(1, 30), halves=st.lists(st.integers(0, 20), min_size=1, max_size=4), seed=st.integers(0, 999))
def test_equals_the_slow_version_for_any_length(frames, halves, seed):
    curves = np.random.default_rng(seed).random((frames, len(halves)), dtype=np.float32)
    smooth = median_filter(curves, [2 * half + 1 for half in halves])
    for c, half in enumerate(halves):
        np.testing.assert_array_equal(smooth[:, c], slow_median(curves[:, c].tolist(), 2 * half + 1))


def test_equals_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    curves = np.random.default_rng(1).random((300, 3), dtype=np.float32)
    smooth = median_filter(curves, [5, 1, 31])
    for c, length in enumerate([5, 1, 31]):
        np.testing.assert_array_equal(smooth[:, c], ndimage.median_filter(curves[:, c], length, mode="reflect"))


def test_long_recordings_are_filtered_in_blocks_with_the_same_result(monkeypatch):
    curves = np.random.default_rng(2).random((500, 2), dtype=np.float32)
    whole = median_filter(curves, [7, 7])
    monkeypatch.setattr(smoothing, "_BLOCK", 100)
    np.testing.assert_array_equal(median_filter(curves, [7, 7]), whole)


def test_a_lone_frame_goes_and_an_event_at_the_edge_stays():
    curve = np.float32([[0, 0, 1, 0, 0, 0, 0, 1, 1, 1]]).T
    assert median_filter(curve, [5])[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("seconds", "frames"), [(0, 1), (0.04, 1), (0.08, 3), (0.12, 3), (0.2, 5), (0.27, 7), (1, 25)])
def test_seconds_become_the_nearest_odd_number_of_frames(seconds, frames):
    assert odd_frames(seconds, Fraction(1, 25)) == frames


def test_impossible_lengths_are_refused():
    curve = np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match="odd"):
        median_filter(curve, [4, 1])
    with pytest.raises(ValueError, match="2 classes, but 1 filter lengths"):
        median_filter(curve, [3])
    assert median_filter(curve[:0], [3, 5]).shape == (0, 2)
