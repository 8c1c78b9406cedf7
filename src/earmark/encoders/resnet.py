"""A deep residual encoder, for Ford, Tang, Grondin and Glass 2019, "A deep residual network for large-scale acoustic
scene analysis".

    features (batch, frames, bands)
      -> convolution 7 x 7 with batch normalisation and ReLU, maximum of 3 x 3 with stride 2
      -> four stages of bottleneck blocks (He et al. 2016), stride 2 from the second on
      -> mean over the bands that are left                                   (batch, steps, 32 * width)

Of that system little is public: 26 M parameters, no pretraining, attention on top (docs/papers/hong2020.md, section
5.4). This is our choice among what fits: the trunk of ResNet-50 on one channel, 23.50 M, and two linear heads of
attention over 527 classes, 2.16 M (the pooling `decision-attention`); the first convolution does not stride
(`stem_stride: 1`), as in a public network for features of 400 x 64, so that they become 25 x 4. With 2 it is the stem
of ResNet-50 itself, as in that laboratory's later work.

Frames beyond a whole number of steps are dropped, as the average poolings of `cnn` do; a clip shorter than one step is
filled up to it with zeros.

Differs from the paper in: what is not known of it. Weights start uniform, with the variance of He et al. 2015 for
ReLU, by outputs; in the bottleneck the 3 x 3 convolution strides.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.cnn import over_bands
from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d, fill_step, valid_steps
from earmark.options import Options

EXPANSION = 4  # channels a block gives for each that its 3 x 3 convolution has


class ResNetOptions(Options):
    """Sizes of the encoder; by default ResNet-50."""

    kind: Literal["resnet"] = "resnet"
    blocks: tuple[int, ...] = Field((3, 4, 6, 3), min_length=1)  # in each stage
    width: int = Field(64, gt=0)  # of the first stage's 3 x 3 convolutions; doubled from stage to stage
    stem_stride: Literal[1, 2] = 1  # of the first convolution


class ResNet(nn.Module):
    """Residual blocks over time and bands.

    >>> options = ResNetOptions(blocks=(1, 1, 1, 1), width=4)
    >>> ResNet(options, bands=64)(torch.zeros(2, 400, 64)).embeddings.shape
    torch.Size([2, 25, 128])
    """

    def __init__(self, options: ResNetOptions, bands: int) -> None:
        super().__init__()
        self.reduction = Fraction(options.stem_stride * 2 ** len(options.blocks))
        self.channels = options.width * 2 ** (len(options.blocks) - 1) * EXPANSION
        self.stem_stride = options.stem_stride
        self.stem = nn.Conv2d(1, options.width, 7, stride=options.stem_stride, padding=3, bias=False)
        self.stem_norm = MaskedBatchNorm2d(options.width)
        blocks = []
        inputs = options.width
        for stage, count in enumerate(options.blocks):
            width = options.width * 2**stage
            for place in range(count):
                blocks.append(Bottleneck(inputs, width, stride=2 if stage and not place else 1))
                inputs = width * EXPANSION
        self.blocks = nn.ModuleList(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        step = int(self.reduction)
        x, lengths = fill_step(features, lengths, step)
        x = x[:, : x.shape[1] // step * step]
        if lengths is not None:  # whole steps, so that every stride halves them exactly
            lengths = lengths // step * step
            x = x * valid_steps(lengths, x.shape[1])[:, :, None]
            lengths = lengths // self.stem_stride
        x = self.stem(x[:, None].to(memory_format=torch.channels_last))  # (batch, width, steps, bands)
        mask = _mask(lengths, x)
        # After ReLU zero is the least value: beyond a clip's end it can be no maximum.
        x = nn.functional.max_pool2d(_held(torch.relu(self.stem_norm(x, mask)), mask), 3, stride=2, padding=1)
        lengths = None if lengths is None else lengths // 2
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return over_bands(x, lengths)


class Bottleneck(nn.Module):
    """Convolutions 1 x 1, 3 x 3 and 1 x 1, added to what came in."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        outputs = width * EXPANSION
        self.conv1, self.norm1 = nn.Conv2d(inputs, width, 1, bias=False), MaskedBatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.norm2 = MaskedBatchNorm2d(width)
        self.conv3, self.norm3 = nn.Conv2d(width, outputs, 1, bias=False), MaskedBatchNorm2d(outputs)
        fits = inputs == outputs and stride == 1
        self.short = None if fits else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.short_norm = None if fits else MaskedBatchNorm2d(outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps / stride, bands / stride), and `lengths`."""
        before = _mask(lengths, x)
        y = torch.relu(self.norm1(self.conv1(x), before))
        y = self.conv2(_held(y, before))
        lengths = None if lengths is None else lengths // self.stride
        mask = _mask(lengths, y)
        y = self.norm3(self.conv3(torch.relu(self.norm2(y, mask))), mask)
        if self.short is not None and self.short_norm is not None:
            x = self.short_norm(self.short(x), mask)
        return torch.relu(x + y), lengths


def _mask(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    return None if lengths is None else valid_steps(lengths, x.shape[2])


def _held(x: Tensor, mask: Tensor | None) -> Tensor:
    """Zero beyond each clip's end."""
    return x if mask is None else x * mask[:, None, :, None]
