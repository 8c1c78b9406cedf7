"""Precision from a few verdicts: true where all are judged, fair where few are, honest about how sure it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.decisions.verdicts import curve, precision, spread, threshold_for, trust, wilson

SCORES = st.lists(st.tuples(st.floats(0, 1, width=32), st.sampled_from([True, False, None])), max_size=80)


@given(st.integers(0, 400))
def test_the_order_holds_every_rank_once(count):
    assert sorted(spread(count)) == list(range(count))


@given(st.integers(40, 400), st.integers(8, 40))
def test_wherever_one_stops_the_ranks_lie_evenly(count, some):
    ranks = sorted(spread(count)[:some])
    gaps = np.diff(ranks)
    assert ranks[0] == 0
    assert ranks[-1] == count - 1
    assert gaps.max() <= 2 * (count - 1) / (some - 1) + 2


@given(SCORES, st.floats(0, 1))
def test_the_interval_holds_the_value_and_counts_add_up(events, threshold):
    scores, said = [score for score, _ in events], [verdict for _, verdict in events]
    found = precision(scores, said, threshold)
    assert found.right <= found.judged <= found.events == sum(score >= threshold for score in scores)
    if found.judged:
        assert 0 <= found.low <= found.value + 1e-9
        assert found.value <= found.high + 1e-9 <= 1 + 2e-9
    else:
        assert found.value is None


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=80))
def test_where_all_are_judged_it_is_the_share_of_right_ones(events):
    scores, said = zip(*events, strict=True)
    found = precision(scores, said)
    assert found.value == pytest.approx(sum(said) / len(said))
    assert (found.low, found.high) == pytest.approx(wilson(sum(said) / len(said), len(said)))


def test_judging_the_best_ones_first_does_not_flatter():
    """Events are right exactly above 0.5; 200 of 1000 are judged, most of them high ones."""
    random = np.random.default_rng(0)
    scores = np.sort(random.random(1000)).tolist()
    truth = [score > 0.5 for score in scores]
    judged = {*range(850, 1000), *random.choice(850, 50, replace=False).tolist()}
    said = [right if place in judged else None for place, right in enumerate(truth)]
    naive = np.mean([truth[place] for place in judged])
    found = precision(scores, said)
    assert naive > 0.8
    assert found.value == pytest.approx(np.mean(truth), abs=0.06)
    assert found.low < np.mean(truth) < found.high


def test_the_interval_covers_as_often_as_it_says():
    """Of 300 reviews of 40 events in the balanced order, about 95 % cover the precision of all 500."""
    random = np.random.default_rng(1)
    scores = np.sort(random.random(500))
    order = spread(500)[:40]
    covered = 0
    for _ in range(300):
        truth = random.random(500) < 0.3 + 0.6 * scores
        said = [None] * 500
        for place in order:
            said[place] = bool(truth[place])
        found = precision(scores.tolist(), said)
        covered += found.low <= truth.mean() <= found.high
    assert covered / 300 > 0.92


def test_the_threshold_reaches_the_precision_and_keeps_it():
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    said = [False, False, True, False, True, True, True, True, True]
    found = threshold_for(scores, said, 0.9)
    assert (found.threshold, found.value, found.events) == (0.5, 1.0, 5)
    assert threshold_for(scores, said, 0.8).threshold == 0.3  # 6 of 7
    assert threshold_for([0.9, 0.8], [False, True], 0.9) is None  # the best one is wrong
    assert threshold_for([0.9], [None]) is None


@given(SCORES)
def test_the_curve_rises_in_threshold_and_falls_in_events(events):
    points = curve([score for score, _ in events], [verdict for _, verdict in events])
    assert all(one.threshold < other.threshold for one, other in itertools.pairwise(points))
    assert all(one.events >= other.events for one, other in itertools.pairwise(points))
    assert all(point.judged for point in points)


def test_trust_bins_hold_all_judged_events_and_the_map_rises_with_them():
    scores = np.linspace(0, 1, 200)
    said = [bool(score > 0.6) if place % 2 else None for place, score in enumerate(scores)]
    bins, platt = trust(scores.tolist(), said)
    assert sum(each.judged for each in bins) == 100
    assert bins[0].share == 0
    assert bins[-1].share == 1
    assert platt is not None
    assert platt.apply(np.float32([0.9]))[0] > 0.9 > 0.1 > platt.apply(np.float32([0.3]))[0]
    assert trust([0.5], [True])[1] is None
    assert trust([], []) == ([], None)
