"""Weights at the end of a training: kept for some epochs, averaged, and given batch statistics of their own.

Averaging. Xu et al. 2018, section 2.4, average the posteriors of several epochs of one training: that is
`training.fuse`, and `runtime/ensemble.py`. Averaging their weights gives one model at the cost of one (epochs of one
run lie close together); `benchmarks/accuracy/scapes.py` measures both ways. The weights lie on disk as safetensors, so
that a run that is stopped finds them again.

Batch statistics. While weights change, the running statistics of batch normalisation lag behind: with a momentum of
0.01, which Keras and so Xu et al. 2018 have, by a hundred updates in each layer. After thousands of updates this does
not matter; after a few hundred it decides what the network scores. Averaged weights never had statistics of their own
(Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization", section 3.2). The plain
mean over some training batches, augmented as in training and without dropout, takes their place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from earmark.files import write_aside
from earmark.models.network import Network
from earmark.training.transfer import frozen_modules

Norm = nn.modules.batchnorm._BatchNorm


def epoch_file(folder: Path, epoch: int) -> Path:
    """Where the weights of an epoch (counted from 1) are kept."""
    return folder / f"epoch-{epoch:04d}.safetensors"


def save_epoch(folder: Path, epoch: int, state: dict[str, Tensor]) -> None:
    """Keep the weights after `epoch`."""
    with write_aside(epoch_file(folder, epoch)) as temporary:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        temporary.write_bytes(safetensors.torch.save(weights))  # so a full disk is an OSError and is reported as one


def average_weights(paths: Iterable[Path]) -> dict[str, Tensor]:
    """Mean of the weights in these files, taken in float64; counters keep their last value.

    `ValueError` when there is no file.
    """
    total: dict[str, Tensor] = {}
    last: dict[str, Tensor] = {}
    count = 0
    for path in paths:
        last = safetensors.torch.load_file(path)
        count += 1
        for name, tensor in last.items():
            total[name] = total.get(name, torch.zeros((), dtype=torch.float64)) + tensor.double()
    if not count:
        raise ValueError("no epoch to average")
    return {
        name: (total[name] / count).to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in last.items()
    }


@torch.no_grad()
def settle_norms(network: Network, batches: Iterable[tuple[Tensor, Tensor | None]], *, bf16: bool = False) -> None:
    """Take the statistics of all batch normalisations that are not frozen over `batches`; nothing else changes.

    A batch is scaled features (batch, frames, bands) and the valid frames of each clip (None: all), as
    `Network.classify` takes them. The network is left in evaluation mode.
    """
    network.eval()
    frozen = set(frozen_modules(network))
    norms = [
        module
        for module in network.modules()
        if isinstance(module, Norm) and module not in frozen and module.track_running_stats
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
        norm.train()
    try:
        for features, lengths in batches:
            with torch.autocast(features.device.type, dtype=torch.bfloat16, enabled=bf16):
                network.classify(features, lengths)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
