"""The convolutional encoders of Kong et al. 2020, "PANNs": Cnn10 with four blocks, Cnn14 with six.

    features (batch, frames, bands)
      -> batch normalisation, band by band (`input_norm`)
      -> blocks of two 3 x 3 convolutions with batch normalisation and ReLU, then average pooling over time and bands
      -> mean over the bands that are left                       (batch, steps, channels[-1])

Hong et al. 2020, section 4.3, put their poolings behind the first of them: four blocks, two convolutions each, average
pooling. Their widths, pooling sizes and the way bands collapse are not stated and are Cnn10's
(docs/papers/hong2020.md, sections 1 and 3.2). `smooth` adds the running maximum and mean of three steps, as in the
DecisionLevel models.

Each pooling drops an odd last frame, so a clip of n frames has floor(n / reduction) steps. A clip shorter than one
step is filled up to it with zeros after the input normalisation, that is with the mean of every band.

Differs from the paper in: nothing in what is computed. Names of the published weights, block i of ours counting from
zero (docs/papers/hong2020.md, section 8; the fully connected layers are the pooling's):

    bn0.*                         bn0.*
    conv_block{i + 1}.conv1.*     blocks.{i}.layers.0.conv.*
    conv_block{i + 1}.bn1.*       blocks.{i}.layers.0.norm.*
    conv_block{i + 1}.conv2.*     blocks.{i}.layers.1.conv.*
    conv_block{i + 1}.bn2.*       blocks.{i}.layers.1.norm.*
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.blocks import ConvBlock, check_pools
from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d, fill_step, valid_steps
from earmark.options import Options

Pool = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]  # over time, over bands


class CNNOptions(Options):
    """Sizes of the encoder."""

    kind: Literal["cnn"] = "cnn"
    channels: tuple[int, ...] = Field((64, 128, 256, 512), min_length=1)  # filters of each block
    pools: tuple[Pool, ...] = ((2, 2), (2, 2), (2, 2), (2, 2))  # after each block: time, bands
    dropout: float = Field(0.2, ge=0, lt=1)  # after each block
    input_norm: bool = True  # batch normalisation of every band
    smooth: bool = False  # running maximum plus running mean of three steps

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_pools(self.pools, self.channels)
        return self


class CNN(nn.Module):
    """Convolutions over time and bands, both pooled along the way.

    >>> CNN(CNNOptions(channels=(8, 16), pools=((2, 2), (2, 2))), bands=64)(torch.zeros(2, 25, 64)).embeddings.shape
    torch.Size([2, 6, 16])
    """

    def __init__(self, options: CNNOptions, bands: int) -> None:
        super().__init__()
        self.options = options
        self.channels = options.channels[-1]
        self.reduction = Fraction(math.prod(time for time, _ in options.pools))
        check_bands(bands, options.pools)
        self.bn0 = MaskedBatchNorm2d(bands) if options.input_norm else None
        widths = [1, *options.channels]
        self.blocks = nn.ModuleList(
            ConvBlock(inputs, outputs, 2, activation="relu", pool=pool, pool_kind="average", dropout=options.dropout)
            for inputs, outputs, pool in zip(widths[:-1], widths[1:], options.pools, strict=True)
        )
        xavier(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        x = features if self.bn0 is None else norm_bands(self.bn0, features, lengths)
        x, lengths = fill_step(x, lengths, int(self.reduction))
        x = x[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        x, lengths = run_blocks(self.blocks, self.options.pools, x, lengths)
        return over_bands(x, lengths, self.options.smooth)


def check_bands(bands: int, pools: Iterable[Pool]) -> None:
    """`ValueError` when pooling leaves no band."""
    needed = math.prod(pool for _, pool in pools)
    if bands < needed:
        raise ValueError(f"{bands} bands are too few for these pools: they need at least {needed}")


def norm_bands(norm: MaskedBatchNorm2d, features: Tensor, lengths: Tensor | None) -> Tensor:
    """Normalise features (batch, frames, bands), every band as a channel."""
    mask = None if lengths is None else valid_steps(lengths, features.shape[1])
    normed: Tensor = norm(features.transpose(1, 2)[..., None], mask)  # (batch, bands, frames, 1)
    return normed.squeeze(3).transpose(1, 2)


def run_blocks(
    blocks: Iterable[nn.Module], pools: Iterable[Pool], x: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Put x (batch, channels, steps, bands) through blocks, keeping track of each clip's valid steps."""
    for block, (time, _) in zip(blocks, pools, strict=True):
        x = block(x, None if lengths is None else valid_steps(lengths, x.shape[2]))
        lengths = None if lengths is None else lengths // time
    return x, lengths


def over_bands(x: Tensor, lengths: Tensor | None, smooth: bool = False) -> Encoded:
    """The mean over bands of x (batch, channels, steps, bands), zero beyond each clip's end."""
    x = x.mean(dim=3)  # (batch, channels, steps)
    if lengths is not None:
        x = x * valid_steps(lengths, x.shape[2])[:, None]
    if smooth:
        # Embeddings are means of ReLUs: zero beyond a clip's end can be no maximum, and the mean counts it as the
        # original counts its padding.
        x = nn.functional.max_pool1d(x, 3, 1, 1) + nn.functional.avg_pool1d(x, 3, 1, 1)
        if lengths is not None:
            x = x * valid_steps(lengths, x.shape[2])[:, None]
    return Encoded(x.transpose(1, 2), lengths)


def xavier(module: nn.Module) -> None:
    """Glorot-uniform kernels, zero biases; normalisations start as they are (docs/papers/hong2020.md, section 3.2)."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
