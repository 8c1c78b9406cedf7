"""The network to begin with: an earlier bundled model's, under the new labels.

What belongs to a label (rows of the last linear layers) is taken over where the label is the same or was merged into
the new one, and is the mean of all labels' where it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from earmark.models.network import Network
from tools.bundled.table import MERGED


def begin(model: Path, labels: Sequence[str], folder: Path) -> None:
    """Write a model directory of `model`'s network for `labels`."""
    old = Network.from_pretrained(model)
    new = Network(old.options.model_copy(update={"labels": tuple(labels)}))
    rows = [_rows(label, old.labels.names) for label in labels]
    state = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    for name, tensor in old.state_dict().items():
        if state[name].shape == tensor.shape:
            state[name] = tensor
        else:
            state[name] = torch.stack([_mean(tensor, chosen) for chosen in rows])
    new.load_state_dict(state)
    new.save_pretrained(folder)


def _rows(label: str, known: Sequence[str]) -> list[int]:
    """Which labels of the old model a new one is made of."""
    chosen = [number for number, name in enumerate(known) if name == label or MERGED.get(name) == label]
    return chosen or list(range(len(known)))


def _mean(tensor: Tensor, rows: list[int]) -> Tensor:
    return tensor[rows].mean(dim=0)
