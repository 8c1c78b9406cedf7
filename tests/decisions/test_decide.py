import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.decisions import ClassPoint, OperatingPoint, decide, decide_all, score_curve
from earmark.decisions.calibration import Platt
from earmark.errors import ConfigError
from earmark.labels import Labels
from earmark.scores import Scores

LABELS = Labels(["siren", "dog"])


def scores_of(siren, dog, clip=(0.9, 0.4)):
    frames = np.float32([siren, dog]).T
    return Scores("a.wav", LABELS, np.float32(clip), frames, Clock(Fraction(1, 10)), len(frames) / 10)


def test_tags_best_first_and_events_by_onset():
    scores = scores_of([0, 0, 0.9, 0.9], [0.6, 0.6, 0, 0], clip=(0.7, 0.9))
    decision = decide(scores, OperatingPoint.plain(LABELS))
    assert [label for label, _ in decision.tags] == ["dog", "siren"]
    assert [(e.label, e.onset, e.offset) for e in decision.events] == [("dog", 0, 0.2), ("siren", 0.2, 0.4)]
    assert decision.recording == "a.wav"


def test_a_score_equal_to_its_threshold_passes():
    scores = scores_of([0.9, 0], [0, 0], clip=(0.9, 0.1))
    decision = decide(scores, OperatingPoint.plain(LABELS).with_threshold(0.9))
    assert [label for label, _ in decision.tags] == ["siren"]
    assert len(decision.events) == 1


@pytest.mark.parametrize(
    ("gate", "labels"), [(False, {"siren", "dog"}), (True, {"siren"}), (0.95, set()), (0.3, {"siren", "dog"})]
)
def test_a_gate_silences_events_of_clips_without_the_tag(gate, labels):
    point = OperatingPoint(classes={label: ClassPoint(tag_gate=gate) for label in LABELS})
    events = decide(scores_of([0.8, 0], [0.8, 0]), point).events
    assert {event.label for event in events} == labels


def test_the_clip_score_weighs_events_where_told():
    parts = {"siren": ClassPoint(tag_weight=True, onset=0.7, offset=0.7), "dog": ClassPoint(onset=0.7, offset=0.7)}
    events = decide(scores_of([0, 0.8, 0], [0, 0, 0.8], clip=(0.9, 0.4)), OperatingPoint(classes=parts)).events
    assert [(e.label, e.onset, e.score) for e in events] == [
        ("siren", 0.1, pytest.approx(0.72)),
        ("dog", 0.2, pytest.approx(0.8)),
    ]
    doubtful = decide(scores_of([0, 0.8, 0], [0, 0, 0], clip=(0.8, 0.4)), OperatingPoint(classes=parts)).events
    assert not doubtful


@pytest.mark.parametrize("method", ["threshold", "boxes"])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.45])
def test_the_curve_of_a_point_is_what_its_thresholds_meet(method, threshold):
    """Runs of the curve at or above a threshold are the point's events; boxes that touch are one run there."""
    rng = np.random.default_rng(1)
    scores = scores_of(rng.random(300) ** 2, rng.random(300), clip=(0.9, 0.8))
    parts = {
        "siren": ClassPoint(median_seconds=0.5, tag_weight=True, merge_absolute=0.1, tag_gate=True),
        "dog": ClassPoint(step_seconds=0.8, frame_calibration=Platt(slope=2, intercept=0)),
    }
    point = OperatingPoint(method=method, classes=parts)
    curve = score_curve(scores, point)
    assert curve.frames.shape == scores.frames.shape
    for column, label in enumerate(LABELS):
        covered = np.zeros(300, dtype=bool)
        for event in decide(scores, point.with_threshold(threshold)).events:
            if event.label == label:
                covered[round(event.onset * 10) : round(event.offset * 10)] = True
        assert covered.any()
        np.testing.assert_array_equal(curve.frames[:, column] >= np.float32(threshold), covered)


def test_smoothing_of_each_class_is_its_own():
    curve = [0, 0.9, 0, 0.9, 0.9, 0.9, 0, 0, 0, 0]
    point = OperatingPoint(classes={"siren": ClassPoint(), "dog": ClassPoint(median_seconds=0.3)})
    events = decide(scores_of(curve, curve), point).events
    assert [e.onset for e in events if e.label == "siren"] == [0.1, 0.3]
    assert [(e.onset, e.offset) for e in events if e.label == "dog"] == [(0.2, 0.6)]


