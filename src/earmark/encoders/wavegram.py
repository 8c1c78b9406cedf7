"""The encoder with waveform and log-mel as inputs: Wavegram-Logmel-Cnn14 of Kong et al. 2020, "PANNs".

    features (batch, frames, bands + 320), of the front-end `logmel-waveform`: log-mel, and the 320 samples of each hop

    log-mel -> batch normalisation of every band -> block, pooled 2 x 2          (batch, 64, steps, bands / 2)
    samples -> convolution of stride 5 -> three dilated blocks, each pooled by 4, so that a hop is one step; their last
               channels become `bands / 2` bands -> block, pooled 2 x 1          (batch, 64, steps, bands / 2)
    both side by side -> the other blocks of Cnn14 -> mean over bands            (batch, steps, channels[-1])

A clip of n samples has f = 1 + floor(n / 320) frames of log-mel and f - 1 steps of waveform. Where f is even, pooling
leaves the log-mel one step more, which the original cannot join (docs/papers/hong2020.md, section 5.5): here the
waveform branch is filled with one step of zeros before its last block. Otherwise that block sees f - 1 steps, as there.

Differs from the paper in: the waveform branch gets whole hops, so that up to 319 samples at a clip's end reach the
log-mel alone (none at lengths of whole hops, as in training); a clip shorter than one step of the embeddings is filled
up to it with silence (log-mel: the mean of every band, as in `cnn`). Names of the published weights:

    pre_conv0, pre_bn0              waveform.conv, waveform.norm
    pre_block{i + 1}.conv{j + 1}    waveform.blocks.{i}.convs.{j}        i 0 to 2, j 0 and 1
    pre_block{i + 1}.bn{j + 1}      waveform.blocks.{i}.norms.{j}
    pre_block4, conv_block1         waveform.last, logmel                within blocks as in `cnn`
    conv_block{i + 2}               blocks.{i}
    bn0                             bn0
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.blocks import ConvBlock, check_pools
from earmark.encoders.cnn import Pool, check_bands, norm_bands, over_bands, run_blocks, xavier
from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d, fill_step, valid_steps
from earmark.options import Options

HOP = 320  # samples that become one step of the waveform branch: stride 5, then three poolings by 4


class WavegramOptions(Options):
    """Sizes of the encoder; by default as in the paper."""

    kind: Literal["wavegram"] = "wavegram"
    bands: int = Field(64, gt=1)  # of the log-mel
    wave_channels: tuple[int, int, int] = (64, 128, 128)  # filters of the blocks over the waveform
    channels: tuple[int, ...] = Field((64, 128, 256, 512, 1024, 2048), min_length=2)  # of the blocks, both branches'
    pools: tuple[Pool, ...] = ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 1))  # after each block: time, bands
    dropout: float = Field(0.2, ge=0, lt=1)  # where the branches join, and after each later block

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_pools(self.pools, self.channels)
        if self.pools[0] != (2, 2):
            raise ValueError(
                f"the first entry of pools must be (2, 2), because the branches join there; got {self.pools[0]}"
            )
        if self.bands % 2 or self.wave_channels[-1] % (self.bands // 2):
            raise ValueError(f"wave_channels must end in a multiple of half the {self.bands} bands")
        return self


class Wavegram(nn.Module):
    """Log-mel and waveform in, embeddings out. `ValueError` when the features are not those it needs.

    >>> options = WavegramOptions(channels=(8, 8), pools=((2, 2), (2, 2)), wave_channels=(8, 8, 32))
    >>> Wavegram(options, bands=384)(torch.zeros(2, 101, 384)).embeddings.shape
    torch.Size([2, 25, 8])
    """

    def __init__(self, options: WavegramOptions, bands: int) -> None:
        super().__init__()
        if bands != options.bands + HOP:
            raise ValueError(
                f"wavegram needs {options.bands} bands and the {HOP} samples of each hop (features of kind "
                f"logmel-waveform), got {bands} values a frame"
            )
        check_bands(options.bands, options.pools)
        self.options = options
        self.channels = options.channels[-1]
        self.reduction = Fraction(math.prod(time for time, _ in options.pools))
        first = options.channels[0]
        self.bn0 = MaskedBatchNorm2d(options.bands)
        self.logmel = ConvBlock(1, first, 2, activation="relu", pool=(2, 2), pool_kind="average", dropout=0.0)
        self.waveform = WaveformBranch(options.wave_channels, options.bands // 2, first)
        self.dropout = nn.Dropout(options.dropout)
        widths = [2 * first, *options.channels[1:]]
        self.blocks = nn.ModuleList(
            ConvBlock(inputs, outputs, 2, activation="relu", pool=pool, pool_kind="average", dropout=options.dropout)
            for inputs, outputs, pool in zip(widths[:-1], widths[1:], options.pools[1:], strict=True)
        )
        xavier(self)

    def ordered_blocks(self) -> list[list[nn.Module]]:
        """Both branches, then the blocks over them (`depth.py`)."""
        return [[self.bn0, self.logmel, self.waveform, self.dropout], *([block] for block in self.blocks)]

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode log-mel and samples (batch, frames, bands + 320) with `lengths` (batch,) valid frames."""
        bands = self.options.bands
        normed = norm_bands(self.bn0, features[:, :, :bands], lengths)
        filled = torch.cat([normed, features[:, :, bands:]], dim=2)
        x, lengths = fill_step(filled, lengths, int(self.reduction))
        mask = None if lengths is None else valid_steps(lengths, x.shape[1])
        logmel = self.logmel(x[:, None, :, :bands].contiguous(memory_format=torch.channels_last), mask)
        both = torch.cat([logmel, self.waveform(x[:, :, bands:], lengths)], dim=1)
        lengths = None if lengths is None else lengths // 2
        y, lengths = run_blocks(self.blocks, self.options.pools[1:], self.dropout(both), lengths)
        return over_bands(y, lengths)


