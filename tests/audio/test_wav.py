"""Wav files whose header does not say how much sound there is."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import probe, read_audio
from earmark.audio.wav import find_wav_sound

RATE = 8_000
WAVE = (0.3 * np.sin(np.arange(4 * RATE) * 0.7)).astype(np.float32)


@pytest.fixture
def pcm() -> bytes:
    return (WAVE * 32_767).astype("<i2").tobytes()


def riff(pcm: bytes, size: int, after: bytes = b"", magic: bytes = b"RIFF", ds64: bytes = b"") -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + ds64 + fmt + struct.pack("<4sI", b"data", size) + pcm + after
    return magic + struct.pack("<I", len(body) & 0xFFFF_FFFF) + body


def ds64(size: int, frames: int) -> bytes:
    return struct.pack("<4sIQQQI", b"ds64", 28, min(size + 72, 2**64 - 1), size, frames, 0)


def w64(pcm: bytes, size: int) -> bytes:
    def guid(name: bytes) -> bytes:
        return name + bytes.fromhex("f3acd3118cd100c04f8edb8a")

    fmt = guid(b"fmt ") + struct.pack("<QHHIIHH", 40, 1, 1, RATE, 2 * RATE, 2, 16)
    body = guid(b"wave") + fmt + guid(b"data") + struct.pack("<Q", size) + pcm
    return b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", 24 + len(body)) + body


def heard(content: bytes) -> tuple[float, str | None]:
    audio = read_audio(io.BytesIO(content))
    common = min(len(audio.samples), len(WAVE))
    np.testing.assert_allclose(audio.samples[:common], WAVE[:common], atol=1e-4)
    return audio.duration, audio.problem


@pytest.mark.parametrize("stated", [0, 0x7FFF_F000, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_recorder_that_never_closed_its_file_is_read_to_the_end(pcm: bytes, stated: int) -> None:
    assert heard(riff(pcm, stated)) == (4.0, None)


def test_a_recording_that_begins_with_silence_and_was_never_closed_is_read(pcm: bytes) -> None:
    audio = read_audio(io.BytesIO(riff(bytes(16_000) + pcm, 0)))
    assert (audio.duration, audio.problem) == (5.0, None)
    np.testing.assert_allclose(audio.samples[RATE:], WAVE, atol=1e-4)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("unset", [0, 0xFFFF_FFFF_FFFF_FFFF])
def test_sizes_of_64_bits_that_were_never_filled_in(pcm: bytes, magic: bytes, unset: int) -> None:
    assert heard(riff(pcm, 0xFFFF_FFFF, magic=magic, ds64=ds64(unset, 0))) == (4.0, None)
    assert heard(riff(pcm, 0xFFFF_FFFF, magic=magic, ds64=ds64(len(pcm), len(pcm) // 2))) == (4.0, None)


@pytest.mark.parametrize("magic", [b"RIFF", b"RF64", b"BW64"])
def test_a_long_header_of_a_file_that_was_cut_says_how_much_is_missing(pcm: bytes, magic: bytes) -> None:
    whole = riff(pcm, 0xFFFF_FFFF, magic=magic, ds64=ds64(len(pcm), len(pcm) // 2))
    whole = riff(pcm, len(pcm)) if magic == b"RIFF" else whole
    assert heard(whole[: -len(pcm) // 2]) == (2.0, "cut short: 2.00 s of 4.00 s are there")


@pytest.mark.parametrize("size", [0, 24, 0xFFFF_FFFF_FFFF_FFFF])
def test_a_w64_without_a_size_is_read_to_the_end(pcm: bytes, size: int) -> None:
    assert heard(w64(pcm, size)) == (4.0, None)
    assert heard(w64(pcm, 24 + len(pcm))) == (4.0, None)


def test_sound_behind_the_stated_end_is_told(pcm: bytes) -> None:
    duration, problem = heard(riff(pcm, len(pcm) // 4))
    assert duration == 1.0
    assert problem is not None
    assert "48000 bytes follow the 16000 bytes of sound" in problem


@pytest.mark.parametrize(
    "after",
    [
        b"",
        b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Some program\0\0",
        bytes(4_096),  # filled up to the end of a block
        b"TAG" + b"song".ljust(125),  # far less than can be heard
    ],
)
def test_what_usually_follows_sound_is_no_loss(pcm: bytes, after: bytes) -> None:
    assert heard(riff(pcm, len(pcm), after)) == (4.0, None)


def test_an_empty_recording_with_notes_after_it_stays_empty(pcm: bytes) -> None:
    notes = b"LIST" + struct.pack("<I", 4) + b"INFO"
    sound = find_wav_sound(io.BytesIO(riff(b"", 0, notes)), riff(b"", 0, notes))
    assert sound is not None
    assert (sound.size, sound.is_plain) == (0, True)


def test_sizes_modulo_four_gigabytes_are_read_to_the_end(tmp_path: Path) -> None:
    """Sparse: 4 GiB and 20 s, as a writer with sizes of 32 bits leaves it."""
    path, size = tmp_path / "long.wav", 2**32 + 20 * 2 * RATE
    with path.open("wb") as file:
        file.write(riff(b"", size % 2**32))
        file.truncate(44 + size)
    assert probe(path).frames == size // 2


def test_a_recording_that_grew_beyond_its_streamed_header(tmp_path: Path) -> None:
    path, size = tmp_path / "long.wav", 2**32 + 2**20
    with path.open("wb") as file:
        file.write(riff(b"\1\2\3\4" * 4, 0xFFFF_FFFF))
        file.truncate(44 + size)
    assert probe(path).frames == size // 2


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(800, 3_000),
    subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT", "ULAW", "PCM_U8"]),
    channels=st.integers(1, 3),
    magic=st.sampled_from(["WAV", "RF64", "WAVEX"]),
)
def test_files_with_right_sizes_are_left_to_libsndfile(frames: int, subtype: str, channels: int, magic: str) -> None:
    made = io.BytesIO()
    noise = 0.1 * np.random.default_rng(frames).standard_normal((frames, channels))
    soundfile.write(made, noise, RATE, format=magic, subtype=subtype)
    sound = find_wav_sound(made, made.getvalue()[:4_096])
    assert sound is not None
    assert sound.is_plain
    assert not sound.unread
    audio = read_audio(made)
    made.seek(0)
    np.testing.assert_array_equal(audio.samples, soundfile.read(made, dtype="float32", always_2d=True)[0].mean(axis=1))
    assert audio.problem is None
