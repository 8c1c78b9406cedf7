"""MobileNetV3 for spectrograms: Schmid, Koutini and Widmer 2023, and its form that keeps the time.

    features (batch, frames, bands)
      -> 3 x 3 convolution, stride 2, batch normalisation, hard swish
      -> 15 inverted residual blocks (Howard et al. 2019, "Searching for MobileNetV3", Table 1):
             1 x 1 convolution to more channels -> k x k convolution of each channel -> squeeze and excitation
             -> 1 x 1 convolution to few; the input is added where it has the same shape
      -> 1 x 1 convolution to six times the channels
      -> mean over the bands that are left                       (batch, steps, channels)

Squeeze and excitation (Hu et al. 2018) multiplies each channel by sigmoid(W2 relu(W1 m)), m being the channels' means
over all bands and the clip's own steps. `width` scales all channels, rounded to multiples of 8.

`steps` chooses the strides. `coarse`: Schmid, Koutini and Widmer 2023, "Efficient large-scale audio tagging via
transformer-to-CNN knowledge distillation" (EfficientAT): time and bands are halved five times, a step is 32 frames.
`fine`: the frame-level network of Schmid et al. 2025, "Effective pre-training of audio transformers for sound event
detection" (PretrainedSED, `frame_mn`): time is halved twice, bands seven times, so that of 128 one is left and a step
is 4 frames.

Strides round up, so a clip of n frames has ceil(n / reduction) steps. Step i of a strided convolution has its middle
on frame i * reduction: the clock of `coarse` begins half a step before frame 0's middle. The networks with `fine` steps
were taught that step i is the 40 ms from i * 40 ms on, which is what their clock says.

Differs from the paper in: nothing in what is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.contract import Encoded
from earmark.masking import MaskedBatchNorm2d, valid_steps
from earmark.options import Options

Steps = Literal["coarse", "fine"]
Act = Literal["relu", "hardswish", "linear"]


class Row(NamedTuple):
    """A block of MobileNetV3-Large, at width 1."""

    kernel: int
    inner: int  # channels between its 1 x 1 convolutions
    out: int
    squeeze: bool
    act: Act
    coarse: tuple[int, int]  # strides over steps and bands
    fine: tuple[int, int]


ROWS = (
    Row(3, 16, 16, False, "relu", (1, 1), (1, 1)),
    Row(3, 64, 24, False, "relu", (2, 2), (2, 2)),
    Row(3, 72, 24, False, "relu", (1, 1), (1, 2)),
    Row(5, 72, 40, True, "relu", (2, 2), (1, 1)),
    Row(5, 120, 40, True, "relu", (1, 1), (1, 1)),
    Row(5, 120, 40, True, "relu", (1, 1), (1, 2)),
    Row(3, 240, 80, False, "hardswish", (2, 2), (1, 1)),
    Row(3, 200, 80, False, "hardswish", (1, 1), (1, 2)),
    Row(3, 184, 80, False, "hardswish", (1, 1), (1, 1)),
    Row(3, 184, 80, False, "hardswish", (1, 1), (1, 1)),
    Row(3, 480, 112, True, "hardswish", (1, 1), (1, 2)),
    Row(3, 672, 112, True, "hardswish", (1, 1), (1, 1)),
    Row(5, 672, 160, True, "hardswish", (2, 2), (1, 1)),
    Row(5, 960, 160, True, "hardswish", (1, 1), (1, 1)),
    Row(5, 960, 160, True, "hardswish", (1, 1), (1, 2)),
)
STEM = 16
LAST = 6  # times the channels of the last block
EPS, MOMENTUM = 1e-3, 1e-2  # of the batch normalisations


class MobileNetOptions(Options):
    """Sizes of the encoder."""

    kind: Literal["mobilenet-v3"] = "mobilenet-v3"
    width: float = Field(1.0, gt=0, le=8)  # factor of all channels
    steps: Steps = "coarse"  # see above
    blocks: int = Field(len(ROWS), ge=2, le=len(ROWS))  # of the table; fewer: for a smaller network of your own


class Trunk(nn.Module):
    """What every MobileNet here is: a stem, inverted residual blocks over time and bands, and a last layer.

    `block(inputs, row)` makes the block of a row of the table.
    """

    partial_steps = True
    float32 = True  # EfficientAT's authors found bfloat16 worse on CPUs
    reduction: Fraction

    def __init__(self, width: float, blocks: int, steps: Steps, block: Callable[[int, Row], nn.Module]) -> None:
        super().__init__()
        rows = ROWS[:blocks]
        self.reduction, self.shift = framing([stride_of(row, steps) for row in rows], steps)
        channels = scaled(STEM, width)
        self.stem = ConvAct(1, channels, 3, "hardswish", stride=(2, 2))
        made = []
        for row in rows:
            made.append(block(channels, row))
            channels = scaled(row.out, width)
        self.blocks = nn.ModuleList(made)
        self.channels = LAST * channels
        self.last = ConvAct(channels, self.channels, 1, "hardswish")
        initialise(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        x, lengths = self.stem(held(x, lengths), lengths)
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return over_bands(*self.last(x, lengths))


class MobileNet(Trunk):
    """Inverted residual blocks over time and bands.

    >>> encoder = MobileNet(MobileNetOptions(width=0.1), bands=128)
    >>> encoder(torch.zeros(2, 100, 128)).embeddings.shape, encoder.reduction
    (torch.Size([2, 4, 96]), Fraction(32, 1))
    """

    def __init__(self, options: MobileNetOptions, bands: int) -> None:
        super().__init__(
            options.width, options.blocks, options.steps, lambda inputs, row: InvertedResidual(inputs, row, options)
        )
        self.options = options


class InvertedResidual(nn.Module):
    """A block: more channels, a convolution of each, their weighing, few channels again."""

    def __init__(self, inputs: int, row: Row, options: MobileNetOptions) -> None:
        super().__init__()
        inner, self.out = scaled(row.inner, options.width), scaled(row.out, options.width)
        self.stride = stride_of(row, options.steps)
        self.adds = self.stride == (1, 1) and inputs == self.out
        self.expand = ConvAct(inputs, inner, 1, row.act) if inner != inputs else None
        self.depth = ConvAct(inner, inner, row.kernel, row.act, self.stride, groups=inner)
        self.squeeze = SqueezeExcitation(inner) if row.squeeze else None
        self.project = ConvAct(inner, self.out, 1, "linear")

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map (batch, inputs, steps, bands) and the steps of each clip to those after the block."""
        y = x if self.expand is None else self.expand(x, lengths)[0]
        y, lengths = self.depth(held(y, lengths), lengths)
        if self.squeeze is not None:
            y = self.squeeze(y, lengths)
        y, _ = self.project(y, lengths)
        return (added(y, x) if self.adds else y), lengths


