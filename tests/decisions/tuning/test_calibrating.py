import numpy as np
import pytest

from earmark.decisions import OperatingPoint
from earmark.decisions.calibration import Platt, reliability
from earmark.decisions.decide import calibrated
from earmark.decisions.tuning.calibrating import calibrate, frame_tags
from earmark.decisions.tuning.detection import encode_tags
from earmark.decisions.tuning.report import mean_ece
from earmark.errors import ConfigError
from earmark.events import Event


@pytest.fixture
def known(made):
    """Two boastful classes and one that comes three times."""
    references, scores = made(recordings=80, classes=3, noise=0.8, scales=(2, 1, 1), rates=(0.4, 0.4, 0))
    for i in range(3):
        references[i].append(Event(1.0, 2.0, "c2"))
    return references, scores, encode_tags(references, scores[0].labels)


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_held_out_figures_foretell_what_fresh_recordings_show(made, known, kind):
    references, scores, tags = known
    found = calibrate(OperatingPoint.plain(scores[0].labels), tags, scores, references, kind)
    fresh_references, fresh = made(recordings=80, classes=3, seed=9, noise=0.8, scales=(2, 1, 1), rates=(0.4, 0.4, 0))
    mapped = [calibrated(each, found.point) for each in fresh]
    truth = np.concatenate([frame_tags(s, events) for s, events in zip(fresh, fresh_references, strict=True)])
    seen = reliability(truth, np.concatenate([each.frames for each in mapped]), found.point.labels)[:2]
    report = found.report
    assert mean_ece(report.frames_before) > 0.15
    assert mean_ece(seen) == pytest.approx(mean_ece(report.frames_after), abs=0.04)
    assert mean_ece(report.clip_after) < mean_ece(report.clip_before) / 2


def test_a_label_that_few_recordings_carry_is_left_as_it_is(known):
    references, scores, tags = known
    found = calibrate(OperatingPoint.plain(scores[0].labels), tags, scores, references)
    assert found.notes == ("too few recordings to calibrate c2; their scores are left unchanged",)
    assert found.point.classes["c2"].clip_calibration is found.point.classes["c2"].frame_calibration is None
    assert [row.label for row in found.report.clip_after] == ["c0", "c1"]


def test_frames_are_left_where_no_events_are_known_and_old_maps_go(known):
    _, scores, tags = known
    old = OperatingPoint.plain(scores[0].labels)
    part = old.classes["c0"].model_copy(update={"frame_calibration": Platt(slope=1, intercept=1)})
    found = calibrate(old.model_copy(update={"classes": dict.fromkeys(old.labels, part)}), tags, scores, [None] * 80)
    assert found.report.frames_before == ()
    assert all(each.frame_calibration is None for each in found.point.classes.values())
    assert found.point.classes["c0"].clip_calibration is not None
    with pytest.raises(ConfigError, match="did you mean 'isotonic'"):
        calibrate(old, tags, scores, [None] * 80, "isotonik")


def test_a_frame_carries_what_its_middle_lies_in(made):
    _, (scores, *_) = made(recordings=1, classes=2, frames=10)
    truth = frame_tags(scores, [Event(0.24, 0.5, "c1"), Event(0.3, 0.35, "stranger")])
    assert np.flatnonzero(truth[:, 1]).tolist() == [2, 3, 4]
    assert not truth[:, 0].any()
