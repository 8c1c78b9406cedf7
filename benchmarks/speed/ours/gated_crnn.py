"""Our gated CRNN at the sizes of `rivals/gated_crnn.py`, as `earmark train` and `earmark detect` run it."""

from __future__ import annotations

import pathlib
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed.ours.listening import PRECISIONS, apart, classify, in_training, opened, save
from benchmarks.speed.worker import Jobs
from earmark.devices import tune_allocator
from earmark.encoders import CRNNOptions
from earmark.features import LogMelOptions
from earmark.models.network import ModelOptions, Network
from earmark.training.objective import clip_loss

FEATURES = LogMelOptions(
    rate=16_000, window=1024, hop=664, window_shape="hamming", power=1, density=False, centre=False
)


def made(weights: pathlib.Path, overlap: float = 2.0) -> Network:
    """A network with the weights of the textbook form, which lists its tensors in the same order."""
    theirs = torch.load(weights)
    labels = tuple(f"sound {number}" for number in range(len(theirs["classify.bias"])))
    options = ModelOptions(
        labels=labels, features=FEATURES, encoder=CRNNOptions(), scale_bands=False, overlap_seconds=overlap
    )
    network = Network(options)
    names = [name for name in network.state_dict() if not name.startswith("scaling.")]
    network.load_state_dict(dict(zip(names, theirs.values(), strict=True)), strict=False)
    return network.eval()


def start(folder: str, batch: int, frames: int, classes: int) -> Jobs:
    """Jobs on features alone, in both precisions."""
    tune_allocator()
    place = pathlib.Path(folder)
    directory = save(made(place / "weights.pt"), place / "model")
    listening = {precision: opened(directory, precision) for precision in PRECISIONS}
    random = torch.Generator().manual_seed(1)
    features = torch.randn(batch, frames, FEATURES.bands, generator=random)
    targets = (torch.rand(batch, classes, generator=random) < 0.1).float()
    training: dict[str, Any] = {}

    def check(precision: str) -> float:
        pooled = classify(listening[precision], features)
        return apart(torch.load(place / "scores.pt"), (pooled.clip, pooled.frames))

    def infer(precision: str) -> None:
        classify(listening[precision], features)

    def train(precision: str) -> float:
        if precision not in training:
            training[precision] = in_training(made(place / "weights.pt"))
        module, optimiser = training[precision]
        return train_on(module, optimiser, features, targets, precision == "bf16")

    return {
        "check": check,
        **{f"infer {precision}": lambda precision=precision: infer(precision) for precision in PRECISIONS},
        **{f"train {precision}": lambda precision=precision: train(precision) for precision in PRECISIONS},
    }


def train_on(module: Any, optimiser: torch.optim.Optimizer, features: Tensor, targets: Tensor, bf16: bool) -> float:
    """One update from features on, without augmentation, as the rival makes it."""
    optimiser.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        loss = clip_loss(module.tagger.classify(features).clip, targets)
    loss.backward()
    optimiser.step()
    return float(loss.detach())