class SqueezeExcitation(nn.Module):
    """Channels weighed by what all of them are in the mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = rounded(channels // 4)
        self.narrow, self.wide = nn.Linear(channels, inner), nn.Linear(inner, channels)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Weigh x (batch, channels, steps, bands)."""
        means = over_all(x, lengths)  # (batch, channels)
        weights = even_sigmoid(self.wide(torch.relu(self.narrow(means))))[:, :, None, None]
        return x * weights if torch.is_grad_enabled() else x.mul_(weights)  # new, and nobody asks for it again


def even_sigmoid(x: Tensor) -> Tensor:
    """The sigmoid, rounded alike at every place of an array where no gradient is asked for.

    `torch.sigmoid` rounds the last few values of an array in another way than the others (`earmark.models.torch_engine`
    says what follows); the exponential does not.
    """
    if torch.is_grad_enabled() or x.device.type != "cpu":
        return torch.sigmoid(x)
    return (1 + (-x.float()).exp()).reciprocal().to(x.dtype)


class ConvAct(nn.Module):
    """Convolution, batch normalisation and activation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, act: Act, stride: tuple[int, int] = (1, 1), groups: int = 1
    ) -> None:
        super().__init__()
        self.stride = stride[0]
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.norm = MaskedBatchNorm2d(outputs, eps=EPS, momentum=MOMENTUM)
        self.act: Act = act

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Map (batch, inputs, steps, bands) and the steps of each clip to (batch, outputs, steps, bands) and theirs."""
        y: Tensor = self.conv(x)
        lengths = halved(lengths, self.stride)
        return activated(self.norm(y, mask_of(y, lengths)), self.act), lengths


