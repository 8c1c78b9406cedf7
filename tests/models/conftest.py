from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from earmark.encoders import CRNNOptions
from earmark.encoders.contract import Encoded
from earmark.features import LogMelOptions
from earmark.masking import valid_steps
from earmark.models.network import ModelOptions, Network
from earmark.pooling import Pooled
from tests.models.systems import with_seed

RATE = 8_000
FINE = {"features": LogMelOptions(rate=8_000, window=512, hop=160, bands=16), "window_seconds": 2.0}
FAST = {"features": LogMelOptions(rate=16_000, window=1024, hop=640, bands=24)}


def options(**changes: object) -> ModelOptions:
    """A small model at 8 kHz with 25 frames a second and windows of a second, a fifth of it overlapping."""
    return ModelOptions(
        **{
            "labels": ("loud", "quiet"),
            "features": LogMelOptions(rate=RATE, window=512, hop=320, bands=24),
            "encoder": CRNNOptions(channels=(4,), pools=(4,), last=8, units=6),
            "window_seconds": 1.0,
            "overlap_seconds": 0.2,
            **changes,
        }
    )


class Level(nn.Module):
    """An encoder whose one channel is the mean of a frame's bands."""

    channels, reduction = 1, Fraction(1)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        return Encoded(features.mean(dim=2, keepdim=True), lengths)


class LevelPooling(nn.Module):
    """A pooling that takes the most of frame scores that follow a level."""

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        loud = torch.sigmoid(embeddings[:, :, 0] + 12)
        frames = torch.stack([loud, 1 - loud], dim=2)
        if lengths is not None:
            frames = frames * valid_steps(lengths, frames.shape[1])[:, :, None]
        return Pooled(frames.amax(dim=1), frames, torch.zeros_like(frames))


class Loudness(Network):
    """A tagger whose scores follow the level: `loud` rises with it, `quiet` is the rest; the clip has the highest."""

    def __init__(self, options: ModelOptions) -> None:
        super().__init__(options)
        self.encoder, self.pooling = Level(), LevelPooling()


@pytest.fixture
def loudness() -> Loudness:
    return Loudness(options()).eval()


@pytest.fixture
def network() -> Callable[..., Network]:
    """Make a real tagger with weights drawn from a seed and scaling fitted to noise."""

    def make(**changes: object) -> Network:
        torch.manual_seed(0)
        tagger = Network(options(**changes))
        tagger.scaling.fit(tagger.front_end(0.1 * torch.randn(4, RATE)))
        for module in tagger.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias, std=0.5)
        return tagger.eval()

    return make


def noise(seconds: float, loud: tuple[float, float] = (0, 0), seed: int = 0) -> np.ndarray:
    """Faint noise (samples,) that is loud from one time to another."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)
    time = np.arange(len(samples)) / RATE
    return samples * np.where((time >= loud[0]) & (time < loud[1]), np.float32(0.1), np.float32(1e-5))


@pytest.fixture(name="noise")
def noise_fixture() -> Callable[..., np.ndarray]:
    return noise


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write samples to a wav of 32-bit floats, so that nothing is rounded; returns its path."""

    def save(name: str, samples: np.ndarray, rate: int = RATE) -> Path:
        soundfile.write(tmp_path / name, samples, rate, subtype="FLOAT")
        return tmp_path / name

    return save


@pytest.fixture
def systems(network: Callable[..., Network]) -> list[Network]:
    """Two epochs of one training, a system on another clock, and one at another rate."""
    fine = {**FINE, "encoder": CRNNOptions(channels=(4,), pools=(4,), last=8, units=6)}
    made = [network(), network(), network(**fine), network(**FAST)]
    return [with_seed(tagger, seed) for seed, tagger in enumerate(made)]
