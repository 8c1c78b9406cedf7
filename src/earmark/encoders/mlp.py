"""The multilayer perceptron of the DCASE2017 baseline: each frame with its neighbours, and no memory.

    features (batch, frames, bands) -> each frame beside the two before and the two after (frames, 5 * bands)
      -> linear 50, ReLU, dropout 0.2, twice                                                   (batch, frames, 50)

The linear layer that gives the classes is the pooling's; with it the baseline has 13,467 parameters for 17 classes and
40 bands (docs/papers/xu2018.md, section 8.3). A clip's first and last frame stand in for neighbours beyond its ends.

Differs from the baseline in: the pooling's layer starts Glorot-uniform; here kernels start in (-0.05, 0.05) as there.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.contract import Encoded
from earmark.options import Options


class MLPOptions(Options):
    """Sizes of the perceptron."""

    kind: Literal["mlp"] = "mlp"
    context: int = Field(5, gt=0)  # frames seen at once, an odd number
    units: tuple[int, ...] = Field((50, 50), min_length=1)  # of each layer
    dropout: float = Field(0.2, ge=0, lt=1)  # after each layer

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.context % 2 == 0:
            raise ValueError(f"context must be odd (as many frames before as after), got {self.context}")
        return self


class MLP(nn.Module):
    """Frames with their neighbours to embeddings, frame by frame.

    >>> MLP(MLPOptions(), bands=40)(torch.zeros(2, 25, 40)).embeddings.shape
    torch.Size([2, 25, 50])
    """

    reduction = Fraction(1)  # frames a step

    def __init__(self, options: MLPOptions, bands: int) -> None:
        super().__init__()
        self.context = options.context
        self.channels = options.units[-1]
        layers: list[nn.Module] = []
        width = options.context * bands
        for units in options.units:
            linear = nn.Linear(width, units)
            nn.init.uniform_(linear.weight, -0.05, 0.05)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.ReLU(), nn.Dropout(options.dropout)]
            width = units
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        return Encoded(self.layers(with_context(features, self.context, lengths)), lengths)


def with_context(features: Tensor, context: int, lengths: Tensor | None = None) -> Tensor:
    """Each frame beside its neighbours: (batch, frames, bands) to (batch, frames, context * bands), earliest first.

    >>> with_context(torch.tensor([[[1.0], [2.0], [3.0]]]), 3)[0].tolist()
    [[1.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 3.0]]
    """
    batch, frames, bands = features.shape
    if lengths is None:
        lengths = torch.full((batch,), frames, device=features.device)
    steps = torch.arange(frames, device=features.device)
    offsets = torch.arange(context, device=features.device) - context // 2
    seen = (steps[:, None] + offsets).clamp(min=0).expand(batch, -1, -1)  # (batch, frames, context)
    seen = torch.minimum(seen, lengths[:, None, None] - 1).flatten(1)
    return features.gather(1, seen[:, :, None].expand(-1, -1, bands)).reshape(batch, frames, context * bands)
