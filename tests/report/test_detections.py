"""The page of recordings without labels: what was detected where, in one file, safe and of bounded size."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import api
from earmark.decisions import OperatingPoint
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.report.detections import (
    COLUMNS,
    Found,
    choose,
    detection_report,
    overview,
    part_of,
    render,
    views_of,
)
from earmark.runtime.tagger import Tagger

_spec = importlib.util.spec_from_file_location("tone_engine", Path(__file__).parents[1] / "tone_engine.py")
tone_engine = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tone_engine)

SHORT = [(1.0, 2.0, "beep"), (2.5, 3.0, "horn")]
CALLS = [(20.0, 20.5, "beep"), (70.0, 71.0, "horn"), (110.0, 110.3, "whistle")]


@pytest.fixture(scope="module")
def tagger():
    return Tagger(tone_engine.ToneEngine(), OperatingPoint.plain(tone_engine.HERTZ))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detections")
    soundfile.write(folder / "short & sweet.wav", tone_engine.tones(4.0, SHORT), tone_engine.RATE)
    soundfile.write(folder / "long.wav", tone_engine.tones(120.0, CALLS), tone_engine.RATE)
    soundfile.write(folder / "quiet.wav", tone_engine.tones(2.0, []), tone_engine.RATE)
    return folder


def found(folder, tagger, *names):
    return [Found(name, str(folder / name), tagger(folder / name).events) for name in names]


@pytest.mark.usefixtures("needs_pictures")
def test_detect_writes_a_page_of_what_it_found(folder, tagger, tmp_path):
    (folder / "broken.wav").write_bytes(b"no sound")
    try:
        done = api.detect([folder], tagger=tagger, report=tmp_path / "page")
    finally:
        (folder / "broken.wav").unlink()
    assert done.report == tmp_path / "page" / "detections.html"
    text = done.report.read_text(encoding="utf-8")
    assert "5 events in 3 recordings." in text
    assert "short &amp; sweet.wav" in text
    assert "broken.wav" in text  # among the problems
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert text.count("data:audio/ogg") == 2 + 3  # short ones whole, the long one in pieces around its events
    assert 'title="detected: beep, 1.00 to 2.00 s' in text
    assert 'title="detected: whistle, 110.00 to 110.30 s' in text  # in the piece, on the clock of the recording


@pytest.mark.usefixtures("needs_pictures")
def test_with_a_sink_the_page_is_the_same(folder, tagger, tmp_path):
    seen = {}
    one = api.detect([folder], tagger=tagger, report=tmp_path / "a", sink=seen.__setitem__)
    two = api.detect([folder], tagger=tagger, report=tmp_path / "b", output=tmp_path / "out")
    one, two = (re.sub('data:audio/ogg;base64,[^"]*', "", done.report.read_text()) for done in (one, two))
    assert one == two  # each Ogg stream has a serial number of its own
    assert len(seen["long.wav"]) == 3


def test_a_list_from_standard_input_cannot_be_read_twice(tagger, tmp_path):
    with pytest.raises(ConfigError, match="a second time: give --files-from a file"):
        api.detect(files_from=["-"], tagger=tagger, report=tmp_path)


@pytest.mark.usefixtures("needs_pictures")
def test_a_page_that_would_grow_too_large_names_what_it_left_out(folder, tagger):
    content = detection_report(tagger, found(folder, tagger, "short & sweet.wav", "long.wav"), title="x")
    text = render(content, largest=60_000)
    assert len(text) < 60_000
    assert "long.wav: not shown, because the page would exceed" in text


@pytest.mark.usefixtures("needs_pictures")
def test_a_recording_that_is_gone_is_a_problem_and_costs_no_other(folder, tagger):
    known = [*found(folder, tagger, "short & sweet.wav"), Found("gone.wav", str(folder / "gone.wav"), [])]
    text = render(detection_report(tagger, known, title="x"))
    assert "1 problem" in text
    assert "gone.wav" in text
    assert 'data-name="short &amp; sweet.wav"' in text


def test_the_pieces_of_a_long_recording_hold_every_label(folder, tagger):
    problems = []
    [views] = views_of(tagger, found(folder, tagger, "long.wav"), problems)
    whole, *pieces = views
    assert whole.waveform is None
    assert [event.label for view in pieces for event in view.detected] == ["beep", "horn", "whistle"]
    for view in pieces:
        [event] = view.detected
        sound = view.waveform[round(event.onset * view.rate) : round(event.offset * view.rate)]
        assert np.sqrt((sound**2).mean()) > 0.1  # the event is where the page says
        assert view.scores.duration == 10.0
        column = view.scores.labels.index(event.label)
        middle = view.scores.clock.frame_at((event.onset + event.offset) / 2)
        assert view.scores.frames[middle, column] > 0.5
    assert problems == []


def test_a_part_of_scores_keeps_time(folder, tagger):
    scores = tagger(folder / "long.wav").scores
    part = part_of(scores, 69.51, 72.0)
    column = scores.labels.index("horn")
    high = np.flatnonzero(part.frames[:, column] > 0.5)
    assert abs(part.clock.time(int(high[0])) - (70.0 - 69.51)) < 1e-6
    assert part.clip[column] == part.frames[:, column].max()


def test_recordings_without_events_come_last():
    some = [Found(str(number), "", [Event(0, 1, "a", number / 10)] if number else []) for number in range(5)]
    assert [each.name for each in choose(some, 3)] == ["2", "3", "4"]
    assert len(choose(some, 9)) == 5


def test_a_call_of_50_ms_is_seen_in_the_picture_of_ten_minutes_and_where_it_is():
    wave = tone_engine.tones(600.0, [(400.0, 400.05, "beep")])
    rate = tone_engine.RATE
    picture = overview((wave[start : start + 160_000] for start in range(0, len(wave), 160_000)), rate, 600.0)
    assert len(picture.values) == COLUMNS
    column, band = np.unravel_index(picture.values.argmax(), picture.values.shape)
    assert picture.clock.time(int(column)) <= 400.05
    assert picture.clock.time(int(column) + 1) >= 400.0
    assert abs(picture.band_hz[band] - tone_engine.HERTZ["beep"]) < 150
    assert picture.clock.time(COLUMNS) == 600.0
    assert len(overview([], rate, 0.0).values) == 1


@pytest.mark.parametrize("seconds", [3.0, 5.001, 17.0, 59.98, 600.0])
@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100])
def test_no_column_of_a_picture_is_left_empty(seconds, rate):
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    size = 10 * rate
    picture = overview((noise[start : start + size] for start in range(0, len(noise), size)), rate, seconds)
    assert picture.values.max(axis=1).min() > picture.values.max() - 8  # natural logarithm; silence is 15 below
