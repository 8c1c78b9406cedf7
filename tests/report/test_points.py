"""The operating point as a table: what is in use is shown, what does nothing is not."""

from __future__ import annotations

import pytest

from earmark.decisions import ClassPoint, OperatingPoint
from earmark.decisions.calibration import Isotonic, Platt
from earmark.report.points import calibration_text, method_text, point_table


def point(method="threshold", **parts):
    return OperatingPoint(method=method, classes={label: ClassPoint(**fields) for label, fields in parts.items()})


@pytest.mark.parametrize(
    ("field", "value", "title", "shown"),
    [
        ("offset", 0.25, "lasts while above", 0.25),
        ("median_seconds", 0.2, "median filter (s)", 0.2),
        ("min_duration_on", 0.3, "shortest event (s)", 0.3),
        ("min_duration_off", 0.3, "shortest gap (s)", 0.3),
        ("pad_onset", 0.1, "pad before (s)", 0.1),
        ("pad_offset", 0.1, "pad after (s)", 0.1),
        ("tag_gate", True, "events from clip score", 0.5),
        ("tag_gate", 0.3, "events from clip score", 0.3),
        ("tag_weight", True, "times clip score", "yes"),
        ("clip_calibration", Platt(slope=1.5, intercept=-1), "clip calibration", "Platt 1.50, -1.00"),
        ("frame_calibration", Isotonic(x=(0, 1), y=(0, 0.5)), "frame calibration", "isotonic, 2 points"),
    ],
)
def test_a_column_appears_when_one_label_uses_it(field, value, title, shown):
    plain = point_table(point(dog={}, cat={}))
    assert plain.header == ("class", "tag threshold", "event threshold")
    table = point_table(point(dog={}, cat={field: value}))
    assert table.header == (*plain.header, title)
    assert table.rows[1][-1] == shown


def test_every_setting_of_a_class_has_a_column():
    told = {"tag_threshold", "onset"} | {
        "offset", "median_seconds", "min_duration_on", "min_duration_off", "pad_onset", "pad_offset", "tag_gate",
        "tag_weight", "step_seconds", "merge_absolute", "merge_relative", "clip_calibration", "frame_calibration",
    }  # fmt: skip
    assert set(ClassPoint.model_fields) == told


def test_boxes_show_what_boxes_use():
    table = point_table(point("boxes", dog={"offset": 0.1, "median_seconds": 0.2, "step_seconds": 0.4}))
    assert table.header[3:] == ("step filter (s)", "dips bridged up to", "or by a factor of")
    assert table.rows[0][3] == 0.4
    assert "bounding boxes" in method_text(point("boxes", dog={}))


def test_what_is_calibrated_is_said():
    platt, stairs = Platt(slope=1, intercept=0), Isotonic(x=(0, 1), y=(0, 1))
    assert "not calibrated" in calibration_text(point(dog={}))
    said = calibration_text(point(dog={"clip_calibration": platt}, cat={"clip_calibration": stairs}))
    assert said == (
        "Clip scores of all labels are calibrated (Platt scaling and isotonic maps). Frame scores are used as they are."
    )
    assert "1 of 2 labels" in calibration_text(point(dog={"clip_calibration": platt}, cat={}))
