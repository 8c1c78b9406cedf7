"""Weights of the epochs that a model is made of, and the last epochs averaged into one set of weights.

Xu et al. 2018, section 2.4, average the posteriors of several epochs of one training: that is `training.fuse`, and
`models/fusion.py`. Averaging their weights gives one model at the cost of one (epochs of one run lie close
together); `benchmarks/scapes.py` measures both ways. The weights lie on disk as safetensors, so that a run that is
stopped finds them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from earmark.files import write_aside


def epoch_file(folder: Path, epoch: int) -> Path:
    """Where the weights of an epoch (counted from 1) are kept."""
    return folder / f"epoch-{epoch:04d}.safetensors"


def save_epoch(folder: Path, epoch: int, state: dict[str, Tensor]) -> None:
    """Keep the weights after `epoch`."""
    with write_aside(epoch_file(folder, epoch)) as temporary:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        temporary.write_bytes(safetensors.torch.save(weights))  # a full disk is an OSError so, and told as one


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
