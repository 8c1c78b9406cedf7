"""What one recording is like: level, clipping, and a digest that is equal for equal sound."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.inspection import inspect
from earmark.errors import AudioError

RATE = 8_000


def written(path: Path, wave: np.ndarray, **options: str) -> Path:
    soundfile.write(path, wave, RATE, **options)
    return path


def test_level_peak_and_clipping_of_a_sine(tmp_path: Path) -> None:
    wave = 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    found = inspect(written(tmp_path / "a.wav", wave, subtype="FLOAT"))
    assert (found.samples, found.duration, found.clipped) == (RATE, 1.0, 0.0)
    assert found.peak == pytest.approx(0.5, abs=1e-6)
    assert found.level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-3)
    wave[:800] = 1.0
    assert inspect(written(tmp_path / "b.wav", wave, subtype="FLOAT")).clipped == pytest.approx(0.1)


def test_equal_sound_has_an_equal_digest_whatever_its_format(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).integers(-9_000, 9_000, RATE).astype(np.int16)
    wav, flac = (inspect(written(tmp_path / f"a.{form}", wave)) for form in ("wav", "flac"))
    assert wav.digest == flac.digest
    assert inspect(written(tmp_path / "b.wav", wave[::-1])).digest != wav.digest


def test_digital_silence_has_no_level(tmp_path: Path) -> None:
    assert inspect(written(tmp_path / "a.wav", np.zeros(RATE))).level == -np.inf


def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"a\.wav"):
        inspect(tmp_path / "a.wav")
