"""The small models of tests/models/conftest.py, here as well (tests are no package, so it is loaded by path)."""

import importlib.util
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.evaluation.labelled import ScoredClips
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

_spec = importlib.util.spec_from_file_location("small_models", Path(__file__).parents[1] / "models" / "conftest.py")
_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_models)
loudness, network, noise_fixture, write = _models.loudness, _models.network, _models.noise_fixture, _models.write

LABELS = Labels(["flicker", "steady", "never"])


def make(recordings: int = 40, seed: int = 0, flicker: float = 0.3) -> ScoredClips:
    """Ten seconds of 0.1 s frames: one class whose curve flickers, one of short clean events, one that never comes."""
    rng = np.random.default_rng(seed)
    clips, many = [], []
    for number in range(recordings):
        truth, events = np.zeros((100, 3)), []
        for column, (name, shortest, longest) in enumerate((("flicker", 20, 40), ("steady", 3, 6))):
            if rng.random() < 0.6:
                onset, length = int(rng.integers(0, 60)), int(rng.integers(shortest, longest))
                truth[onset : onset + length, column] = 1
                events.append(Event(onset / 10, (onset + length) / 10, name))
        flipped = rng.random((100, 1)) < flicker * np.array([[1, 0, 0.1]])
        curve = np.where(flipped, 1 - truth, truth) * 0.8 + 0.1 + rng.uniform(-0.09, 0.09, (100, 3))
        clip = np.clip(0.3 + 0.4 * truth.max(axis=0) + rng.normal(0, 0.1, 3), 0, 1)
        name = f"{number}.wav"
        scores = Scores(name, LABELS, clip.astype(np.float32), curve.astype(np.float32), Clock(Fraction(1, 10)), 10.0)
        tags = tuple(sorted({event.label for event in events}))
        clips.append(Clip(Path(name), name, tags, tuple(events)))
        many.append(scores)
    return ScoredClips(LABELS, tuple(clips), tuple(many), ())


@pytest.fixture
def made() -> Callable[..., ScoredClips]:
    """Ten seconds of 0.1 s frames: one class that flickers, one of short clean events, one that never comes."""
    return make