@pytest.mark.parametrize("method", ["threshold", "boxes"])
def test_min_score_leaves_out_and_changes_nothing_else(method):
    rng = np.random.default_rng(0)
    scores = scores_of(rng.random(200), rng.random(200))
    point = OperatingPoint.plain(LABELS).model_copy(update={"method": method})
    everything = decide(scores, point)
    some = decide(scores, point, min_score=0.7)
    assert some.events == [event for event in everything.events if event.score >= np.float32(0.7)]
    assert some.tags == [tag for tag in everything.tags if tag[1] >= np.float32(0.7)]


def test_boxes_keep_their_extent_whatever_the_threshold():
    ramp = np.concatenate([np.zeros(10), np.linspace(0.3, 0.9, 10), np.linspace(0.9, 0.3, 10), np.zeros(10)])
    scores = scores_of(ramp, np.zeros(40))
    base = OperatingPoint.plain(LABELS)

    def extents(method, threshold):
        point = base.with_threshold(threshold).model_copy(update={"method": method})
        return [(e.onset, e.offset) for e in decide(scores, point).events]

    assert extents("boxes", 0.2) == extents("boxes", 0.5) == [(1.0, 3.0)]
    assert extents("threshold", 0.2) != extents("threshold", 0.5)
    assert extents("boxes", 0.8) == []


def test_calibration_comes_first():
    up = Platt(slope=1, intercept=3)
    point = OperatingPoint(
        classes={"siren": ClassPoint(), "dog": ClassPoint(clip_calibration=up, frame_calibration=up)}
    )
    scores = scores_of([0.2, 0.2], [0.2, 0.01])
    decision = decide(scores, point)
    assert [label for label, _ in decision.tags] == ["dog", "siren"]
    assert [(e.label, e.onset, e.offset) for e in decision.events] == [("dog", 0.0, 0.1)]
    assert scores.frames[0, 1] == np.float32(0.2)  # the caller's scores are left alone


def test_order_of_labels_does_not_matter_but_a_missing_one_does():
    scores = scores_of([0.9, 0], [0, 0.9])
    classes = {label: ClassPoint() for label in ["cat", "dog", "siren"]}
    assert decide(scores, OperatingPoint(classes=classes)) == decide(scores, OperatingPoint.plain(LABELS))
    with pytest.raises(ConfigError, match="no label 'dog'"):
        decide(scores, OperatingPoint.plain(["siren"]))


def test_recordings_without_frames_or_classes_are_decided_too():
    empty = Scores("e", LABELS, np.float32([0.9, 0]), np.zeros((0, 2), np.float32), Clock(Fraction(1, 10)), 0.0)
    for method in ("threshold", "boxes"):
        point = OperatingPoint(method=method, classes={label: ClassPoint(median_seconds=0.5) for label in LABELS})
        assert decide(empty, point).events == []
    none = Scores("n", Labels([]), np.zeros(0, np.float32), np.zeros((5, 0), np.float32), Clock(Fraction(1)), 5.0)
    assert decide(none, OperatingPoint.plain([])).events == []


@pytest.mark.parametrize("method", ["threshold", "boxes"])
def test_class_by_class_a_long_recording_is_decided_as_at_once(method, monkeypatch):
    rng = np.random.default_rng(3)
    labels = Labels(["a", "b", "c", "d", "e"])
    frames = rng.random((600, 5), dtype=np.float32)
    scores = Scores("a.wav", labels, frames.max(axis=0), frames, Clock(Fraction(1, 10)), 60.0)
    parts = {
        label: ClassPoint(onset=0.6, offset=0.3, median_seconds=0.3 + 0.2 * number, min_duration_off=0.2)
        for number, label in enumerate(labels)
    }
    point = OperatingPoint(classes=parts, method=method)
    whole = decide(scores, point)
    for at_once in (1, 1500):  # one class, two classes at a time
        monkeypatch.setattr(sys.modules[decide.__module__], "_AT_ONCE", at_once)
        assert decide(scores, point) == whole
    assert {event.label for event in whole.events} == set(labels)


def test_a_hundred_recordings_are_no_work_of_minutes():
    labels = Labels([f"c{i}" for i in range(20)])
    rng = np.random.default_rng(0)
    noise = rng.random((100, 250, 20), dtype=np.float32)
    many = [Scores("r", labels, x.max(axis=0), x, Clock(Fraction(1, 25)), 10.0) for x in noise * noise]
    part = ClassPoint(median_seconds=0.2, min_duration_on=0.2, min_duration_off=0.2)
    start = time.process_time()
    decided = list(decide_all(many, OperatingPoint(classes={label: part for label in labels})))
    assert len(decided) == 100
    assert time.process_time() - start < 10  # about 0.1 s on a quiet machine
