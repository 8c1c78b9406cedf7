import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide, named_point
from earmark.decisions.calibration import Isotonic, Platt
from earmark.decisions.operating_point import FILE_NAME, ClassPoint
from earmark.errors import ConfigError, ModelError
from earmark.labels import Labels
from earmark.scores import Scores

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


TWO = Labels(["Car", "Train horn"])
FRAME = Fraction(664, 16_000)


def scores_of(frames, clip=(0.9, 0.9)):
    frames = np.asarray(frames, np.float32)
    return Scores("a.wav", TWO, np.float32(clip), frames, Clock(FRAME), float(len(frames) * FRAME))


def by_the_book(curve):
    """Fill while the index difference is at most 10, delete runs of 10 or fewer, ends inclusive: frame by frame."""
    active = [index for index, value in enumerate(curve) if value > np.float32(0.3)]
    runs: list[list[int]] = []
    for index in active:
        if runs and index - runs[-1][1] <= 10:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return [(first * 0.0415, last * 0.0415) for first, last in runs if last - first + 1 > 10]


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.31, 0.9]), st.integers(1, 14)), min_size=1, max_size=14))
def test_xu2018_smooths_frame_by_frame_as_the_authors_did(pieces):
    curve = [value for value, count in pieces for _ in range(count)]
    scores = scores_of(np.stack([curve, np.zeros(len(curve))], axis=1))
    events = decide(scores, named_point("xu2018", TWO)).events
    expected = by_the_book(np.float32(curve))
    assert [event.label for event in events] == ["Car"] * len(expected)
    assert [(event.onset, event.offset) for event in events] == [pytest.approx(pair) for pair in expected]


def test_xu2018_gives_every_clip_a_tag_and_counts_strictly():
    point = named_point("xu2018", TWO)
    tags = [
        [label for label, _ in decide(scores_of(np.zeros((3, 2)), clip), point).tags]
        for clip in [(0.1, 0.2), (0.3, 0.2), (0.31, 0.2), (0.31, 0.4)]
    ]
    assert tags == [["Train horn"], ["Car"], ["Car"], ["Train horn", "Car"]]
    assert decide(scores_of(np.zeros((3, 2)), (0.1, 0.2)), point, min_score=0.25).tags == []
    assert decide(scores_of(np.zeros((3, 2)), (0.1, 0.2)), OperatingPoint.plain(TWO)).tags == []


def test_the_baseline_smooths_by_a_median():
    curve = np.zeros((500, 2))
    curve[100:110, 0] = 1.0  # shorter than half of 27 frames of 20 ms
    curve[200:260, 0] = 1.0
    scores = Scores("a.wav", TWO, np.float32([0.1, 0.6]), np.float32(curve), Clock(Fraction(1, 50)), 10.0)
    decision = decide(scores, named_point("dcase2017", TWO))
    assert [label for label, _ in decision.tags] == ["Train horn"]
    assert [(event.onset, event.offset) for event in decision.events] == [(4.0, 5.2)]


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40), st.floats(0, 1, width=32))
def test_the_default_reports_no_event_whose_tag_is_not_given(curve, clip):
    scores = scores_of(np.stack([curve, curve], axis=1), (clip, 1 - clip))
    decision = decide(scores, named_point("default", TWO))
    assert {event.label for event in decision.events} <= {label for label, _ in decision.tags}


def test_the_default_bridges_short_gaps_and_drops_clicks():
    curve = np.zeros(250)
    curve[10:40] = 0.6
    curve[40:60] = 0.1  # too faint to begin an event, loud enough to go on with one
    curve[80:110] = 0.6  # 0.8 s later
    curve[200:203] = 0.9
    scores = Scores("a.wav", TWO, np.float32([0.9, 0.4]), np.float32([curve, curve]).T, Clock(Fraction(1, 25)), 10.0)
    events = decide(scores, named_point("default", TWO)).events
    assert [(event.onset, event.offset, event.label) for event in events] == [(0.4, 4.4, "Car")]


def test_a_point_stored_by_version_0_1_decides_as_it_did(tmp_path):
    old = {
        "format_version": 1,
        "origin": "plain: 0.5 everywhere",
        "classes": {"Car": {}, "Train horn": {"onset": 0.7}},
    }
    (tmp_path / "point.json").write_text(json.dumps(old))
    point = OperatingPoint.load(tmp_path / "point.json")
    frames = np.float32([[0.1, 0.9], [0.6, 0.6], [0.2, 0.1]])
    events = decide(scores_of(frames, (0.1, 0.1)), point).events
    step = float(FRAME)
    assert [(event.onset, event.offset, event.label) for event in events] == [
        (0.0, pytest.approx(2 * step), "Train horn"),
        (pytest.approx(step), pytest.approx(2 * step), "Car"),
    ]


def test_names_are_checked_and_a_named_point_survives_its_file(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'xu2018'"):
        named_point("xu2081", TWO)
    point = named_point("xu2018", TWO)
    point.save(tmp_path / "point.json")
    assert OperatingPoint.load(tmp_path / "point.json") == point
