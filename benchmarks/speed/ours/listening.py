"""What our sides share: a network as a model directory, and that directory as `earmark detect` opens it."""

from __future__ import annotations

import pathlib
from typing import Any

import torch
from torch import Tensor

from earmark.data.batches import Batch
from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.devices import Precision
from earmark.models.directory import open_tagger
from earmark.models.network import Network
from earmark.models.torch_engine import network_of
from earmark.pooling import Pooled
from earmark.runtime.tagger import Tagger

PRECISIONS: tuple[Precision, ...] = ("float32", "bf16")


def save(network: Network, folder: pathlib.Path) -> pathlib.Path:
    """A model directory, decided by the default operating point."""
    network.save_pretrained(folder)
    OperatingPoint.plain(network.labels).save(folder / FILE_NAME)
    return folder


def opened(folder: pathlib.Path, precision: Precision) -> Tagger:
    """The model with all that is done to it for speed when it is opened to listen."""
    return open_tagger([folder], precision=precision)


@torch.inference_mode()
def classify(tagger: Tagger, features: Tensor) -> Pooled:
    """Probabilities from features, in the tagger's precision."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=tagger.scorer.arithmetic.endswith("bf16")):
        return network_of(tagger.model).classify(features)


@torch.inference_mode()
def hear(tagger: Tagger, waveform: Tensor) -> Pooled:
    """Probabilities from waveforms (batch, samples), in the tagger's precision."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=tagger.scorer.arithmetic.endswith("bf16")):
        return network_of(tagger.model)(waveform)


def apart(one: Any, other: Any) -> float:
    """Largest difference between tensors of one side and of the other."""
    return max(float((a.float() - b.float()).abs().max()) for a, b in zip(one, other, strict=True))


def in_training(network: Network, options: Any = None) -> tuple[Any, torch.optim.Optimizer]:
    """What the engine trains, and the optimiser it does it with."""
    from earmark.training.module import TrainingModule
    from earmark.training.options import TrainingOptions

    module = TrainingModule(network, options or TrainingOptions(), total_steps=100_000, seed=0)
    module.train()
    return module, module.configure_optimizers()


def update(module: Any, optimiser: torch.optim.Optimizer, batch: Batch, bf16: bool, device: str = "cpu") -> Tensor:
    """One update as the engine makes it, from waveforms on, augmentation included; the loss."""
    optimiser.zero_grad()
    with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16, enabled=bf16):
        loss: Tensor = module.training_step(batch, 0)
    loss.backward()
    optimiser.step()
    return loss.detach()
