import json
import math
import runpy
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_events
from earmark.metrics.dcase2017 import task_a, task_b

REFERENCE = Path(__file__).parents[1] / "reference"
LABELS = Path(__file__).parents[3] / "shared" / "data" / "dcase2017" / "groundtruth_release"
needs_lists = pytest.mark.skipif(
    not LABELS.exists(), reason="needs ../shared/data/dcase2017, the published label files"
)
tags = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from(["Car", "Bus", "Train", "dog"]), max_size=5))


def slow_task_a(reference, estimate):
    """Label by label, crossing out: overall (tp, fp, fn) and those of each class."""
    whole, classes = [0, 0, 0], defaultdict(lambda: [0, 0, 0])
    for clip in set(reference) & set(estimate):
        left = list(reference[clip])
        for label in estimate[clip]:
            if label in left:
                left.remove(label)
                whole[0] += 1
            else:
                whole[1] += 1
            if label not in reference[clip]:
                classes[label][1] += 1
        whole[2] += len(left)
        for label in reference[clip]:
            classes[label][0 if label in estimate[clip] else 2] += 1
    return whole, dict(classes)


def counts(score):
    return [score.true_positives, score.false_positives, score.false_negatives]


@given(reference=tags, estimate=tags)
def test_task_a_equals_counting_label_by_label(reference, estimate):
    if estimate and not set(reference) & set(estimate):
        with pytest.raises(DataError, match="has no clip of the reference"):
            task_a(reference, estimate)
        return
    found = task_a(reference, estimate)
    whole, classes = slow_task_a(reference, estimate)
    assert counts(found.micro) == whole
    assert {label: counts(score) for label, score in found.per_class.items()} == classes
    if classes:
        precision = sum(tp / (tp + fp) if tp + fp else 0 for tp, fp, _ in classes.values()) / len(classes)
        assert found.macro.precision == pytest.approx(precision)


def test_a_label_given_twice_is_wrong_once_but_not_in_its_class():
    found = task_a({"a": ["Car"]}, {"a": ["Car", "Car"]})
    assert counts(found.micro) == [1, 1, 0]
    assert counts(found.per_class["Car"]) == [1, 0, 0]
    assert (found.micro.precision, found.macro.precision, found.repeated) == (0.5, 1.0, 1)


def test_clips_of_one_side_alone_do_not_count_in_task_a():
    found = task_a({"a": ["Car"], "b": ["Bus"]}, {"a": ["Car"], "x": ["Bus"], "y": []})
    assert (found.micro.f1, found.macro.f1, list(found.per_class)) == (1.0, 1.0, ["Car"])
    assert (found.files, found.scored, found.unknown, found.missing) == (3, 1, ("x", "y"), ("b",))


def test_a_class_that_only_the_estimate_knows_is_a_class_of_zeros():
    found = task_a({"a": ["Car"]}, {"a": ["Car", "dgo"]})
    assert (found.macro.precision, found.macro.recall, found.macro.f1) == (0.5, 0.5, 0.5)


def test_macro_f1_is_the_f1_of_the_means():
    found = task_a({"a": ["Car"], "b": ["Bus", "Car"]}, {"a": ["Car", "Bus"], "b": ["Car"]})
    assert [score.f1 for score in found.per_class.values()] == [1.0, 0.0]
    assert (found.macro.precision, found.macro.recall, found.macro.f1) == (0.5, 0.5, 0.5)


def test_nothing_predicted_is_nought_not_undefined():
    found = task_a({"a": ["Car"]}, {"a": []})
    assert (found.micro.precision, found.micro.recall, found.micro.f1, found.macro.f1) == (0, 0, 0, 0)


def test_task_b_fills_every_second_that_an_event_touches():
    found = task_b({"a": [Event(0.9, 2.1, "Car")]}, {"a": [Event(0.0, 1.0, "Car"), Event(4.5, 4.6, "Car")]})
    assert (found.micro.reference, found.micro.estimated, found.micro.deletions, found.micro.insertions) == (3, 2, 2, 1)
    assert found.micro.error_rate == 1.0


def test_what_is_not_audible_is_an_insertion_when_found():
    reference = {"a": [Event(0, 0, "Car")], "b": [Event(0, 1, "Bus")]}
    found = task_b(reference, {"a": [Event(0, 2, "Car")], "b": [Event(0, 1, "Bus")]})
    assert (found.micro.insertions, found.micro.error_rate) == (2, 2.0)


