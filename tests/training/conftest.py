from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.data.manifest import read_manifest
from earmark.encoders import CRNNOptions
from earmark.features import LogMelOptions
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.request import Request

RATE = 8_000


class Sounds:
    """Clips of about a second: a tone for the first label, a burst of noise for the second, both, or neither."""

    def __init__(self, clips: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.targets = rng.random((clips, 2)) < 0.4
        self.targets[:3] = [[True, False], [False, True], [False, False]]
        self.spans = rng.uniform(0.0, 0.5, clips)  # where the sounds begin; each lasts 0.3 s
        self.clips = [self._make(rng, *self.targets[n], self.spans[n], RATE - 900 * (n % 3)) for n in range(clips)]

    @staticmethod
    def _make(rng: np.random.Generator, tone: bool, burst: bool, start: float, samples: int) -> np.ndarray:
        time = np.arange(samples) / RATE
        inside = (time >= start) & (time < start + 0.3)
        sound = 0.01 * rng.standard_normal(samples)
        sound += tone * inside * 0.2 * np.sin(2 * np.pi * rng.uniform(900, 1_100) * time)
        sound += burst * inside * 0.2 * rng.standard_normal(samples)
        return sound.astype(np.float32)

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        return len(self.clips[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        return self.clips[index][start : None if length is None else start + length]


@pytest.fixture
def sounds() -> Callable[..., Sounds]:
    return lambda clips=24, seed=0: Sounds(clips, seed)


@pytest.fixture
def untrained() -> Callable[..., Network]:
    """Make a small tagger, the same each time."""

    def make(**changes: object) -> Network:
        torch.manual_seed(0)
        encoder = {"channels": (4, 8), "pools": (2, 4), "convs": 1, "last": 16, "units": 8, **changes}
        features = LogMelOptions(rate=RATE, window=512, hop=320, bands=24)
        tagger = Network(ModelOptions(labels=("tone", "burst"), features=features, encoder=CRNNOptions(**encoder)))
        noise = Sounds(20, seed=9)
        tagger.scaling.fit(tagger.front_end(torch.from_numpy(clip)[None])[0] for clip in noise.clips)
        return tagger.train()

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "model"


Ask = Callable[..., Request]


@pytest.fixture
def ask(collection: Path, recipe: Path, tmp_path: Path) -> Ask:
    def call(*changes: str, output: str = "m", seed: int = 0, validate: bool = True, **more: object) -> Request:
        chosen = load_recipe(str(recipe), ["training.epochs=2", *changes])
        train = read_manifest(collection / "train")
        valid = read_manifest(collection / "dev", labels=train.labels) if validate else None
        return Request(
            train=train,
            valid=valid,
            network=chosen.network,
            training=chosen.training,
            output=tmp_path / output,
            seed=seed,
            recipe=chosen.to_yaml(),
            **more,
        )

    return call
