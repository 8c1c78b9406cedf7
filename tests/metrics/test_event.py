import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Collars, event, event_metrics

LABELS = Labels(["cat", "dog"])
DOG = Labels(["dog"])


def one(reference, estimated, **options):
    return event_metrics({"a": reference}, {"a": estimated}, LABELS, **options)


def test_onset_and_offset_must_lie_within_their_collars():
    truth = [Event(1, 2, "dog")]
    assert one(truth, [Event(1.2, 1.8, "dog")]).f1 == 1.0
    assert one(truth, [Event(1.25, 2, "dog")]).f1 == 0.0
    assert one(truth, [Event(1, 2.25, "dog")]).f1 == 0.0
    assert one(truth, [Event(1, 2.25, "dog")], collars=Collars(evaluate_offset=False)).f1 == 1.0
    assert one(truth, [Event(0.5, 2, "dog")], collars=Collars(evaluate_onset=False)).f1 == 1.0
    assert one(truth, [Event(1.25, 2, "dog")], collars=Collars(onset=0.3)).f1 == 1.0


def test_a_long_event_may_end_a_fifth_of_its_length_off():
    truth = [Event(0, 10, "dog")]
    assert one(truth, [Event(0, 8.5, "dog")]).f1 == 1.0
    assert one(truth, [Event(0, 7.5, "dog")]).f1 == 0.0
    assert one(truth, [Event(0, 8.5, "dog")], collars=Collars(offset_share=0)).f1 == 0.0


def test_each_event_is_used_once_and_the_largest_matching_is_found():
    truth = [Event(1.2, 2, "dog"), Event(1.0, 2, "dog")]
    found = [Event(1.1, 2, "dog"), Event(1.35, 2, "dog")]  # the second fits the first reference event only
    assert one(truth, found).f1 == 1.0
    assert one(truth, found, matching="greedy").f1 == 0.5
    assert one(truth, [Event(1.1, 2, "dog")] * 3).insertions == 1


def test_a_confused_class_is_a_substitution():
    found = one([Event(1, 2, "dog"), Event(5, 6, "dog")], [Event(1, 2, "cat"), Event(8, 9, "dog")])
    assert (found.substitutions, found.deletions, found.insertions, found.error_rate) == (1, 1, 1, 1.5)
    assert (found.per_class["dog"].deletions, found.per_class["cat"].insertions) == (2, 1)


def test_missing_recordings_are_deletions_and_unknown_ones_refused():
    truth = {"a": [Event(0, 1, "dog")], "b": [Event(0, 1, "cat")]}
    found = event_metrics(truth, {"a": [Event(0, 1, "dog")]}, LABELS)
    assert (found.recall, found.deletions) == (0.5, 1)
    with pytest.raises(DataError, match="not in the reference"):
        event_metrics(truth, {"c": []}, LABELS)
    assert event_metrics(truth, {"c": [Event(0, 1, "cat")]}, LABELS, unknown_recordings="count").insertions == 1


def test_an_empty_estimate_has_error_rate_one_and_no_f1():
    found = one([Event(0, 1, "dog")], [])
    assert (found.error_rate, found.recall) == (1.0, 0.0)
    assert math.isnan(found.f1)
    assert math.isnan(one([], [Event(0, 1, "dog")]).error_rate)


def test_small_blocks_of_candidates_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)

    def events():
        starts = rng.integers(0, 100, 40) / 20
        return [Event(s, s + rng.integers(1, 20) / 20, str(rng.choice(list(LABELS)))) for s in starts.tolist()]

    reference, estimated = ({name: events() for name in "abc"} for _ in range(2))
    whole = event_metrics(reference, estimated, LABELS)
    monkeypatch.setattr(event, "_PAIRS_AT_ONCE", 64)
    assert event_metrics(reference, estimated, LABELS) == whole
    assert whole.substitutions > 0


def test_impossible_collars_are_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        Collars(onset=-0.1)
    with pytest.raises(ValueError, match="onset, offset or both"):
        Collars(evaluate_onset=False, evaluate_offset=False)


@given(st.integers(0, 4000), st.integers(0, 60), st.integers(0, 3))
def test_an_onset_exactly_at_the_collar_counts(onset, collar, places):
    """As on paper, in any number of decimals: 0.9 s is 0.2 s after 0.7 s."""
    unit = 10.0**places
    one, other = onset / unit, (onset + collar) / unit
    collars = Collars(onset=collar / unit, evaluate_offset=False)
    for a, b in ((one, other), (other, one)):
        found = event_metrics({"a": [Event(a, 9e3, "dog")]}, {"a": [Event(b, 9e3, "dog")]}, DOG, collars=collars)
        assert found.f1 == 1.0
    if collar:
        less = Collars(onset=(collar - 1) / unit, evaluate_offset=False)
        missed = event_metrics({"a": [Event(one, 9e3, "dog")]}, {"a": [Event(other, 9e3, "dog")]}, DOG, collars=less)
        assert missed.f1 == 0.0


def test_an_offset_exactly_at_its_share_of_the_length_counts():
    reference = {"a": [Event(0.7, 3.0, "dog")]}  # a fifth of 2.3 s is 0.46 s
    assert event_metrics(reference, {"a": [Event(0.7, 3.46, "dog")]}, DOG).f1 == 1.0
    assert event_metrics(reference, {"a": [Event(0.7, 3.461, "dog")]}, DOG).f1 == 0.0


def test_the_mean_of_classes_counts_what_is_never_reported_as_0():
    labels = Labels(["cat", "dog", "owl", "yak"])
    reference = {"a": [Event(0.0, 1.0, "dog"), Event(2.0, 3.0, "cat"), Event(4.0, 5.0, "owl")]}
    found = event_metrics(reference, {"a": [Event(0.0, 1.0, "dog"), Event(7.0, 8.0, "cat")]}, labels)
    assert (found.macro_f1, found.classes) == (pytest.approx(1 / 3), 3)
    assert math.isnan(event_metrics({"a": []}, {"a": []}, labels).macro_f1)


@pytest.mark.parametrize("late", [1e8, 1_700_000_003.0, 9e9])
def test_absurd_times_cost_nothing(late):
    absurd = {"a": [Event(0.0, 1.0, "dog"), Event(2.0, late, "dog")]}
    assert event_metrics({"a": [Event(0.0, 1.0, "dog")]}, absurd, DOG).insertions == 1


def test_times_that_can_be_no_seconds_are_refused():
    with pytest.raises(DataError, match="expected seconds from 0 to 9e"):
        event_metrics({"a": []}, {"a": [Event(0.0, 1.7e12, "dog")]}, DOG)
