"""Several recordings one behind the other in one file, and mp3 files that do not say how long they are."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import read_audio
from earmark.audio.links import find_links

KINDS = {
    "ogg": (32_000, {"format": "OGG"}),
    "opus": (48_000, {"format": "OGG", "subtype": "OPUS"}),
    "mp3": (32_000, {}),
}


def encode(kind: str, frequency: float, seconds: float) -> bytes:
    rate, options = KINDS[kind]
    wave = 0.4 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    made = io.BytesIO()
    soundfile.write(made, wave.astype(np.float32), rate, **{"format": "MP3", **options})
    return made.getvalue()


def id3(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes([0, 0, size >> 7, size & 127]) + b"Xing" + bytes(size - 4)


@pytest.mark.parametrize("kind", list(KINDS))
def test_recordings_one_behind_the_other_are_all_read(kind: str) -> None:
    parts = [encode(kind, 500.0 * (n + 1), seconds) for n, seconds in enumerate((1.0, 2.0, 1.5))]
    alone = np.concatenate([read_audio(io.BytesIO(part)).samples for part in parts])
    audio = read_audio(io.BytesIO(b"".join(parts)))
    assert (audio.problem, audio.info.frames) == (None, None)
    assert audio.duration == pytest.approx(4.5, abs=0.001)
    np.testing.assert_array_equal(audio.samples, alone)


def test_tags_between_mp3_recordings_are_no_sound() -> None:
    one, two = encode("mp3", 500.0, 1.0), encode("mp3", 900.0, 1.0)
    audio = read_audio(io.BytesIO(id3(300) + one + id3(2_000) + two))
    assert (audio.duration, audio.problem) == (2.0, None)
    assert len(find_links(io.BytesIO(id3(300) + id3(40) + one), id3(300))) == 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_second_recording_that_is_cut_short_is_told(kind: str) -> None:
    rate, options = KINDS[kind]
    made = io.BytesIO()
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * rate).astype(np.float32)
    soundfile.write(made, noise, rate, **{"format": "MP3", **options})
    two = made.getvalue()
    audio = read_audio(io.BytesIO(encode(kind, 500.0, 2.0) + two[: len(two) * 2 // 3]))
    assert audio.problem is not None
    assert 2.5 < audio.duration < 4.9
    assert f"{audio.duration:.2f} s" in audio.problem


def test_another_rate_in_the_middle_is_told() -> None:
    made = io.BytesIO()
    soundfile.write(made, np.zeros(16_000, np.float32), 16_000, format="OGG")
    audio = read_audio(io.BytesIO(encode("ogg", 500.0, 1.0) + made.getvalue()))
    assert (audio.duration, audio.problem) == (1.0, "damaged: rate or channels change after 1.00 s")


@settings(max_examples=30, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), seed=st.integers(0, 2**32 - 1), seconds=st.floats(0.1, 3.0))
def test_one_recording_is_one_link(kind: str, seed: int, seconds: float) -> None:
    rate, options = KINDS[kind]
    made = io.BytesIO()
    noise = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate)).astype(np.float32)
    soundfile.write(made, noise, rate, **{"format": "MP3", **options})
    content = made.getvalue()
    assert find_links(made, content[:4_096]) == [(0, len(content))]
