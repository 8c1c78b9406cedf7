"""Sound on stdin: wav or bare samples, in whatever pieces they come; what is no sound is refused in a line."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio.pcm import PcmStream, decode_pcm
from earmark.errors import AudioError, ConfigError

SAID: list[str] = []


class Pipe(io.RawIOBase):
    """Bytes that come in pieces and cannot be wound back."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes = data, sizes

    def readable(self) -> bool:
        return True

    def read1(self, most: int) -> bytes:
        size = min(most, self.sizes.pop(0) if self.sizes else most)
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def whole(stream: PcmStream) -> np.ndarray:
    blocks = list(stream.blocks(SAID.append))
    assert all(0 < len(block) <= stream.rate // 10 for block in blocks)
    return np.concatenate([np.zeros((0, stream.channels), np.float32), *blocks])


@pytest.mark.parametrize(
    ("samples", "subtype"),
    [
        ("s16le", "PCM_16"),
        ("s24le", "PCM_24"),
        ("s32le", "PCM_32"),
        ("u8", "PCM_U8"),
        ("f32le", "FLOAT"),
        ("f64le", "DOUBLE"),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_every_kind_of_sample_is_read_as_libsndfile_does(samples: str, subtype: str, header: bool) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, (5_000, 2))
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="WAV" if header else "RAW", subtype=subtype)
    file.seek(0)
    expected = soundfile.read(
        file,
        dtype="float32",
        **({} if header else {"format": "RAW", "subtype": subtype, "samplerate": 16_000, "channels": 2}),
    )[0]
    file.seek(0)
    stream = PcmStream(file, 16_000, 2, samples) if not header else PcmStream(file)
    assert (stream.rate, stream.channels, stream.samples) == (16_000, 2, samples)
    np.testing.assert_allclose(whole(stream), expected, atol=1e-7)


@given(st.lists(st.integers(1, 700), max_size=40))
def test_it_makes_no_difference_in_which_pieces_bytes_come(sizes: list[int]) -> None:
    sound = (np.random.default_rng(1).uniform(-1, 1, 3_000) * 32_767).astype("<i2")
    stream = PcmStream(Pipe(sound.tobytes(), sizes), 8_000)  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole(stream)[:, 0], decode_pcm(sound.tobytes(), "s16le"))


@pytest.mark.parametrize("stated", [0, 0xFFFF_FFFF, 0x7FFF_F024])
def test_a_wav_whose_writer_did_not_know_its_length_is_read_to_the_end(stated: int) -> None:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", 0xFFFF_FFFF, b"WAVE") + form + struct.pack("<4sI4s", b"LIST", 4, b"INFO")
    stream = PcmStream(io.BytesIO(header + struct.pack("<4sI", b"data", stated) + b"\0\x40" * 2_000))
    assert whole(stream).tolist() == [[0.5]] * 2_000


def test_what_follows_the_sound_of_a_wav_is_no_sound() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(100, 0.5), 8_000, format="WAV", subtype="PCM_16")
    stream = PcmStream(io.BytesIO(file.getvalue() + b"LIST" + b"\x7f" * 100))
    assert len(whole(stream)) == 100


def test_half_a_sample_at_the_end_is_reported() -> None:
    SAID.clear()
    assert len(whole(PcmStream(io.BytesIO(b"\0\1" * 50 + b"\0"), 8_000))) == 50
    assert SAID == ["stdin: ended within a sample; 1 bytes left out"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "stdin is empty"),
        (b"ID3\4" + bytes(100), "stdin is an mp3, expected a wav"),
        (b"fLaC" + bytes(100), "stdin is a flac"),
        (b"\0\0\0 ftypM4A " + bytes(100), "stdin is an mp4 or m4a"),
        (b"hello, this is text\n", "stdin is text"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a wav without format or sound"),
        (
            b"RIFF\0\0\0\0WAVE" + struct.pack("<4sIHHIIHH", b"fmt ", 16, 6, 1, 8_000, 8_000, 1, 8) + b"data\0\0\0\0",
            "a wav of kind 6 with 8 bits",
        ),
    ],
)
def test_what_is_no_sound_is_refused_in_a_line(data: bytes, said: str) -> None:
    with pytest.raises(AudioError, match=said) as error:
        PcmStream(io.BytesIO(data), 8_000)
    assert "\n" not in str(error.value)


def test_bare_samples_need_a_rate_and_a_known_kind() -> None:
    with pytest.raises(ConfigError, match="no wav; for samples without a header give --rate"):
        PcmStream(io.BytesIO(bytes(range(128, 160)) * 10))
    with pytest.raises(ConfigError, match="did you mean 's16le'"):
        PcmStream(io.BytesIO(bytes(100)), 8_000, samples="s16l")
