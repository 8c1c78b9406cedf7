"""A small VGG-like network over whole clips or over segments of them, after Lee, Lee, Han and Lee 2017.

    segment: null   the whole clip at once; a step is what the poolings leave of time (16 frames)
    segment: n      n frames at a time, each as if it were a clip: nothing crosses the ends of a segment
                    (batch, segments, channels); frames after the last whole segment are left out

The idea: a network that sees the whole clip is the better network, networks that see short segments, each trained with
the clip's label, are the better locators, and several lengths of analysis window fused beat one (hence several recipes
and one that fuses them).

Differs from the paper in: all sizes are our own, as its configuration is not published (docs/papers/xu2018.md, section
8.4).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.blocks import ConvBlock
from earmark.encoders.contract import Encoded
from earmark.masking import fill_step, valid_steps
from earmark.options import Options


class SegmentCNNOptions(Options):
    """Sizes of the network."""

    kind: Literal["segment-cnn"] = "segment-cnn"
    segment: int | None = Field(None, gt=0)  # frames per segment; None: the whole clip
    channels: tuple[int, ...] = Field((32, 64, 128, 256), min_length=1)  # filters of each block, pooled 2 x 2
    convs: int = Field(2, gt=0)  # convolutions in each block
    dropout: float = Field(0.2, ge=0, lt=1)  # after each block


class SegmentCNN(nn.Module):
    """Convolutions over whole clips or their segments.

    >>> encoder = SegmentCNN(SegmentCNNOptions(segment=25, channels=(4, 8)), bands=64)
    >>> encoder(torch.zeros(2, 110, 64)).embeddings.shape, encoder.reduction
    (torch.Size([2, 4, 8]), Fraction(25, 1))
    """

    def __init__(self, options: SegmentCNNOptions, bands: int) -> None:
        super().__init__()
        depth = 2 ** len(options.channels)
        if bands < depth:
            raise ValueError(f"{bands} bands are too few for {len(options.channels)} poolings by 2: no band is left")
        if options.segment is not None and options.segment < depth:
            raise ValueError(f"a segment of {options.segment} frames is too short; these blocks need at least {depth}")
        self.segment = options.segment
        self.reduction = Fraction(options.segment or depth)  # frames a step
        self.channels = options.channels[-1]
        widths = [1, *options.channels]
        self.blocks = nn.ModuleList(
            ConvBlock(
                inputs, outputs, options.convs, activation="relu", pool=(2, 2), pool_kind="max", dropout=options.dropout
            )
            for inputs, outputs in pairwise(widths)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames.

        A clip of fewer frames than a step needs is filled with zeros to one step.
        """
        features, lengths = fill_step(features, lengths, int(self.reduction))
        if self.segment is None:
            return self._convolve(features, lengths)
        if lengths is not None:
            lengths = torch.div(lengths, self.segment, rounding_mode="floor")
        return Encoded(self._apart(features, self.segment, lengths), lengths)

    def _convolve(self, features: Tensor, lengths: Tensor | None) -> Encoded:
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        for block in self.blocks:
            x = block(x, None if lengths is None else valid_steps(lengths, x.shape[2]))
            if lengths is not None:
                lengths = torch.div(lengths, 2, rounding_mode="floor")
        return Encoded(x.mean(dim=3).transpose(1, 2), lengths)  # (batch, steps, channels)

    def _apart(self, features: Tensor, segment: int, segments: Tensor | None) -> Tensor:
        """Embeddings (batch, segments, channels) of segments encoded one by one; those beyond a clip's end are zero."""
        batch, frames, bands = features.shape
        count = frames // segment
        pieces = features[:, : count * segment].reshape(batch * count, segment, bands)
        if segments is None:
            own = self._convolve(pieces, None).embeddings.mean(dim=1)  # (batch * segments, channels)
            return own.reshape(batch, count, -1)
        valid = valid_steps(segments, count)
        own = self._convolve(pieces, segment * valid.flatten()).embeddings.mean(dim=1)
        return own.reshape(batch, count, -1) * valid[:, :, None]
