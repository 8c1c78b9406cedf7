"""Deciding again is deciding: whatever was asked before, the answer is that of `decide`."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide, score_curve
from earmark.decisions import repeated as again
from earmark.decisions.calibration import Platt
from earmark.decisions.operating_point import ClassPoint
from earmark.decisions.repeated import Repeated
from earmark.labels import Labels
from earmark.scores import Scores

LABELS = ("dog", "siren", "wind")
share = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.51, 0.9, 1.0])
seconds = st.sampled_from([0.0, 0.1, 0.3, 1.0])


@st.composite
def class_points(draw: st.DrawFn) -> ClassPoint:
    onset = draw(share)
    calibration = draw(st.sampled_from([None, None, Platt(slope=2.0, intercept=0.5)]))
    return ClassPoint(
        tag_threshold=draw(share),
        onset=onset,
        offset=min(onset, draw(share)),
        median_seconds=draw(seconds),
        min_duration_on=draw(seconds),
        min_duration_off=draw(seconds),
        pad_onset=draw(seconds),
        tag_gate=draw(st.one_of(st.booleans(), share)),
        tag_weight=draw(st.booleans()),
        clip_calibration=calibration,
        frame_calibration=draw(st.sampled_from([None, calibration])),
    )


@st.composite
def points(draw: st.DrawFn) -> OperatingPoint:
    return OperatingPoint(
        method=draw(st.sampled_from(["threshold", "threshold", "boxes"])),
        best_tag=draw(st.booleans()),
        last_frame=draw(st.sampled_from(["ends", "begins"])),
        classes={label: draw(class_points()) for label in LABELS},
    )


def scores(seed: int, frames: int = 60) -> Scores:
    """Curves that rise and fall, some never high; values that equal thresholds are among them."""
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 0.2, (frames, 3)), axis=0) % 1
    curves = np.round(np.abs(smooth) * [1, 0.6, 0.2], 1).astype(np.float32)
    clip = np.round(rng.random(3), 1).astype(np.float32)
    return Scores("a.wav", Labels(LABELS), clip, curves, Clock(Fraction(1, 10)), frames / 10)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 50), st.lists(points(), min_size=1, max_size=4), share)
def test_it_is_decide_whatever_was_asked_before(seed: int, asked: list[OperatingPoint], min_score: float) -> None:
    made = scores(seed)
    repeated = Repeated(made)
    for point in (*asked, asked[0]):
        assert repeated.decide(point, min_score=min_score) == decide(made, point, min_score=min_score)
        changed = point.model_copy(update={"classes": {**point.classes, "dog": asked[-1].of("dog")}})
        assert repeated.decide(changed) == decide(made, changed)


def test_a_recording_without_frames() -> None:
    made = scores(0, frames=0)
    point = OperatingPoint.plain(LABELS)
    assert Repeated(made).decide(point) == decide(made, point)


def test_what_did_not_change_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    smoothed: list[tuple[str, ...]] = []

    def noted(some: Scores, point: OperatingPoint) -> Scores:
        smoothed.append(some.labels.names)
        return score_curve(some, point)

    monkeypatch.setattr(again, "score_curve", noted)
    point = OperatingPoint(classes=dict.fromkeys(LABELS, ClassPoint(onset=0.1, offset=0.1, median_seconds=0.3)))
    repeated = Repeated(scores(3))
    for onset in (0.1, 0.3, 0.2):
        changed = {**point.classes, "dog": ClassPoint(onset=onset, offset=0.1, median_seconds=0.3)}
        repeated.decide(point.model_copy(update={"classes": changed}))
    assert smoothed == [LABELS]
    repeated.decide(point.model_copy(update={"classes": {**point.classes, "siren": ClassPoint(onset=0.1, offset=0)}}))
    assert smoothed[1:] == [("siren",)]
