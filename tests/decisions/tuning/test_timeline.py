"""Recordings on one line of time."""

import numpy as np
import pytest

from earmark.decisions.tuning import tune_detection
from earmark.decisions.tuning.counting import SegmentCounter
from earmark.decisions.tuning.timeline import lay_out
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import segment_metrics


@pytest.mark.parametrize("objective", ["segment-f1", "event-f1", "error-rate"])
def test_absurd_times_are_missed_and_cost_nothing(made, objective):
    """A reference of 30 years within a recording of 5 s: what it is worth is counted without walking over it."""
    references, scores = made(recordings=6, classes=2, frames=50)
    late = [[*events, Event(1e9, 1e9 + 2, "c0"), Event(4.0, 1e9, "c1")] for events in references]
    tuned = tune_detection(late, scores, objective, folds=2)
    assert set(tuned.point.classes) == {"c0", "c1"}
    line = lay_out(scores, late, np.zeros(6, dtype=np.int64), 1)
    assert SegmentCounter(line).there[0].tolist() == [
        segment_metrics({str(i): one for i, one in enumerate(late)}, {}, Labels(["c0", "c1"])).per_class[name].reference
        for name in ("c0", "c1")
    ]


def test_recordings_of_another_clock_or_other_labels_are_refused(made):
    references, scores = made(recordings=1)
    _, others = made(recordings=1, classes=2)
    with pytest.raises(ValueError, match="labels or clock differ"):
        lay_out([*scores, *others], [*references, []], np.zeros(2, dtype=np.int64), 1)
