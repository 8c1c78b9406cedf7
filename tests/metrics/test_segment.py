import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_strong, read_weak
from earmark.labels import Labels
from earmark.metrics import segment_metrics
from earmark.metrics.segment import touched

LABELS = Labels(["cat", "dog"])
DOG = Labels(["dog"])
DCASE2017 = Path(__file__).parents[3] / "shared" / "data" / "dcase2017"

times = st.integers(0, 120).map(lambda step: step / 10)
events = st.builds(
    lambda onset, length, label: Event(onset, onset + length, label), times, times, st.sampled_from(["cat", "dog"])
)
recordings = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(events, max_size=5), min_size=1)


def slow(reference, estimated):
    """S, D, I and the active cells of both sides, one second after the other."""
    totals = [0, 0, 0, 0, 0]
    for name, truth in reference.items():
        for second in range(30):
            heard, found = (
                {e.label for e in side if math.floor(e.onset) <= second < math.ceil(e.offset)}
                for side in (truth, estimated.get(name, []))
            )
            tp = len(heard & found)
            row = (
                min(len(heard), len(found)) - tp,
                max(0, len(heard) - len(found)),
                max(0, len(found) - len(heard)),
                len(heard),
                len(found),
            )
            totals = [total + value for total, value in zip(totals, row, strict=True)]
    return totals


@given(recordings, recordings)
def test_fast_counts_equal_slow_and_obvious_ones(reference, estimated):
    found = segment_metrics(reference, estimated, LABELS, unknown_recordings="ignore")
    counts = [found.substitutions, found.deletions, found.insertions, found.reference, found.estimated]
    assert counts == slow(reference, estimated)


def test_an_unknown_recording_can_count_as_insertions():
    found = segment_metrics(
        {"a": [Event(0, 2, "dog")]},
        {"a": [Event(0, 2, "dog")], "b": [Event(0, 3, "dog")]},
        LABELS,
        unknown_recordings="count",
    )
    assert (found.insertions, found.per_class["dog"].insertions, found.recall) == (3, 3, 1.0)


def test_a_missing_recording_counts_as_deletions():
    found = segment_metrics({"a": [Event(0, 2, "dog")], "b": [Event(0, 3, "cat")]}, {"a": [Event(0, 2, "dog")]}, LABELS)
    assert (found.deletions, found.recall, found.precision) == (3, 0.4, 1.0)


def test_an_unknown_label_counts_as_substitution_or_insertion_when_told():
    reference = {"a": [Event(0, 2, "dog")]}
    estimated = {"a": [Event(1, 3, "wolf")]}
    found = segment_metrics(reference, estimated, LABELS, unknown_labels="count")
    assert (found.substitutions, found.deletions, found.insertions, found.estimated) == (1, 1, 1, 2)
    assert list(found.per_class) == ["cat", "dog"]
    assert segment_metrics(reference, estimated, LABELS, unknown_labels="ignore").estimated == 0


def test_an_empty_estimate_has_error_rate_one_and_no_f1():
    found = segment_metrics({"a": [Event(0, 2, "dog")]}, {}, LABELS)
    assert found.error_rate == 1.0
    assert found.recall == 0.0
    assert math.isnan(found.f1)
    assert math.isnan(found.precision)


def test_rows_of_no_length_are_not_heard():
    found = segment_metrics({"a": [Event(0, 0, "dog")]}, {"a": [Event(0, 2, "dog")]}, LABELS)
    assert (found.reference, found.insertions) == (0, 2)
    assert math.isnan(found.error_rate)


def test_what_lies_beyond_the_duration_is_not_counted():
    reference, estimated = {"a": [Event(0, 2, "dog")]}, {"a": [Event(0, 20, "dog")]}
    assert segment_metrics(reference, estimated, LABELS).insertions == 18
    assert segment_metrics(reference, estimated, LABELS, durations={"a": 9.5}).insertions == 8
    with pytest.raises(DataError, match="no duration given for 'a'"):
        segment_metrics(reference, estimated, LABELS, durations={})


