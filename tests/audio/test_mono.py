"""Samples that cannot be sound, and channels that cancel each other out."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import from_array, read_audio, read_blocks
from earmark.errors import LevelError

NOISE = 0.1 * np.random.default_rng(0).standard_normal(200_000).astype(np.float32)


@pytest.mark.parametrize("value", [1e20, -3.9e37, 3.4e38, 1e10])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_value_far_too_large_is_refused_where_it_lies(write, value, channels):
    wave = np.repeat(NOISE[:, None], channels, axis=1)
    wave[150_000, -1] = value
    path = write("a.wav", wave, 16_000, subtype="FLOAT")
    with pytest.raises(LevelError, match=r"a\.wav: sample 150000 \(9\.375 s\) is .*cannot be sound"):
        read_audio(path, 32_000)
    with pytest.raises(LevelError, match="sample 150000"):
        from_array(wave, 16_000)


@pytest.mark.parametrize("scale", [32_768, 2**23, 2**31 - 1])
def test_integers_saved_as_floats_are_recognised(write, scale):
    path = write("a.wav", np.rint(NOISE * scale), 16_000, subtype="FLOAT")
    with pytest.raises(LevelError, match="integers saved as floats"):
        read_audio(path)
    with pytest.raises(LevelError, match="integers saved as floats"):
        from_array(np.rint(NOISE * scale), 16_000)


@pytest.mark.parametrize("gain", [1.0, 100.0])
def test_loud_floats_are_taken_as_they_are(write, gain):
    np.testing.assert_array_equal(
        read_audio(write("a.wav", gain * NOISE, 16_000, subtype="FLOAT")).samples, gain * NOISE
    )


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_channels_of_opposite_phase_are_not_silence(write, extension):
    path = write(f"a.{extension}", np.stack([NOISE, -NOISE], axis=1), 16_000)
    audio = read_audio(path)
    np.testing.assert_allclose(audio.samples, NOISE, atol=1e-4)
    assert audio.actions == ("one of 2 channels used: they cancel each other out (opposite phase)",)
    assert audio.problem is None


def test_the_loudest_of_channels_that_cancel_is_used():
    wave = np.stack([0.5 * NOISE, 0.5 * NOISE, -NOISE], axis=1)
    np.testing.assert_array_equal(from_array(wave, 16_000).samples, -NOISE)


def test_silence_before_channels_that_cancel(write):
    wave = np.zeros((300_000, 2), np.float32)
    wave[100_000:] = np.stack([NOISE, -NOISE], axis=1)
    samples = read_audio(write("a.wav", wave, 16_000, subtype="FLOAT")).samples
    np.testing.assert_array_equal(samples, wave[:, 0])


@settings(max_examples=50, deadline=None)
@given(phase=st.floats(0, 0.9), seconds=st.floats(0.1, 9.0), silence=st.booleans())
def test_ordinary_stereo_is_averaged(phase, seconds, silence):
    """Even where channels are nearly opposite, the mean is taken as long as it can be heard."""
    length = round(seconds * 16_000)
    left = NOISE[:length] * (not silence)
    right = phase * -left + (1 - phase) * NOISE[::-1][:length] * (not silence)
    wave = np.stack([left, right], axis=1).astype(np.float32)
    audio = from_array(wave, 16_000)
    np.testing.assert_array_equal(audio.samples, wave.mean(axis=1, dtype=np.float64).astype(np.float32))
    assert not audio.one_channel


def test_blocks_of_any_size_are_mixed_alike(write):
    wave = np.stack([NOISE, -NOISE], axis=1)
    wave[:70_000, 1] *= -1
    path = write("a.wav", wave, 16_000, subtype="FLOAT")
    whole = read_audio(path).samples
    for seconds in (0.01, 1.0, 7.0):
        np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, block_seconds=seconds))), whole)


def test_the_file_on_disk_stays_as_it_is(write):
    path = write("a.wav", NOISE, 16_000, subtype="FLOAT")
    before = path.read_bytes()
    read_audio(path, 8_000)
    assert path.read_bytes() == before
    assert soundfile.info(path).frames == len(NOISE)
