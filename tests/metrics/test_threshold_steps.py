import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import PsdsOptions
from earmark.metrics.psd_curves import Curve, truth_of
from earmark.metrics.threshold_steps import CROSS, FALSE, TRUE, find_steps, join_steps, run_tree

LABELS = Labels(["cat", "dog", "owl"])


def random_case(rng):
    reference, curves = {}, []
    for number in range(3):
        events = []
        for _ in range(rng.integers(0, 5)):
            onset = rng.integers(0, 20) / 10
            events.append(Event(onset, onset + rng.integers(1, 12) / 10, str(rng.choice(LABELS.names))))
        reference[str(number)] = events
        frames = int(rng.integers(1, 16))
        edges = np.cumsum(np.concatenate(([0.0], rng.choice([0.1, 0.2, 0.25], frames))))
        curves.append((number, edges, rng.integers(0, 8, (frames, 3)).astype(np.float32)))
    return reference, curves


@pytest.mark.parametrize("floor", [-np.inf, 3.0])
def test_sums_of_steps_are_the_counts_at_every_threshold(slow_psds, floor):
    rng = np.random.default_rng(7)
    for _ in range(40):
        reference, curves = random_case(rng)
        truth = truth_of(reference, LABELS)
        options = PsdsOptions(*rng.choice([0.2, 0.5, 0.7, 1.0], 3))
        columns = [LABELS.index(name) for name in truth.labels]
        made = [Curve(number, edges, values[:, columns]) for number, edges, values in curves]
        low = np.full(len(columns), floor, dtype=np.float32)
        criteria = {"dtc": options.dtc, "gtc": options.gtc, "cttc": options.cttc}
        steps = find_steps(made, truth, low, **criteria)
        one_by_one = join_steps([find_steps([curve], truth, low, **criteria) for curve in made])
        assert len(one_by_one) == len(steps)
        assert (steps.score > floor).all()
        for column, label in enumerate(truth.labels):
            for number, edges, values in curves:
                events = {x: slow_psds.joined(e[:2] for e in reference[str(number)] if e.label == x) for x in LABELS}
                events = {x: events[x] for x in truth.labels}
                for score in range(8):
                    if score <= floor:
                        continue
                    reports = slow_psds.runs(values[:, LABELS.index(label)], edges, score)
                    true, false, cross = slow_psds.counts(reports, events, label, options)
                    here = (steps.column == column) & (steps.recording == number) & (steps.score >= score)
                    sums = np.bincount(steps.kind[here], steps.amount[here], minlength=CROSS + len(columns))
                    assert (sums[TRUE], sums[FALSE]) == (true, false)
                    assert [sums[CROSS + truth.labels.index(other)] for other in cross] == list(cross.values())


def test_a_rising_and_falling_curve_leaves_two_steps():
    truth = truth_of({"a": [Event(0.0, 0.1, "dog")], "b": []}, LABELS)
    values = np.float32([0.1, 0.4, 0.8, 0.9, 0.7, 0.2])[:, None]
    steps = find_steps([Curve(1, np.arange(7.0), values)], truth, np.float32([-np.inf]), dtc=0.5, gtc=0.5, cttc=0.5)
    assert (steps.score.tolist(), steps.amount.tolist()) == ([np.float32(0.9)], [1])


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