@pytest.mark.parametrize(
    ("reference", "estimated", "message"),
    [
        ({"a": [Event(0, 1, "dgo")]}, {}, r"reference a: unknown label 'dgo' \(did you mean 'dog'\?\)"),
        ({"a": []}, {"a": [Event(0, 1, "dgo")]}, r"estimated a: unknown label 'dgo' \(did you mean 'dog'\?\)"),
        ({"street": []}, {"streets": []}, r"not in the reference, first 'streets' \(did you mean 'street'\?\)"),
        ({"a": [Event(2, 1, "dog")]}, {}, "reference a: event from 2 to 1 s"),
        ({"a": []}, {"a": [Event(-1, 1, "dog")]}, "estimated a: event from -1 to 1 s"),
        ({"a": [Event(math.nan, 1, "dog")]}, {}, "event from nan to 1 s"),
        ({"a": [Event(0, math.inf, "dog")]}, {}, "event from 0 to inf s"),
    ],
)
def test_what_does_not_fit_is_refused(reference, estimated, message):
    with pytest.raises(DataError, match=message):
        segment_metrics(reference, estimated, LABELS)


def test_a_segment_needs_a_length():
    with pytest.raises(ValueError, match="longer than 0 s"):
        segment_metrics({}, {}, LABELS, segment_length=0)


@pytest.mark.skipif(not DCASE2017.exists(), reason="label files of DCASE2017 task 4 are not beside the checkout")
@pytest.mark.parametrize(
    ("split", "active", "oracle", "cars"),
    [("testing", 4366, (0.8375, 0.388), (0.0805, 1.161)), ("evaluation", 9085, (0.8045, 0.486), (0.197, 1.1285))],
)
def test_anchors_on_the_real_labels_of_dcase2017(split, active, oracle, cars):
    folder = DCASE2017 / "groundtruth_release"
    truth = read_strong(folder / f"groundtruth_strong_label_{split}_set.csv")
    tags = read_weak(folder / f"groundtruth_weak_label_{split}_set.csv")
    labels = Labels(sorted({label for found in tags.values() for label in found}))
    perfect = segment_metrics(truth, truth, labels)
    assert (len(labels), perfect.reference, perfect.f1, perfect.error_rate) == (17, active, 1.0, 0.0)
    everywhere = {name: [Event(0, 10, label) for label in found] for name, found in tags.items()}
    found = segment_metrics(truth, everywhere, labels)
    assert (found.f1, found.error_rate) == pytest.approx(oracle, abs=6e-4)
    found = segment_metrics(truth, {name: [Event(0, 10, "Car")] for name in truth}, labels)
    assert (found.f1, found.error_rate) == pytest.approx(cars, abs=6e-4)


@given(st.integers(0, 30_000), st.integers(1, 200), st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.7, 1 / 3, 0.01]))
def test_a_border_belongs_to_the_segment_it_begins(first, count, length):
    """An event from border to border touches the segments between, whatever the quotients of floats say."""
    begin, end = touched(np.array([first * length]), np.array([(first + count) * length]), length)
    assert (begin[0], end[0]) == (first, first + count)
    found = segment_metrics(
        {"a": [Event(first * length, (first + count) * length, "dog")]}, {}, DOG, segment_length=length
    )
    assert found.reference == count


@pytest.mark.parametrize("late", [1e8, 1_700_000_003.0, 9e9])
def test_absurd_times_cost_nothing(late):
    """Time and memory grow with the events, not with the seconds."""
    reference = {"a": [Event(0.5, 1.25, "dog"), Event(2.0, 3.0, "cat")]}
    estimated = {"a": [Event(0.5, 1.25, "dog"), Event(2.0, late, "cat")]}
    tracemalloc.start()
    found = segment_metrics(reference, estimated, Labels(["cat", "dog"]), segment_length=0.001)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    assert (found.deletions, found.insertions) == (0, round((late - 3) * 1000))
