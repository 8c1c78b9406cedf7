import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from earmark.data.manifest import read_manifest


@pytest.fixture(scope="session")
def tfrecords() -> ModuleType:
    """The module tfrecords.py (tests are no package, so it is loaded by path)."""
    spec = importlib.util.spec_from_file_location("tfrecords", Path(__file__).with_name("tfrecords.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recordings(tmp_path: Path) -> Callable[..., Path]:
    """Write short noises under these names, each different; returns their folder."""

    def make(*names: str, seconds: float = 0.5, rate: int = 8_000) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = sum(name.encode())
            rng = np.random.default_rng([seed, len(name), *name.encode()])
            soundfile.write(path, 0.1 * rng.standard_normal(round(seconds * rate)), rate)
        return tmp_path

    return make


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a text file of these lines, `|` standing for a tab."""

    def make(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines).replace("|", "\t") + "\n")
        return path

    return make


@pytest.fixture
def clips(recordings):
    """Clips of two labels at 22,050 Hz, one of them very quiet."""
    root = recordings(*(f"dog/{i}.wav" for i in range(4)), *(f"cat/{i}.flac" for i in range(3)), rate=22_050)
    soundfile.write(
        root / "dog" / "quiet.wav", 1e-4 * soundfile.read(root / "dog" / "0.wav")[0], 22_050, subtype="FLOAT"
    )
    return read_manifest(root).clips
