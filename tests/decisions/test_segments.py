from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions.segments import drop_short, fill_gaps, find_runs, pad_curve, runs_to_events, whole_frames
from earmark.labels import Labels
from earmark.scores import Scores


def slow_runs(curve, onset, offset, gap, short):
    """Frame by frame, as one would say it."""
    runs, begin = [], None
    for i, value in enumerate([*curve, -1.0]):
        if value >= offset and begin is None:
            begin = i
        elif value < offset and begin is not None:
            if max(curve[begin:i]) >= onset:
                runs.append([begin, i])
            begin = None
    joined = []
    for run in runs:
        if joined and run[0] - joined[-1][1] < gap:
            joined[-1][1] = run[1]
        else:
            joined.append(run)
    return [(a, b, max(curve[a:b])) for a, b in joined if b - a >= short]


def fast_runs(frames, onset, offset, gap, short):
    runs = find_runs(pad_curve(frames), np.float32(onset), np.float32(offset))
    runs = drop_short(fill_gaps(runs, np.array(gap)), np.array(short))
    return list(zip(runs.column, runs.first, runs.last, runs.score, strict=True))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), frames=st.integers(0, 25), classes=st.integers(1, 4))
def test_all_classes_at_once_equal_one_frame_at_a_time(data, frames, classes):
    levels = np.float32(np.arange(6) / 5)
    picks = data.draw(st.lists(st.integers(0, 5), min_size=frames * classes, max_size=frames * classes))
    curve = levels[np.array(picks, dtype=int)].reshape(frames, classes)
    numbers = [data.draw(st.lists(st.integers(0, 5), min_size=classes, max_size=classes)) for _ in range(4)]
    onset, offset = levels[np.maximum(*numbers[:2])], levels[np.minimum(*numbers[:2])]
    slow = [
        (c, *run)
        for c in range(classes)
        for run in slow_runs(curve[:, c].tolist(), onset[c], offset[c], numbers[2][c], numbers[3][c])
    ]
    assert fast_runs(curve, onset, offset, *numbers[2:]) == slow


def scores_of(curve, step=Fraction(1, 25), duration=None):
    frames = np.float32(curve).reshape(len(curve), -1)
    labels = Labels([f"c{i}" for i in range(frames.shape[1])])
    duration = float(len(frames) * step) if duration is None else duration
    return Scores("a", labels, frames.max(axis=0), frames, Clock(step), duration)


def events_of(scores, threshold=0.5, pads=(0, 0)):
    limit = np.full(len(scores.labels), threshold, np.float32)
    runs = find_runs(pad_curve(scores.frames), limit, limit)
    return runs_to_events(runs, scores, *(np.full(len(scores.labels), pad, np.float32) for pad in pads))


def test_events_lie_on_the_edges_and_end_with_the_recording():
    events = events_of(scores_of([0.9, 0.9, 0, 0, 0.7], duration=0.19))
    assert [(e.onset, e.offset) for e in events] == [(0.0, 0.08), (0.16, 0.19)]
    assert events_of(scores_of([0, 0, 0.9], duration=0.08)) == []  # a frame wholly beyond the end


def test_pads_stay_inside_and_join_what_they_make_overlap():
    events = events_of(scores_of([0.9, 0, 0, 0.8, 0], Fraction(1)), pads=(1, 1))
    assert [(e.onset, e.offset, round(e.score, 3)) for e in events] == [(0, 5, 0.9)]


def test_durations_are_exact_where_floats_are_not():
    assert 0.6 - 0.4 < 0.2  # why whole frames are compared
    assert whole_frames(0.2, Fraction(1, 25)) == 5
    assert whole_frames(0.3, Fraction(1, 10)) == 3
