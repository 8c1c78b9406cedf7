"""Counts of all settings are those of deciding and counting one by one."""

from itertools import permutations

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, decide
from earmark.decisions.tuning.counting import EventCounter, SegmentCounter
from earmark.decisions.tuning.sweep import BoxGrid, FixedGrid, ThresholdGrid, method_of, sweep
from earmark.decisions.tuning.timeline import lay_out
from earmark.events import Event


def slow_segments(reference, estimate, label, length=1.0):
    def active(events):
        return {
            k
            for event in events
            if event.label == label
            for k in range(int(np.floor(event.onset / length)), int(np.ceil(event.offset / length)))
        }

    there, found = active(reference), active(estimate)
    return [len(there & found), len(found - there), len(there - found)]


def slow_events(reference, estimate, label, collar=0.2):
    there = [e for e in reference if e.label == label]
    found = [e for e in estimate if e.label == label]

    def fits(r, e):
        reach = max(collar, 0.2 * (r.offset - r.onset))
        return round(abs(r.onset - e.onset), 6) <= collar and round(abs(r.offset - e.offset), 6) <= round(reach, 6)

    small, large = sorted((there, found), key=len)
    swap = small is found
    hits = max(
        sum(fits(*((b, a) if swap else (a, b))) for a, b in zip(small, order, strict=True))
        for order in permutations(large, len(small))
    )
    return [hits, len(found) - hits, len(there) - hits]


PADS = (0.0, 0.1, 0.7)
GRIDS = {
    "threshold": ThresholdGrid((0.2, 0.5, 0.8), (0.0, 0.3), (0.0, 0.4), (0.0, 0.3), (1.0, 0.6), pad_offset=PADS),
    "boxes": BoxGrid((0.2, 0.5, 0.8), (0.6, 1.0), (0.1, 0.3), (1.5, 3.0), (0.0, 0.3), pad_offset=PADS),
}
GATES = np.float32([[0.6, 0.7, 0.8], [0.5, 0.6, 0.95], [0.7, 0.9, 0.8], [0.5, 0.5, 0.5]])  # (folds, classes)
LABELS = ("c0", "c1", "c2")


def recordings(made):
    references, scores = made(recordings=6, classes=3, frames=47, noise=1.2)
    references[2] = []
    references[3].append(Event(4.0, 6.2, "c1"))  # beyond the recording's end, and overlapping
    return references, scores, np.array([1, 0, 2, 0, 1, 2])  # of four folds one is empty


def counted_one_by_one(references, scores, fold, slow, method, parts):
    """Counts (folds, classes, 3) of deciding each recording, gated by the thresholds of its fold."""
    expected = np.zeros((4, 3, 3))
    for reference, each, k in zip(references, scores, fold, strict=True):
        classes = {
            name: part.model_copy(update={"tag_threshold": float(gate)})
            for name, part, gate in zip(LABELS, parts, GATES[k], strict=True)
        }
        events = decide(each, OperatingPoint(method=method, classes=classes)).events
        expected[k] += [slow(reference, events, label) for label in LABELS]
    return expected


@pytest.mark.parametrize("method", GRIDS)
@pytest.mark.parametrize(("counter", "slow"), [(SegmentCounter, slow_segments), (EventCounter, slow_events)])
def test_the_sweep_counts_what_deciding_and_counting_one_by_one_does(made, method, counter, slow):
    references, scores, fold = recordings(made)
    line, grid = lay_out(scores, references, fold, 4, GATES), GRIDS[method]
    swept = sweep(line, counter(line), grid)
    for choice in range(len(swept.settings) * len(grid.thresholds)):
        part = ClassPoint(**swept.fields(choice))
        expected = counted_one_by_one(references, scores, fold, slow, method, [part] * 3)
        setting, threshold = divmod(choice, len(grid.thresholds))
        np.testing.assert_array_equal(swept.counts[:, :, setting, threshold], expected, err_msg=str(part))


@pytest.mark.parametrize("method", GRIDS)
def test_thresholds_alone_keep_each_class_s_settings(made, method):
    references, scores, fold = recordings(made)
    line = lay_out(scores, references, fold, 4, GATES)
    parts = [
        ClassPoint(median_seconds=0.3, min_duration_on=0.3, step_seconds=0.4),
        ClassPoint(min_duration_off=0.4),
        ClassPoint(step_seconds=0.8, merge_absolute=0.4, merge_relative=3),
    ]
    point = OperatingPoint(method=method, classes=dict(zip(LABELS, parts, strict=True)))
    swept = sweep(line, SegmentCounter(line), FixedGrid(point, (0.3, 0.6)))
    assert method_of(FixedGrid(point)) == method
    for choice in range(4):
        changed = [part.model_copy(update=swept.fields(choice)) for part in parts]
        expected = counted_one_by_one(references, scores, fold, slow_segments, method, changed)
        np.testing.assert_array_equal(swept.counts[:, :, choice // 2, choice % 2], expected)
