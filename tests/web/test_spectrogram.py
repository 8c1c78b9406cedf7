"""The picture says where and how high a sound is, for the whole and for a part; and it is a PNG."""

import io
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.web.spectrogram import BANDS, HOP, Spectrogram, measure, palette, png, tile


def decode(content: bytes) -> np.ndarray:
    """Places in the palette (height, width) of a PNG, its checksums checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(content):
        (length,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        (stated,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + body) == stated
        parts[kind] = body
        at += 12 + length
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert (depth, colour, len(parts[b"PLTE"])) == (8, 3, 768)
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def made(tmp_path: Path, wave: np.ndarray, rate: int) -> Spectrogram:
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    return measure(tmp_path / "a.wav", tmp_path / "levels.bin")


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("hz", [440.0, 3_000.0])
def test_a_tone_is_bright_at_its_pitch_and_its_time_and_nowhere_else(tmp_path: Path, rate: int, hz: float) -> None:
    times = np.arange(4 * rate) / rate
    wave = np.where((times >= 1) & (times < 2), 0.05 * np.sin(2 * np.pi * hz * times), 0)
    spectrogram = made(tmp_path, wave, rate)
    assert len(spectrogram.levels) * spectrogram.hop == pytest.approx(4, abs=3 * HOP)
    band = int(np.searchsorted(spectrogram.edges, hz)) - 1
    frames = np.flatnonzero(spectrogram.levels[:, band] > 200) * spectrogram.hop
    assert frames[0] == pytest.approx(1, abs=2 * HOP)
    assert frames[-1] == pytest.approx(2, abs=2 * HOP)
    inside = spectrogram.levels[round(1.5 / spectrogram.hop)]
    assert abs(int(inside.argmax()) - band) <= 1
    assert spectrogram.levels[round(3 / spectrogram.hop)].max() == 0


def test_a_tile_of_a_part_is_the_part_of_the_whole(tmp_path: Path) -> None:
    rate = 16_000
    wave = 0.1 * np.random.default_rng(0).standard_normal(6 * rate)
    spectrogram = made(tmp_path, wave, rate)
    whole = decode(tile(spectrogram, 0.0, 6.0, 600, BANDS))
    part = decode(tile(spectrogram, 2.0, 4.0, 200, BANDS))
    assert (whole[:, 200:400] == part).all()


def test_a_click_is_seen_however_far_away_one_looks(tmp_path: Path) -> None:
    rate = 8_000
    wave = np.zeros(60 * rate)
    wave[31 * rate] = 1.0
    picture = decode(tile(made(tmp_path, wave, rate), 0.0, 60.0, 60, 20))
    assert np.flatnonzero(picture.max(axis=0) > 60).tolist() in ([31], [30, 31])


def test_what_lies_outside_is_dark_and_any_size_can_be_asked_for(tmp_path: Path) -> None:
    spectrogram = made(tmp_path, 0.1 * np.random.default_rng(0).standard_normal(8000), 8000)
    picture = decode(tile(spectrogram, 0.5, 2.5, 40, 7))
    assert picture.shape == (7, 40)
    assert picture[:, :8].min() > 0
    assert not picture[:, 12:].any()
    assert not decode(tile(spectrogram, 10, 20, 5, 5)).any()
    assert decode(tile(spectrogram, 0.2, 0.2001, 50, 300)).shape == (300, 50)


def test_it_does_not_depend_on_how_the_file_is_read(tmp_path: Path) -> None:
    rate = 16_000
    wave = 0.1 * np.random.default_rng(1).standard_normal(25 * rate)
    whole = np.array(made(tmp_path, wave, rate).levels)
    late = np.array(made(tmp_path, wave[3 * rate :], rate).levels)  # blocks begin elsewhere
    shift = round(3 / HOP)
    assert len(whole) == len(late) + shift
    assert (whole[shift + 5 :] == late[5:]).all()


def test_a_recording_shorter_than_a_frame_has_a_picture(tmp_path: Path) -> None:
    assert len(made(tmp_path, np.full(20, 0.5), 8000).levels) >= 1


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(60 * 8000), 8000)
    stop = threading.Event()
    stop.set()
    assert len(measure(tmp_path / "a.wav", tmp_path / "levels.bin", stop).levels) < 10


def test_each_colour_is_brighter_than_the_one_before() -> None:
    light = palette().astype(int) @ [299, 587, 114]
    assert (np.diff(light) >= 0).all()
    assert light[-1] > 8 * max(1, light[0])


def test_other_programs_read_the_picture() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 64)
    read = np.asarray(image.open(io.BytesIO(png(pixels, palette()))).convert("RGB"))
    assert (read == palette()[pixels]).all()
