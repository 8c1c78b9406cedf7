"""Batch normalisation's running statistics, taken anew for weights that will not change any more.

While weights change, the statistics that inference goes by trail behind: with a momentum of 0.01, which Keras and so
Xu et al. 2018 have, by a hundred updates, in each of a network's layers. After thousands of updates this is nothing;
after a few hundred it decides what the network says. Averaged weights never had statistics of their own at all
(Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization", section 3.2).

Here the plain mean over some training batches, augmented as in training, takes their place. Dropout is off.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from earmark.models.tagger import Tagger

Norm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def settle_norms(tagger: Tagger, batches: Iterable[tuple[Tensor, Tensor | None]], *, bf16: bool = False) -> None:
    """Take the statistics of all batch normalisations that are not frozen over `batches`; nothing else changes.

    A batch is scaled features (batch, frames, bands) and the valid frames of each clip (None: all), as
    `Tagger.classify` takes them. The tagger is left in evaluation mode.
    """
    tagger.eval()
    norms = [module for module in tagger.modules() if isinstance(module, Norm) and _learns(module)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
        norm.train()
    try:
        for features, lengths in batches:
            with torch.autocast(features.device.type, dtype=torch.bfloat16, enabled=bf16):
                tagger.classify(features, lengths)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def _learns(norm: Norm) -> bool:
    return norm.track_running_stats and (norm.weight is None or norm.weight.requires_grad)
