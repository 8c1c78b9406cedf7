"""Fully connected layers over embeddings that were computed elsewhere, as AudioSet's released ones.

    features (batch, vectors, 128) -> batch normalisation of every value (`input_norm`)
      -> dense, batch normalisation, ReLU, dropout, for each of `units`                 (batch, vectors, units[-1])

Every vector by itself; time is the pooling's. The systems of Hong et al. 2020's Table 2 that stand on it
(docs/papers/hong2020.md, sections 5.1 to 5.3), each with the pooling of its name:

    Gemmeke et al. 2017    one layer without normalisation (its width is not known; see the recipe)
    Yu et al. 2018         three of 600, dropout 0.4, of which the second and third are attended to: `levels: [2, 3]`
    Kong et al. 2019       three of 1024 without bias, dropout 0.5

`levels` names the layers, counted from one, whose values stand side by side in the channels; else it is the last.

Differs from the papers in: batch normalisation has torch's constants where Yu et al. had Keras's; weights start uniform
in +- sqrt(6 / inputs), as in the code of Kong et al., for all.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.cnn import norm_bands
from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d
from earmark.options import Options


class EmbeddingNetOptions(Options):
    """Sizes of the encoder."""

    kind: Literal["embedding-net"] = "embedding-net"
    units: tuple[int, ...] = Field((1024, 1024, 1024), min_length=1)  # of each layer
    levels: tuple[int, ...] | None = Field(None, min_length=1)  # layers side by side, from 1; None: the last alone
    bias: bool = False  # of the layers
    norm: bool = True  # batch normalisation after each layer
    input_norm: bool = True  # batch normalisation of what comes in
    dropout: float = Field(0.5, ge=0, lt=1)  # after each layer

    @model_validator(mode="after")
    def _check(self) -> Self:
        for level in self.levels or ():
            if not 1 <= level <= len(self.units):
                raise ValueError(f"levels contains {level}, expected layers 1 to {len(self.units)}")
        return self


class EmbeddingNet(nn.Module):
    """Vectors to embeddings, one by one.

    >>> options = EmbeddingNetOptions(units=(60, 60, 60), levels=(2, 3))
    >>> EmbeddingNet(options, bands=128)(torch.zeros(2, 10, 128)).embeddings.shape
    torch.Size([2, 10, 120])
    """

    reduction = Fraction(1)  # vectors a step

    def __init__(self, options: EmbeddingNetOptions, bands: int) -> None:
        super().__init__()
        self.levels = options.levels or (len(options.units),)
        self.channels = sum(options.units[level - 1] for level in self.levels)
        self.bn0 = MaskedBatchNorm2d(bands) if options.input_norm else None
        widths = (bands, *options.units)
        self.layers = nn.ModuleList(DenseLayer(a, b, options) for a, b in pairwise(widths))

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode vectors (batch, vectors, bands) of which each clip has `lengths` (batch,) valid."""
        x = features if self.bn0 is None else norm_bands(self.bn0, features, lengths)
        values = []
        for layer in self.layers:
            x = layer(x, lengths)
            values.append(x)
        return Encoded(torch.cat([values[level - 1] for level in self.levels], dim=2), lengths)


class DenseLayer(nn.Module):
    """Dense, batch normalisation, ReLU, dropout."""

    def __init__(self, inputs: int, outputs: int, options: EmbeddingNetOptions) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs, bias=options.bias)
        nn.init.kaiming_uniform_(self.dense.weight)
        if options.bias:
            nn.init.zeros_(self.dense.bias)
        self.norm = MaskedBatchNorm2d(outputs) if options.norm else None
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, vectors, inputs) to (batch, vectors, outputs)."""
        y = self.dense(x)
        y = y if self.norm is None else norm_bands(self.norm, y, lengths)
        out: Tensor = self.dropout(torch.relu(y))
        return out
