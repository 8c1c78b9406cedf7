"""A fully convolutional network with outputs at several depths, after Chou, Jang and Yang 2017 ("FrameCNN").

    features (batch, frames, bands)
      -> blocks of two 3 x 3 convolutions with normalisation and ReLU, each followed by average pooling
      -> from every block: mean over the bands, a linear layer with ReLU, mean over the frames of a step
                                                                        (batch, steps, depths * embedding)

The idea kept: what each frame sounds like is classified with its clip's label at every depth, so that the network
attends to more than the few telling parts which a mean over the last layer alone would find. The embeddings of all
depths stand side by side, shallowest first; the `levels` pooling classifies each, and `frame_supervision` says how
much of the loss teaches them.

Differs from the paper in: all sizes are our own, as its configuration is not published (docs/papers/xu2018.md, section
8.5).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.blocks import ConvBlock, check_pools
from earmark.encoders.contract import Encoded
from earmark.masking import valid_steps
from earmark.options import Options


class FrameCNNOptions(Options):
    """Sizes of the network."""

    kind: Literal["frame-cnn"] = "frame-cnn"
    channels: tuple[int, ...] = Field((32, 64, 128, 128), min_length=1)  # filters of each block
    convs: int = Field(2, gt=0)  # convolutions in each block
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 2), (1, 2))  # over time and frequency after each block
    embedding: int = Field(64, gt=0)  # channels of each depth
    dropout: float = Field(0.1, ge=0, lt=1)  # after each block

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_pools(self.pools, self.channels)
        return self


class FrameCNN(nn.Module):
    """Convolutions over time and frequency, with embeddings from every depth.

    >>> encoder = FrameCNN(FrameCNNOptions(channels=(4, 8), pools=((2, 2), (2, 2)), embedding=16), bands=64)
    >>> encoder(torch.zeros(2, 25, 64)).embeddings.shape, encoder.reduction
    (torch.Size([2, 6, 32]), Fraction(4, 1))
    """

    def __init__(self, options: FrameCNNOptions, bands: int) -> None:
        super().__init__()
        if bands // math.prod(pool for _, pool in options.pools) < 1:
            raise ValueError(f"{bands} bands are too few for pools {options.pools}: no band is left")
        widths = [1, *options.channels]
        self.blocks = nn.ModuleList(
            ConvBlock(
                inputs,
                outputs,
                options.convs,
                activation="relu",
                pool=pool,
                pool_kind="average",
                dropout=options.dropout,
            )
            for inputs, outputs, pool in zip(widths[:-1], widths[1:], options.pools, strict=True)
        )
        self.heads = nn.ModuleList(nn.Linear(width, options.embedding) for width in options.channels)
        self.times = [time for time, _ in options.pools]
        self.reduction = Fraction(math.prod(self.times))  # frames a step
        self.channels = len(options.channels) * options.embedding
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def ordered_blocks(self) -> list[list[nn.Module]]:
        """Each depth: a block, and the layer over its output (`depth.py`)."""
        return [[block, head] for block, head in zip(self.blocks, self.heads, strict=True)]

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames.

        A clip of fewer frames than a step needs is filled with zeros to one step.
        """
        left = int(self.reduction)  # frames a step has at this depth
        features = nn.functional.pad(features, (0, 0, 0, max(0, left - features.shape[1])))
        if lengths is not None:
            lengths = lengths.clamp(min=left)
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        depths = []
        for block, head, time in zip(self.blocks, self.heads, self.times, strict=True):
            x = block(x, None if lengths is None else valid_steps(lengths, x.shape[2]))
            left //= time
            if lengths is not None:
                lengths = torch.div(lengths, time, rounding_mode="floor")
            frames = torch.relu(head(x.mean(dim=3).transpose(1, 2)))  # (batch, frames at this depth, embedding)
            depths.append(frames.unfold(1, left, left).mean(dim=3))  # (batch, steps, embedding)
        return Encoded(torch.cat(depths, dim=2), lengths)
