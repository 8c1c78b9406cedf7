"""A network before its first update: weights drawn or taken over, and its per-band scaling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from earmark.augment import step_seed
from earmark.data.store import ClipStore
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network
from earmark.reporter import Progress
from earmark.training.request import Request
from earmark.training.transfer import take_over

SCALING_CLIPS = 1000  # of the training clips, spread evenly, set the per-band scaling


def new_tagger(request: Request, labels: Labels, purpose: str = "weights") -> Network:
    """The network of a request, its weights drawn for a purpose, or those of the model it begins with."""
    torch.manual_seed(step_seed(request.seed, 0, purpose))
    network = Network(ModelOptions(labels=labels.names, **dict(request.network))).train()
    if request.source is not None:
        take_over(network, request.source)
    return network


def fit_scaling(network: Network, store: ClipStore, progress: Progress | None) -> None:
    """Fit the per-band scaling to clips of a store."""
    chosen = np.unique(np.linspace(0, len(store) - 1, SCALING_CLIPS).astype(int))

    def features() -> Any:
        for done, index in enumerate(chosen, 1):
            with torch.no_grad():
                yield network.unscaled(torch.from_numpy(store.read(int(index)))[None])[0][0]
            if progress is not None:
                progress(done, len(chosen))

    network.scaling.fit(features())
