"""The (gated) convolutional recurrent encoder of Xu et al. 2018, section 2 and Fig. 1.

    features (batch, frames, bands)
      -> blocks of gated convolutions, each followed by pooling over frequency alone (section 3: time is not pooled,
         so that the frames keep the resolution of the spectrogram)
      -> one wider convolution with ReLU, then the remaining bands collapse to one
      -> bidirectional GRU                                               (batch, frames, 2 * units)

Differs from the paper in: sizes are options (the paper: three blocks, 64 filters, pooling 1 x 2, 128 units); the GRU is
torch's, not Keras 2's with its hard sigmoid (docs/papers/xu2018.md, section 2.3).
`activation: relu` is the CRNN without gates that the paper compares with.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders import fused_norm
from earmark.encoders.blocks import Activation, Conv, ConvBlock, check_pools, fused, fuses
from earmark.encoders.contract import Encoded
from earmark.encoders.recurrence import recur
from earmark.masking import valid_steps
from earmark.options import Options


class BlocksOptions(Options):
    """Sizes of convolution blocks over time and frequency."""

    channels: tuple[int, ...] = Field((64, 64, 64), min_length=1)  # filters of each block
    convs: int = Field(2, gt=0)  # convolutions in each block
    pools: tuple[int, ...] = (2, 2, 2)  # pooling over frequency after each block
    activation: Activation = "glu"
    pool_kind: Literal["max", "average"] = "max"
    basis_kernels: int = Field(1, gt=0)  # that each band mixes its own from (`dynamic.py`); 1: plain
    dropout: float = Field(0.0, ge=0, lt=1)  # after each block and after the GRU

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_pools(self.pools, self.channels)
        return self


class CRNNOptions(BlocksOptions):
    """Sizes of the encoder."""

    kind: Literal["crnn"] = "crnn"
    last: int = Field(256, gt=0)  # filters of the last convolution
    units: int = Field(128, gt=0)  # of the GRU, each direction
    layers: int = Field(1, gt=0)  # of the GRU


class CRNN(nn.Module):
    """Convolutions over time and frequency, then a bidirectional GRU.

    >>> CRNN(CRNNOptions(channels=(8, 8), pools=(4, 4), units=16), bands=64)(torch.zeros(2, 25, 64)).embeddings.shape
    torch.Size([2, 25, 32])
    """

    reduction = Fraction(1)  # frames a step

    def __init__(self, options: CRNNOptions, bands: int) -> None:
        super().__init__()
        self.blocks = make_blocks(options, bands)
        widest = options.channels[-1]
        self.last = Conv(widest, options.last, "linear")  # its ReLU follows the maximum: the same, for less
        self.gru = nn.GRU(options.last, options.units, options.layers, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(options.dropout)
        self.channels = 2 * options.units
        initialise(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        mask = None if lengths is None else valid_steps(lengths, features.shape[1])
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        for block in self.blocks:
            x = block(x, mask)
        if mask is not None:
            x = x * mask[:, None, :, None]
        x = self._collapsed(x, mask).transpose(1, 2)  # (batch, frames, last)
        return Encoded(self.dropout(recur(self.gru, x, lengths)), lengths)

    def _collapsed(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The last convolution and the largest of all bands, (batch, last, frames)."""
        bands = (1, x.shape[3])
        if fused_norm.usable(x) and fuses(self.last):
            return fused(self.last, x, mask, bands)[..., 0].relu()
        # amax is the same, and its gradient far slower
        return nn.functional.max_pool2d(self.last(x, mask), bands).squeeze(3).relu()


def make_blocks(options: BlocksOptions, bands: int) -> nn.ModuleList:
    """The convolution blocks that options describe. `ValueError` where pooling leaves no band."""
    left = bands
    for pool in options.pools:
        left //= pool
    if left < 1:
        raise ValueError(f"{bands} bands are too few for pools {options.pools}: no band is left")
    widths = [1, *options.channels]
    return nn.ModuleList(
        ConvBlock(
            inputs,
            outputs,
            options.convs,
            activation=options.activation,
            pool=(1, pool),
            pool_kind=options.pool_kind,
            dropout=options.dropout,
            basis=options.basis_kernels,
        )
        for inputs, outputs, pool in zip(widths[:-1], widths[1:], options.pools, strict=True)
    )


def initialise(module: nn.Module) -> None:
    """Glorot-uniform kernels, orthogonal recurrent ones, zero biases (docs/papers/xu2018.md, section 2.7)."""
    for name, parameter in module.named_parameters():
        if "weight_hh" in name:
            for gate in parameter.data.chunk(3):
                nn.init.orthogonal_(gate)
        elif "bias" in name:
            nn.init.zeros_(parameter)
        elif parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
