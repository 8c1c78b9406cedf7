from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Write = Callable[..., Path]


def tone(rate: int, seconds: float = 2.0, frequency: float = 1000.0, channels: int = 1) -> np.ndarray:
    """A tone from 0.5 s to 1.5 s in every channel, (samples, channels)."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * frequency * time) * ((time >= 0.5) & (time < 1.5))
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write samples to a file of any of libsndfile's formats; returns its path."""

    def save(name: str, samples: np.ndarray, rate: int, **options: str) -> Path:
        path = tmp_path / name
        if path.suffix == ".opus":
            options = {"format": "OGG", "subtype": "OPUS"}
        soundfile.write(path, samples, rate, **options)
        return path

    return save


@pytest.fixture(name="tone")
def tone_fixture() -> Callable[..., np.ndarray]:
    return tone


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Recordings at several depths, and files that are none."""
    for name in ("b.wav", "a.FLAC", "sub/c.ogg", "sub/deep/d.m4a", "notes.txt", ".hidden.wav", ".git/e.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path