def mask_of(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Which steps (batch, steps) of x (batch, channels, steps, bands) are a clip's own; None: all."""
    return None if lengths is None else valid_steps(lengths, x.shape[2])


def added(y: Tensor, x: Tensor) -> Tensor:
    """Y + x, in place of y where no gradient is asked for."""
    return y + x if torch.is_grad_enabled() else y.add_(x)


def activated(x: Tensor, act: Act) -> Tensor:
    """The activation of x, in its place where no gradient is asked for."""
    if act == "linear":
        return x
    quiet = not torch.is_grad_enabled()
    return nn.functional.relu(x, inplace=quiet) if act == "relu" else nn.functional.hardswish(x, inplace=quiet)


def stride_of(row: Row, steps: Steps) -> tuple[int, int]:
    """Strides over steps and bands."""
    return row.coarse if steps == "coarse" else row.fine


def framing(strides: list[tuple[int, int]], steps: Steps) -> tuple[Fraction, Fraction]:
    """Frames of a step after the stem and these strides, and by how many frames its clock is later than frame 0's."""
    reduction = 2
    for time, _ in strides:
        reduction *= time
    # A clock begins half a frame before the middle of frame 0; step 0 has its middle there, too, and is longer.
    return Fraction(reduction), Fraction(1 - reduction, 2) if steps == "coarse" else Fraction(1, 2)


def rounded(channels: float, least: int = 8) -> int:
    """The nearest multiple of 8, but no less than nine tenths of what was asked for (Howard et al. 2019).

    >>> [rounded(size) for size in (6.4, 18.0, 28.8, 672 // 4)]
    [8, 24, 32, 168]
    """
    near = max(least, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def scaled(channels: int, width: float) -> int:
    """Channels of the table at another width."""
    return rounded(channels * width)


def held(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Zero beyond each clip's end in x (batch, channels, steps, bands), as a convolution sees a clip alone."""
    return x if lengths is None else x * valid_steps(lengths, x.shape[2])[:, None, :, None]


def halved(lengths: Tensor | None, stride: int) -> Tensor | None:
    """Steps of each clip after a convolution of this stride, which rounds up."""
    return lengths if lengths is None or stride == 1 else (lengths + stride - 1) // stride


def over_all(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean (batch, channels) of x (batch, channels, steps, bands) over bands and each clip's own steps."""
    if lengths is None:
        return x.mean(dim=(2, 3))
    return held(x, lengths).sum(dim=(2, 3)) / (lengths[:, None] * x.shape[3])


def over_bands(x: Tensor, lengths: Tensor | None) -> Encoded:
    """The mean of x (batch, channels, steps, bands) over bands, zero beyond each clip's end."""
    means = x.mean(dim=3).transpose(1, 2)  # (batch, steps, channels)
    if lengths is not None:
        means = means * valid_steps(lengths, means.shape[1])[:, :, None]
    return Encoded(means, lengths)


def initialise(module: nn.Module) -> None:
    """He-normal kernels by their outputs, small normal matrices, zero biases, as the authors begin."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out")
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
        if isinstance(part, nn.Conv2d | nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