def test_recordings_of_one_side_alone_in_task_b():
    found = task_b({"a": [Event(0, 1, "Car")], "b": [Event(0, 3, "Car")]}, {"a": [Event(0, 1, "Car")], "x": []})
    assert (found.micro.deletions, found.missing, found.unknown, found.scored) == (3, ("b",), ("x",), 2)


def test_task_b_refuses_labels_that_the_reference_lacks():
    with pytest.raises(DataError, match=r"unknown label 'Cra' \(did you mean 'Car'\?\)"):
        task_b({"a": [Event(0, 1, "Car")]}, {"a": [Event(0, 1, "Cra")]})
    task_b({"a": [Event(0, 1, "Car")]}, {"a": [], "x": [Event(0, 1, "Cra")]})  # not compared
    with pytest.raises(DataError, match="has no clip of the reference"):
        task_b({"a": [Event(0, 1, "Car")]}, {"x": []})


def test_results_can_be_kept_as_json():
    found = task_b({"a": [Event(0, 1, "Car")]}, {"a": []}).to_json()
    assert (found["protocol"], found["micro"]["f1"], found["micro"]["error_rate"]) == ("dcase2017-b", None, 1.0)
    assert found["per_class"]["Car"]["deletions"] == 1
    assert "per_class" not in found["micro"]
    found = task_a({"a": ["Car"]}, {"a": ["Car"]}).to_json()
    assert (found["protocol"], found["micro"]["f1"], found["files"]) == ("dcase2017-a", 1.0, 1)
    json.dumps(found, allow_nan=False)


def same(ours, theirs):
    expected = [math.nan if value is None else value for value in theirs]
    assert list(ours) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def four(row):
    return row.f1, row.precision, row.recall, row.error_rate


@pytest.fixture(scope="module")
def published():
    return {
        part: read_events(LABELS / f"groundtruth_strong_label_{part}_set.csv") for part in ("testing", "evaluation")
    }


@needs_lists
@pytest.mark.parametrize(
    "case",
    json.loads((REFERENCE / "dcase2017.json").read_text()),
    ids=lambda case: f"{case['part']}-{case['kind']}",
)
def test_task_b_gives_the_numbers_of_sed_eval_on_the_published_labels(case, published):
    make = runpy.run_path(str(REFERENCE / "dcase2017_estimates.py"))["estimate"]
    reference = published[case["part"]]
    estimate = make({clip: [event[:3] for event in found] for clip, found in reference.items()}, *_which(case))
    found = task_b(reference, {clip: [Event(*event) for event in events] for clip, events in estimate.items()})
    micro = found.micro
    tp = micro.reference - micro.deletions - micro.substitutions
    errors = micro.substitutions, micro.deletions, micro.insertions
    same([tp, *four(micro), *errors], case["overall"])
    same(four(found.macro), case["macro"])
    assert micro.per_class.keys() == case["classes"].keys()
    for label, row in micro.per_class.items():
        same(four(row), case["classes"][label])


def _which(case):
    return case["kind"], case["seed"]


@needs_lists
@pytest.mark.parametrize(
    ("part", "active", "oracle", "cars"),
    [("testing", 4366, (0.8375, 0.388), (0.0805, 1.161)), ("evaluation", 9085, (0.8045, 0.486), (0.197, 1.1285))],
)
def test_anchors_of_task_b(part, active, oracle, cars, published):
    truth = published[part]
    perfect = task_b(truth, truth).micro
    assert (perfect.reference, perfect.f1, perfect.error_rate) == (active, 1.0, 0.0)
    whole = {name: [Event(0, 10, label) for label in {e.label for e in found}] for name, found in truth.items()}
    found = task_b(truth, whole).micro
    assert (found.f1, found.error_rate) == pytest.approx(oracle, abs=6e-4)
    found = task_b(truth, {name: [Event(0, 10, "Car")] for name in truth}).micro
    assert (found.f1, found.error_rate) == pytest.approx(cars, abs=6e-4)
    silent = task_b(truth, {name: [] for name in truth}).micro
    assert silent.error_rate == 1.0
    assert math.isnan(silent.f1)
