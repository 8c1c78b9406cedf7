import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio.resample import resample, resample_blocks

RATES = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000]


@settings(max_examples=30, deadline=None)
@given(
    old=st.sampled_from(RATES),
    new=st.sampled_from(RATES),
    length=st.integers(0, 30_000),
    cuts=st.lists(st.integers(0, 30_000), max_size=8),
)
def test_blocks_give_the_whole_to_the_last_bit(old, new, length, cuts):
    wave = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    parts = np.split(wave, sorted(min(cut, length) for cut in cuts))
    streamed = np.concatenate([np.zeros(0, np.float32), *resample_blocks(parts, old, new)])
    np.testing.assert_array_equal(streamed, resample(wave, old, new))
    np.testing.assert_array_equal(streamed, soxr.resample(wave, old, new, quality="HQ") if length else wave)
    assert len(streamed) == pytest.approx(length * new / old, abs=0.51)


def test_a_tone_below_the_new_nyquist_lives_in_place_and_one_above_dies():
    time = np.arange(44_100) / 44_100
    for frequency, survives in ((1_000, True), (7_000, True), (8_800, False), (15_000, False)):
        wave = np.sin(2 * np.pi * frequency * time).astype(np.float32)
        result = resample(wave, 44_100, 16_000)[1_000:-1_000]
        ideal = np.sin(2 * np.pi * frequency * np.arange(16_000) / 16_000)[1_000:-1_000]
        error = result - (ideal if survives else 0)
        assert 20 * np.log10(np.sqrt((error**2).mean())) < -60  # 0.01 dB of gain error leave -65 dB


def test_equal_rates_pass_untouched():
    wave = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(resample(wave, 16_000, 16_000), wave)
