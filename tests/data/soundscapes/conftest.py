"""Isolated recordings made on the spot: tones padded with silence, and noise to lie under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.soundscapes.options import Sources
from earmark.data.soundscapes.sources import read_sources

RATE = 8_000
TONES = {"beep": 1000, "click": 2000, "hum": 200}  # Hz, whole periods in 10 ms


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of tones padded with silence, two folds; `rustle` is noise to lie under them."""
    folder = tmp_path_factory.mktemp("isolated")
    rows = ["filename,label,fold,licence,source"]
    for label, frequency in TONES.items():
        for number in range(4):
            one = tone(frequency, 0.2 + 0.1 * number)
            wave = [silence(0.3), one, silence(0.2 * number), tone(frequency, 0.1), silence(0.5)]
            soundfile.write(folder / f"{label}{number}.wav", np.concatenate(wave), RATE)
            licence = ("CC0-1.0", "CC-BY-NC-3.0")[number // 3]
            rows.append(f"{label}{number}.wav,{label},{1 + number % 2},{licence},person {number // 2}")
    rng = np.random.default_rng(0)
    for number in range(2):
        soundfile.write(folder / f"rustle{number}.wav", 0.1 * rng.standard_normal(2 * RATE), RATE)
        rows.append(f"rustle{number}.wav,rustle,{1 + number},CC0-1.0,me")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def sources(isolated: Path) -> Sources:
    return read_sources([isolated / "clips.csv"], background_labels=["rustle"])
