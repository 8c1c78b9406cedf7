from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.decisions.boxes import find_boxes


def slow_boxes(y, half, absolute, relative):
    """The three steps of the chapter for one class, in loops."""
    n = len(y)

    def mean(a, b):
        return float(np.float32(np.clip(sum(y[a:b]) / max(b - a, 1), 0, 1)))

    padded = [0.0] * half + list(y) + [0.0] * half
    d = [(sum(padded[i + half : i + 2 * half]) - sum(padded[i : i + half])) / half for i in range(n + 1)]
    stretches = []
    for i, step in enumerate(d):
        if abs(step) > 1e-9:
            if stretches and stretches[-1][0] == (step > 0):
                stretches[-1][1].append(i)
            else:
                stretches.append((step > 0, [i]))
    boxes = []
    for (up, rise), (_, fall) in pairwise(stretches):
        if up:
            top, bottom = max(d[i] for i in rise), min(d[i] for i in fall)
            first = max(i for i in rise if d[i] >= top - 1e-9)
            boxes.append((first, min(i for i in fall if d[i] <= bottom + 1e-9)))
    while True:
        depth = []
        for (a, b), (c, e) in pairwise(boxes):
            peak, gap = np.float32(max(mean(a, b), mean(c, e))), np.float32(mean(b, c))
            shallow = peak - gap <= np.float32(absolute) and peak <= np.float32(relative) * gap
            depth.append(peak - gap if shallow else np.inf)
        around = [np.inf, *depth, np.inf]
        join = [x < around[i] and x <= around[i + 2] and x < np.inf for i, x in enumerate(depth)]
        if not any(join):
            return [(a, b, mean(a, b)) for a, b in boxes]
        merged = [boxes[0]]
        for box, joins in zip(boxes[1:], join, strict=True):
            if joins:
                merged[-1] = (merged[-1][0], box[1])
            else:
                merged.append(box)
        boxes = merged


def boxes_of(curves, half, absolute=0.2, relative=2.0):
    classes = curves.shape[1]
    limits = np.full(classes, absolute, np.float32), np.full(classes, relative, np.float32)
    found = find_boxes(curves, np.broadcast_to(half, classes), *limits)
    return list(zip(*(a.tolist() for a in (found.column, found.first, found.last, found.score)), strict=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([0.0, 0.1, 0.3, 1.0]), st.sampled_from([1, 1.5, 4]))
def test_equals_the_slow_version(seed, frames, absolute, relative):
    rng = np.random.default_rng(seed)
    curves = (rng.integers(0, 9, (frames, 3)) / 8).astype(np.float32)  # few levels, exact sums: equal steps are common
    half = rng.integers(1, 6, 3)
    slow = [(c, *box) for c in range(3) for box in slow_boxes(curves[:, c].tolist(), int(half[c]), absolute, relative)]
    fast = boxes_of(curves, half, absolute, relative)
    assert [b[:3] for b in fast] == [b[:3] for b in slow]
    np.testing.assert_allclose([b[3] for b in fast], [b[3] for b in slow], atol=1e-6)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("length", [2, 8, 30])
def test_a_planted_pulse_is_boxed_exactly_however_faint_or_short(level, length):
    curve = np.zeros((80, 1), np.float32)
    curve[20 : 20 + length] = level
    assert [b[1:3] for b in boxes_of(curve, 6)] == [(20, 20 + length)]


def test_an_event_that_fills_the_recording_has_its_edges():
    assert [b[1:3] for b in boxes_of(np.full((30, 1), 0.7, np.float32), 5)] == [(0, 30)]
    assert boxes_of(np.zeros((30, 1), np.float32), 5) == []
    assert boxes_of(np.zeros((0, 1), np.float32), 5) == []


def test_a_shallow_dip_is_bridged_and_a_deep_one_parts():
    curve = np.full((60, 2), 0.8, np.float32)
    curve[25:35, 0], curve[25:35, 1] = 0.7, 0.2
    assert [b[:3] for b in boxes_of(curve, 5)] == [(0, 0, 60), (1, 0, 25), (1, 35, 60)]


def test_a_wobble_at_a_low_level_does_not_stretch_a_sure_event():
    curve = np.full((60, 1), 0.02, np.float32)
    curve[20:40] = 0.9
    curve[44:48] = 0.08
    assert (0, 20, 40) in [b[:3] for b in boxes_of(curve, 4)]
