"""Lanes: curves that keep their peaks, marks that can be read, a picture that is a picture."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.report.lanes import curve, drawn, encode, spectrogram_uri, ticks


def levels(path):
    return [int(value) for value in re.findall(r"(?:^M[\d.]+ |V)(\d+)", path)]


@given(st.integers(1, 5000), st.integers(0, 4999), st.floats(0.5, 1, width=32))
def test_a_single_high_frame_is_seen_in_a_curve_of_any_length(frames, place, peak):
    values = np.zeros(frames, np.float32)
    values[place % frames] = peak
    path = curve(values, np.linspace(0, 10, frames + 1), 10.0)
    assert abs(min(levels(path)) - (100 - 100 * float(peak))) < 0.501  # whole per cent; float32 may round a half up
    assert path.startswith("M0 ")
    assert path.endswith("H1000")
    assert len(levels(path)) <= 1000


def test_a_curve_without_frames_is_no_path():
    assert curve(np.zeros(0, np.float32), np.zeros(1), 0.0) == ""


@given(st.floats(0.05, 200_000))
def test_time_marks_are_few_and_within_the_recording(duration):
    marks = ticks(duration)
    assert 1 <= len(marks) <= 7
    assert all(0 <= place <= 100.001 for place, _ in marks)
    assert len({text for _, text in marks}) == len(marks)


def test_the_picture_has_high_frequencies_on_top_and_loud_in_bright():
    image = pytest.importorskip("PIL.Image")
    logmel = np.zeros((3000, 8), np.float32)
    logmel[1500:, 7] = 10.0  # loud and high in the second half
    uri = spectrogram_uri(logmel, Clock.from_hop(160, 16_000), 30.0)
    picture = image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L")
    assert picture.size == (1400, 8)
    assert picture.getpixel((1399, 0)) > 150
    assert picture.getpixel((0, 0)) < 20
    assert picture.getpixel((1399, 7)) < 20


def test_what_the_model_does_not_know_has_no_curve(view):
    from earmark.events import Event

    item = drawn(replace(view, reference=[Event(0, 1, "whale")]))
    row = next(row for row in item["rows"] if row["label"] == "whale")
    assert (row["curve"], row["score"], row["threshold"]) == ("", None, None)
    assert row["reference"][0]["width"] == 20.0


RATE = 16_000


def decode(content):
    return soundfile.read(io.BytesIO(content))


def test_a_tone_comes_back_small_and_loud_enough():
    tone = (0.01 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE)).astype(np.float32)
    content = encode(tone, RATE)
    assert len(content) < 120_000
    back, rate = decode(content)
    assert (rate, len(back)) == (RATE, len(tone))
    assert np.abs(np.fft.rfft(back)).argmax() == 4400
    assert 0.08 < np.abs(back).max() < 0.13  # 20 dB up


def test_a_loud_clip_does_not_clip():
    back, _ = decode(encode(np.random.default_rng(0).normal(0, 3, RATE), RATE))
    assert np.abs(back).max() < 1.1


def test_long_recordings_are_written_in_blocks_and_cut():
    back, _ = decode(encode(np.random.default_rng(0).normal(0, 0.1, 70 * RATE).astype(np.float32), RATE))
    assert len(back) == 60 * RATE


def test_silence_and_single_samples_are_fine_and_other_shapes_refused():
    assert encode(np.zeros(100), RATE)
    assert encode(np.array([0.5]), RATE)
    for bad in (np.zeros(0), np.zeros((2, 100))):
        with pytest.raises(ValueError, match="a mono waveform"):
            encode(bad, RATE)
