import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.metrics.run_tree import run_tree

CURVES = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=20), min_size=1, max_size=5)


def all_runs(curve, offset):
    """Every (first, last, score at which it is born) of all thresholds."""
    found = set()
    for score in sorted(set(curve), reverse=True):
        first = None
        for frame, value in enumerate([*curve, -1]):
            if value >= score and first is None:
                first = frame
            elif value < score and first is not None:
                if min(curve[first:frame]) == score:
                    found.add((first + offset, frame + offset, score))
                first = None
    return found


@given(CURVES)
def test_the_tree_holds_every_run_of_every_threshold(curves):
    values = np.array([value for curve in curves for value in curve], dtype=np.float32)
    begins = np.array([frame == 0 for curve in curves for frame in range(len(curve))])
    tree = run_tree(values, begins)
    expected, offset = set(), 0
    for curve in curves:
        expected |= all_runs(curve, offset)
        offset += len(curve)
    nodes = list(zip(tree.first.tolist(), tree.last.tolist(), values.tolist(), strict=True))
    assert expected <= set(nodes)
    for frame, (first, last, score) in enumerate(nodes):
        assert first <= frame < last
        assert values[first:last].min() == score
        if (first, last, score) not in expected:  # never shows: its parent is born at the same score
            assert values[tree.parent[frame]] == score
        if tree.parent[frame] >= 0:
            parent = tree.parent[frame]
            assert tree.first[parent] <= first <= last <= tree.last[parent]
            assert values[parent] <= score
        else:
            assert first == 0 or begins[first]
            assert last == len(values) or begins[last]


def test_a_long_ramp_takes_no_longer_than_noise():
    ramp = np.arange(2**16, dtype=np.float32)
    begins = ramp == 0
    up, down = run_tree(ramp, begins), run_tree(ramp[::-1].copy(), begins)
    assert up.parent.tolist()[1:] == list(range(2**16 - 1))
    assert (up.last == 2**16).all()
    assert (down.first == 0).all()
