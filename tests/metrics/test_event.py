import math

import numpy as np
import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Collars, event, event_metrics

LABELS = Labels(["cat", "dog"])


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
    with pytest.raises(ValueError, match="onsets, their offsets or both"):
        Collars(evaluate_onset=False, evaluate_offset=False)
