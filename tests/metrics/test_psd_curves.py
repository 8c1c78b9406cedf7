import numpy as np

from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics.psd_curves import covers_of, truth_of

LABELS = Labels(["cat", "dog", "owl"])


def test_only_classes_with_events_take_part():
    truth = truth_of({"a": [Event(0, 1, "owl"), Event(0.5, 2, "owl"), Event(3, 3, "cat")], "b": []}, LABELS)
    assert list(truth.labels) == ["owl"]
    assert (truth.events.onset.tolist(), truth.events.offset.tolist(), truth.merged) == ([0.0], [2.0], 1)
    assert truth.begin.tolist() == [0, 1, 1, 1]


def test_covers_say_how_much_of_a_class_lies_between_two_edges():
    reference = {"a": [Event(1.0, 2.0, "dog"), Event(3.0, 9.0, "dog"), Event(0.5, 1.0, "cat")], "b": []}
    truth = truth_of(reference, LABELS)
    assert list(truth.labels) == ["cat", "dog"]
    edges = np.array([0.0, 0.75, 1.5, 4.0])
    covers = covers_of(truth, [1, 0], [edges, edges])
    assert covers.row.tolist() == [[-1, -1], [0, 1]]
    shift = covers.shift + 4  # the second recording's edges come after the first's
    assert covers.seconds[shift[1] : shift[1] + 4].tolist() == [0.0, 0.0, 0.5, 2.0]
    assert covers.ended[shift[1] : shift[1] + 4].tolist() == [0, 0, 0, 1]
    assert covers.begun[shift[1] : shift[1] + 4].tolist() == [0, 0, 1, 2]
