"""The small models of tests/models/conftest.py, here as well (tests are no package, so it is loaded by path).

`bulk_script.py` beside this file can be imported: processes of their own run it as a script, too.
"""

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.engine import WindowPlan
from earmark.labels import Labels
from tests.runtime.reviewed import write_results

sys.path.insert(0, str(Path(__file__).parent))

_spec = importlib.util.spec_from_file_location("small_models", Path(__file__).parents[1] / "models" / "conftest.py")
_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_models)
loudness, network, noise_fixture, write = _models.loudness, _models.network, _models.noise_fixture, _models.write


class Meter:
    """Scores follow the level of a frame of 40 ms and of its neighbours; the clip has the highest."""

    labels, rate, clock = Labels(["loud", "rising"]), 1_000, Clock(Fraction(1, 25))
    takes, batch, arithmetic, parameters = "sound", 4, "cpu", 0
    plan = WindowPlan(2_000, 1_600, 40, 10, longest=2_000)
    windows = 0

    def fingerprint(self) -> str:
        return "meter"

    def steps_in(self, samples: int) -> int:
        return max(1, -(-samples // 40))

    def listen(self, waveform, lengths, watch=None):
        self.windows += len(waveform)
        clips, frames = [], []
        steps = self.steps_in(waveform.shape[1])
        for row, length in zip(waveform, lengths, strict=True):
            filled = np.zeros(steps * 40, np.float32)
            filled[:length] = row[:length]
            level = np.abs(filled.reshape(steps, 40)).mean(axis=1)
            around = np.convolve(level, [0.25, 0.5, 0.25], mode="same")
            found = np.clip(np.stack([around, np.maximum(0, np.gradient(around) if steps > 1 else around)], 1), 0, 1)
            found = found.astype(np.float32)
            frames.append(found)
            clips.append(found.max(axis=0))
        return np.stack(clips), np.stack(frames)


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with a table of events and, beside it, the recordings."""
    return write_results(tmp_path / "results")
