import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide, named_point
from earmark.errors import ConfigError
from earmark.labels import Labels
from earmark.scores import Scores

LABELS = Labels(["Car", "Train horn"])
FRAME = Fraction(664, 16_000)


def scores_of(frames, clip=(0.9, 0.9)):
    frames = np.asarray(frames, np.float32)
    return Scores("a.wav", LABELS, np.float32(clip), frames, Clock(FRAME), float(len(frames) * FRAME))


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
    events = decide(scores, named_point("xu2018", LABELS)).events
    expected = by_the_book(np.float32(curve))
    assert [event.label for event in events] == ["Car"] * len(expected)
    assert [(event.onset, event.offset) for event in events] == [pytest.approx(pair) for pair in expected]


def test_xu2018_gives_every_clip_a_tag_and_counts_strictly():
    point = named_point("xu2018", LABELS)
    tags = [
        [label for label, _ in decide(scores_of(np.zeros((3, 2)), clip), point).tags]
        for clip in [(0.1, 0.2), (0.3, 0.2), (0.31, 0.2), (0.31, 0.4)]
    ]
    assert tags == [["Train horn"], ["Car"], ["Car"], ["Train horn", "Car"]]
    assert decide(scores_of(np.zeros((3, 2)), (0.1, 0.2)), point, min_score=0.25).tags == []
    assert decide(scores_of(np.zeros((3, 2)), (0.1, 0.2)), OperatingPoint.plain(LABELS)).tags == []


def test_the_baseline_smooths_by_a_median():
    curve = np.zeros((500, 2))
    curve[100:110, 0] = 1.0  # shorter than half of 27 frames of 20 ms
    curve[200:260, 0] = 1.0
    scores = Scores("a.wav", LABELS, np.float32([0.1, 0.6]), np.float32(curve), Clock(Fraction(1, 50)), 10.0)
    decision = decide(scores, named_point("dcase2017", LABELS))
    assert [label for label, _ in decision.tags] == ["Train horn"]
    assert [(event.onset, event.offset) for event in decision.events] == [(4.0, 5.2)]


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40), st.floats(0, 1, width=32))
def test_the_default_reports_no_event_whose_tag_is_not_given(curve, clip):
    scores = scores_of(np.stack([curve, curve], axis=1), (clip, 1 - clip))
    decision = decide(scores, named_point("default", LABELS))
    assert {event.label for event in decision.events} <= {label for label, _ in decision.tags}


def test_the_default_bridges_short_gaps_and_drops_clicks():
    curve = np.zeros(250)
    curve[10:40] = 0.6
    curve[40:60] = 0.1  # too faint to begin an event, loud enough to go on with one
    curve[80:110] = 0.6  # 0.8 s later
    curve[200:203] = 0.9
    scores = Scores("a.wav", LABELS, np.float32([0.9, 0.4]), np.float32([curve, curve]).T, Clock(Fraction(1, 25)), 10.0)
    events = decide(scores, named_point("default", LABELS)).events
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
        named_point("xu2081", LABELS)
    point = named_point("xu2018", LABELS)
    point.save(tmp_path / "point.json")
    assert OperatingPoint.load(tmp_path / "point.json") == point
