import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

BROKEN = {  # what is said of each
    "nought.wav": "is empty (0 bytes)",
    "none.wav": "contains no samples",
    "short.wav": "lasts 10 ms, too short to contain a sound",
    "nan.wav": "sample 500 (0.031 s) is not a number",
    "half.mp3": "cut short",
    "text.wav": "it is a text file, not audio",
}


def write_broken(folder: Path) -> None:
    """Every kind of recording that cannot be used."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nought.wav").write_bytes(b"")
    soundfile.write(folder / "none.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "short.wav", 0.1 * np.ones(160), 16_000)
    wave = np.zeros(16_000, np.float32)
    wave[500] = np.nan
    soundfile.write(folder / "nan.wav", wave, 16_000, subtype="FLOAT")
    noise = 0.1 * np.random.default_rng(0).standard_normal(96_000)
    soundfile.write(folder / "half.mp3", noise, 16_000)
    whole = (folder / "half.mp3").read_bytes()
    (folder / "half.mp3").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("this is no sound\n" * 10)


@pytest.fixture
def mixed(tmp_path: Path, collection: Path) -> Path:
    """A folder of two good recordings and all the broken ones."""
    folder = tmp_path / "mixed"
    write_broken(folder)
    for name in ("dev00.wav", "dev01.wav"):
        shutil.copy(collection / "dev" / "audio" / name, folder)
    return folder


@pytest.fixture
def train(earmark: Callable[..., object], recipe: Path) -> Callable[..., object]:
    """`earmark train DATA -o OUTPUT` by the tiny recipe, one epoch."""

    def call(data: Path, output: Path, *more: object) -> object:
        words = ("train", data, "-o", output, "--recipe", recipe, "--precision", "float32")
        return earmark(*words, *(() if "--epochs" in more or "--steps" in more else ("--epochs", 1)), *more)

    return call