class WaveformBranch(nn.Module):
    """Samples (batch, frames, 320) to (batch, outputs, frames // 2, bands)."""

    def __init__(self, widths: tuple[int, int, int], bands: int, outputs: int) -> None:
        super().__init__()
        self.bands = bands
        self.conv = nn.Conv1d(1, widths[0], 11, stride=5, padding=5, bias=False)
        self.norm = MaskedBatchNorm2d(widths[0])
        inputs = (widths[0], *widths[:-1])
        self.blocks = nn.ModuleList(DilatedBlock(a, b) for a, b in zip(inputs, widths, strict=True))
        self.last = ConvBlock(
            widths[-1] // bands, outputs, 2, activation="relu", pool=(2, 1), pool_kind="average", dropout=0.0
        )

    def forward(self, samples: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode the samples of each hop; `lengths` (batch,) counts a clip's frames."""
        frames = samples.shape[1]
        x = samples.flatten(1)[:, None, : (frames - 1) * HOP]
        steps = None if lengths is None else (lengths - 1) * HOP
        if steps is not None:
            x = x * valid_steps(steps, x.shape[2])[:, None]
            steps = steps // 5
        x = _normed(self.norm, self.conv(x), steps)
        for block in self.blocks:
            x = block(x, steps)
            steps = None if steps is None else steps // 4
        if steps is not None:
            x = x * valid_steps(steps, x.shape[2])[:, None]
        x = x.reshape(x.shape[0], -1, self.bands, x.shape[2]).transpose(2, 3)  # (batch, groups, frames - 1, bands)
        if frames % 2 == 0:
            x = nn.functional.pad(x, (0, 0, 0, 1))
        # The filled step of an even clip is content, and no step of an odd one is lost: both have 2 * floor(f / 2).
        mask = None if lengths is None else valid_steps(lengths // 2 * 2, x.shape[2])
        out: Tensor = self.last(x.contiguous(memory_format=torch.channels_last), mask)
        return out


class DilatedBlock(nn.Module):
    """Two convolutions over time with batch normalisation and ReLU, the second dilated, then the maximum of four."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv1d(inputs, outputs, 3, padding=1, bias=False),
                nn.Conv1d(outputs, outputs, 3, padding=2, dilation=2, bias=False),
            ]
        )
        self.norms = nn.ModuleList(MaskedBatchNorm2d(outputs) for _ in range(2))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps) to (batch, outputs, steps // 4); `lengths` (batch,) counts valid steps."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            if lengths is not None:
                x = x * valid_steps(lengths, x.shape[2])[:, None]
            x = _normed(norm, conv(x), lengths)
        return nn.functional.max_pool1d(x, 4)


def _normed(norm: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    """ReLU of normalised x (batch, channels, steps)."""
    mask = None if lengths is None else valid_steps(lengths, x.shape[2])
    normed: Tensor = norm(x[..., None], mask)
    return normed[..., 0].relu_()
