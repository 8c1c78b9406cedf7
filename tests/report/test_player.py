"""Sound for the page: short, small, the same sound."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from earmark.report.player import encode

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
