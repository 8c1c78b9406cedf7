"""Our networks with the weights of `rivals/public.py`, imported and opened as a user does."""

from __future__ import annotations

import pathlib

import torch

from benchmarks.speed.ours.listening import PRECISIONS, apart, classify, opened
from benchmarks.speed.worker import Jobs
from earmark.devices import tune_allocator
from earmark.encoders import ATST, BEATs
from earmark.hub.importing import import_checkpoint
from earmark.models.network import Network

LEAST_SPREAD = 0.05  # of clip scores: fewer would say nothing


def start(folder: str, name: str, clips: int, seconds: float) -> Jobs:
    """Jobs from features on, in both precisions."""
    tune_allocator()
    place = pathlib.Path(folder)
    import_checkpoint(place / "checkpoint.pt", place / "model", name)
    network = Network.from_pretrained(place / "model")
    waveform = 0.1 * torch.randn(clips, round(seconds * network.rate), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        features, _ = network.features(waveform)
        torch.save(as_theirs(network, features), place / "features.pt")
    models = {precision: opened(place / "model", precision) for precision in PRECISIONS}

    def check(precision: str) -> float:
        ours, theirs = classify(models[precision], features), torch.load(place / "scores.pt")
        assert theirs.amax(dim=1).std() > LEAST_SPREAD
        return apart([ours.frames], [theirs])

    def infer(precision: str) -> None:
        classify(models[precision], features)

    return {
        "check": check,
        **{f"infer {precision}": lambda precision=precision: infer(precision) for precision in PRECISIONS},
    }


def as_theirs(network: Network, features: torch.Tensor) -> torch.Tensor:
    """Features as the authors' front-ends scale them, which our encoders do."""
    encoder = network.encoder
    if isinstance(encoder, ATST):
        options = encoder.options
        cut = features.clamp(options.least, options.most)
        return (cut - options.low) / (options.high - options.low) * 2 - 1
    assert isinstance(encoder, BEATs)
    return (features - encoder.options.mean) / encoder.options.deviation
