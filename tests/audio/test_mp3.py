"""MP3 of a variable bit rate that states no length."""

import io

import numpy as np
import pytest
import soundfile

from earmark.audio import read_audio
from earmark.audio.mp3 import length_is_estimated, with_length


def id3(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes([0, 0, size >> 7, size & 127]) + b"Xing" + bytes(size - 4)


def without_length(wave: np.ndarray, **options: object) -> bytes:
    """An mp3 without its first frame, which holds the length and no sound."""
    made = io.BytesIO()
    soundfile.write(made, wave.astype(np.float32), 32_000, format="MP3", **options)
    data = made.getvalue()
    return data[data.index(data[:2], 4) :]


def test_a_variable_bit_rate_without_a_length_is_read_to_the_end() -> None:
    loud_first = np.random.default_rng(0).standard_normal(320_000) * np.linspace(0.3, 0.0, 320_000) ** 2
    data = without_length(loud_first)
    assert length_is_estimated(io.BytesIO(data))
    with io.BytesIO(data) as file:
        assert len(soundfile.read(file)[0]) < 160_000  # libsndfile alone stops at its estimate
    audio = read_audio(io.BytesIO(id3(500) + data))
    assert audio.problem is None
    assert audio.duration == pytest.approx(10.0, abs=0.06)
    early = audio.samples[32_000:64_000].std() / audio.samples[256_000:288_000].std()
    assert early == pytest.approx((0.85 / 0.15) ** 2, rel=0.3)


def test_a_variable_bit_rate_without_a_length_that_is_damaged_is_told() -> None:
    loud_first = np.random.default_rng(0).standard_normal(320_000) * np.linspace(0.3, 0.0, 320_000) ** 2
    data = bytearray(without_length(loud_first))
    middle = len(data) // 2
    data[middle : middle + 4_000] = bytes(4_000)
    audio = read_audio(io.BytesIO(data))
    assert audio.problem is not None
    assert audio.duration < 10


def test_a_constant_bit_rate_is_left_to_libsndfile() -> None:
    data = without_length(0.1 * np.ones(64_000), bitrate_mode="CONSTANT", compression_level=0.5)
    assert with_length(io.BytesIO(data), 0, len(data)) is None
    assert read_audio(io.BytesIO(data)).duration == pytest.approx(2.0, abs=0.11)
