import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.decisions.calibration import Isotonic, Platt
from earmark.decisions.operating_point import FILE_NAME, ClassPoint, OperatingPoint
from earmark.errors import ConfigError, ModelError

LABELS = ["siren", "dog, big", "Zug"]


def written(tmp_path, change):
    file = OperatingPoint.plain(LABELS).save(tmp_path)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return tmp_path


def test_what_is_saved_is_loaded_with_order_and_calibration(tmp_path):
    part = ClassPoint(
        onset=0.7,
        offset=0.3,
        tag_gate=True,
        clip_calibration=Platt(slope=1.5, intercept=-0.2),
        frame_calibration=Isotonic(x=(0.1, 0.9), y=(0.0, 1.0)),
    )
    point = OperatingPoint(method="boxes", origin="somewhere", classes={"b": part, "a": ClassPoint(tag_gate=0.25)})
    file = point.save(tmp_path)
    assert file.name == FILE_NAME
    assert OperatingPoint.load(tmp_path) == OperatingPoint.load(file) == point
    assert OperatingPoint.load(tmp_path).labels == ("b", "a")


@given(onset=st.floats(0, 1), share=st.floats(0, 1), seconds=st.floats(0, 100))
def test_any_possible_point_survives_json(onset, share, seconds):
    point = OperatingPoint(classes={"x": ClassPoint(onset=onset, offset=onset * share, median_seconds=seconds)})
    assert OperatingPoint.model_validate_json(point.model_dump_json()) == point


@pytest.mark.parametrize(("gate", "expected"), [(False, 0.0), (True, 0.4), (0.25, 0.25), (1.0, 1.0), (0.0, 0.0)])
def test_a_gate_is_yes_no_or_a_number_in_json_too(gate, expected):
    part = ClassPoint(tag_threshold=0.4, tag_gate=gate)
    assert part.gate == ClassPoint.model_validate_json(part.model_dump_json()).gate == expected


def test_one_threshold_moves_all_and_keeps_the_rest():
    point = OperatingPoint(classes={"a": ClassPoint(onset=0.9, offset=0.1, median_seconds=0.4)}).with_threshold(0.3)
    assert point.classes["a"] == ClassPoint(tag_threshold=0.3, onset=0.3, offset=0.3, median_seconds=0.4)
    with pytest.raises(ConfigError, match=r"30 is not between 0 and 1; did you mean 0\.3"):
        point.with_threshold(30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format_version=2), "format_version 2 is newer than 1"),
        (lambda c: c.update(format_version="one"), "unknown format_version 'one'"),
        (lambda c: c.pop("format_version"), "not an operating point"),
        (lambda c: c["classes"]["Zug"].update(onset=1.5), r"classes\.Zug\.onset: .*got 1\.5"),
        (lambda c: c["classes"]["Zug"].update(median_second=1), r"median_second: unknown key \(did you mean 'median_s"),
        (lambda c: c["classes"]["Zug"].update(offset=0.9), "offset threshold 0.9 is above onset threshold 0.5"),
        (lambda c: c["classes"]["Zug"].update(min_duration_on=-1), "min_duration_on: .*got -1"),
        (lambda c: c["classes"]["Zug"].update(pad_onset=float("nan")), "pad_onset"),
        (lambda c: c["classes"]["Zug"].update(step_seconds=1e39), r"step_seconds: .*got 1e\+39"),
        (lambda c: c.update(method="magic"), "method"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, change, message):
    with pytest.raises(ModelError, match=message) as refused:
        OperatingPoint.load(written(tmp_path, change))
    assert "\n" not in str(refused.value)
    assert FILE_NAME in str(refused.value)


def test_missing_and_half_written_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        OperatingPoint.load(tmp_path)
    (tmp_path / FILE_NAME).write_text('{"format_version": 1, "cla')
    with pytest.raises(ModelError, match="damaged"):
        OperatingPoint.load(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="not valid JSON"):
        OperatingPoint.load(tmp_path)


def test_an_unknown_label_is_guessed():
    with pytest.raises(ConfigError, match=r"no label 'sirn' .did you mean 'siren'"):
        OperatingPoint.plain(LABELS).of("sirn")
