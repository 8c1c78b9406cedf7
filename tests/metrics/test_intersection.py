import math
import random

import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Criteria, intersection_metrics

LABELS = Labels(["cat", "dog", "owl"])


def random_events(rng, labels):
    found = []
    for _ in range(rng.randint(0, 5)):
        onset = rng.randint(0, 40) / 10
        found.append(Event(onset, onset + rng.randint(0, 20) / 10, rng.choice(labels)))
    return found


def test_counts_equal_the_slow_and_obvious_ones(slow_psds):
    rng = random.Random(4)
    for _ in range(300):
        reference = {str(n): random_events(rng, LABELS.names) for n in range(rng.randint(1, 3))}
        estimated = {name: random_events(rng, LABELS.names) for name in reference}
        criteria = Criteria(rng.choice([0.3, 0.5, 1.0]), rng.choice([0.3, 0.5, 1.0]), rng.choice([0.1, 0.5]))
        found = intersection_metrics(reference, estimated, LABELS, criteria=criteria)
        for label in LABELS:
            true = false = cross = 0
            for name in reference:
                truth = {x: slow_psds.joined(e[:2] for e in reference[name] if e.label == x) for x in LABELS}
                reports = slow_psds.joined(e[:2] for e in estimated[name] if e.label == label)
                parts = slow_psds.counts(reports, truth, label, criteria)
                true, false, cross = true + parts[0], false + parts[1], cross + sum(parts[2].values())
            ours = found.per_class[label]
            assert (ours.reference - ours.deletions, ours.insertions, ours.cross_triggers) == (true, false, cross)


def test_planted_events_are_judged_by_how_much_they_overlap():
    reference = {"a": [Event(0, 4, "dog"), Event(6, 8, "cat")]}
    half = {"a": [Event(2, 6, "dog")]}  # half of it right, half of the event found: a tie counts
    found = intersection_metrics(reference, half, LABELS, criteria=Criteria(0.5, 0.5, 0.5))
    assert found.per_class["dog"].f1 == 1.0
    more = intersection_metrics(reference, half, LABELS, criteria=Criteria(0.5, 0.51, 0.5))
    assert (more.per_class["dog"].deletions, more.per_class["dog"].insertions) == (1, 0)  # neither TP nor FP
    crossed = intersection_metrics(reference, {"a": [Event(6, 8, "dog")]}, LABELS)
    assert (crossed.insertions, crossed.cross_triggers) == (1, 1)
    assert crossed.error_rate == (2 + 1) / 2


def test_pieces_of_a_report_add_up():
    reference = {"a": [Event(0, 4, "dog")]}
    pieces = {"a": [Event(0, 1, "dog"), Event(2, 3, "dog")]}
    assert intersection_metrics(reference, pieces, LABELS).per_class["dog"].f1 == pytest.approx(2 / 2)


def test_edges():
    reference = {"a": [Event(0, 2, "dog"), Event(1, 3, "dog"), Event(5, 5, "cat")], "b": []}
    found = intersection_metrics(reference, {}, LABELS)
    assert (found.merged, found.reference, found.estimated) == (1, 1, 0)
    assert found.per_class["dog"].f1 == found.macro_f1 == found.micro_f1 == 0.0  # there, never reported
    assert math.isnan(found.precision)
    assert math.isnan(found.per_class["cat"].f1)  # its only event has no length
    nothing = intersection_metrics({"a": []}, {"a": [Event(0, 1, "dog")]}, LABELS)
    assert nothing.insertions == 1
    assert math.isnan(nothing.macro_f1)
    assert math.isnan(nothing.micro_f1)
    assert intersection_metrics({}, {}, Labels([])).reference == 0
    with pytest.raises(DataError, match=r"unknown label 'dgo' \(did you mean 'dog'"):
        intersection_metrics(reference, {"a": [Event(0, 1, "dgo")]}, LABELS)
    counted = intersection_metrics(reference, {"a": [Event(0, 1, "fox")]}, LABELS, unknown_labels="count")
    assert counted.insertions == 1
    assert list(counted.per_class) == list(LABELS)
    with pytest.raises(ValueError, match="shares above 0"):
        Criteria(dtc=0)
