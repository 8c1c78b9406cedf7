"""Dynamic MobileNets.

Schmid, Koutini and Widmer 2024, "Dynamic convolutional neural networks as efficient pre-trained audio models".

The blocks of MobileNetV3 (`mobilenet.py`, `coarse` steps), made to depend on the clip. From a block's input, averaged
over time and averaged over bands, a shared 1 x 1 convolution makes two sequences; their mean is the context h (section
III). In the block then

    each convolution    W = sum_k a_k W_k,  a = softmax(L h), of `kernels` kernels                   eq. 5, 6
    the middle one      max of two lines, x r_1 + s_1 and x r_2 + s_2, whose slopes and shifts
                        come from h for every channel (dynamic ReLU B) instead of the activation     eq. 4
    then                times sigmoid(C_f f) and sigmoid(C_t t), of the two sequences (coordinate
                        attention) instead of squeeze and excitation

A convolution is linear in its kernels, so that each clip is one convolution with kernels of its own. The sequences are
averaged over three positions where the middle convolution has a stride.

Differs from the paper in: the softmax has no temperature, which in training falls from 30 to 1; trained networks are
used with 1.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.mobilenet import (
    EPS,
    MOMENTUM,
    ROWS,
    Act,
    Row,
    Trunk,
    activated,
    added,
    halved,
    held,
    mask_of,
    rounded,
    scaled,
)
from earmark.masking import MaskedBatchNorm2d, valid_steps
from earmark.options import Options


class DynamicMobileNetOptions(Options):
    """Sizes of the encoder."""

    kind: Literal["dynamic-mobilenet"] = "dynamic-mobilenet"
    width: float = Field(1.0, gt=0, le=8)  # factor of all channels
    kernels: int = Field(4, ge=1)  # that are mixed
    blocks: int = Field(len(ROWS), ge=2, le=len(ROWS))  # of the table; fewer: for a smaller network of your own


class Context(NamedTuple):
    """What a block knows of the clip."""

    vector: Tensor  # (batch, context)
    bands: Tensor  # (batch, inner, 1, bands) after the block's stride, as logits
    steps: Tensor  # (batch, inner, steps, 1)


class DynamicMobileNet(Trunk):
    """Inverted residual blocks whose kernels depend on the clip.

    >>> encoder = DynamicMobileNet(DynamicMobileNetOptions(width=0.1), bands=128)
    >>> encoder(torch.zeros(2, 100, 128)).embeddings.shape, encoder.reduction
    (torch.Size([2, 4, 96]), Fraction(32, 1))
    """

    def __init__(self, options: DynamicMobileNetOptions, bands: int) -> None:
        super().__init__(
            options.width, options.blocks, "coarse", lambda inputs, row: DynamicBlock(inputs, row, options)
        )
        self.options = options


class DynamicBlock(nn.Module):
    """A block: context, more channels, a convolution of each, dynamic ReLU, coordinate attention, few channels."""

    def __init__(self, inputs: int, row: Row, options: DynamicMobileNetOptions) -> None:
        super().__init__()
        inner, self.out = scaled(row.inner, options.width), scaled(row.out, options.width)
        least, most = scaled(32, options.width), scaled(128, options.width)
        context = min(max(rounded(inner // 4), least), most)
        self.stride, count = row.coarse[0], options.kernels
        self.adds = self.stride == 1 and inputs == self.out
        self.context = ContextMaker(inputs, context, inner, self.stride)
        self.expand = DynamicConv(inputs, inner, 1, context=context, count=count) if inner != inputs else None
        self.act: Act = row.act
        self.depth = DynamicConv(
            inner, inner, row.kernel, context=context, count=count, stride=self.stride, depthwise=True
        )
        self.lines = DynamicReLU(inner, context)
        self.project = DynamicConv(inner, self.out, 1, context=context, count=count)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map (batch, inputs, steps, bands) and the steps of each clip to those after the block."""
        known = self.context(x, lengths)
        y = x if self.expand is None else activated(self.expand(x, known.vector, mask_of(x, lengths)), self.act)
        y = held(y, lengths)
        lengths = halved(lengths, self.stride)
        after = None if lengths is None else valid_steps(lengths, known.steps.shape[2])
        y = self.lines(self.depth(y, known.vector, after), known.vector)
        y = weighed(y, known)
        y = self.project(y, known.vector, after)
        return (added(y, x) if self.adds else y), lengths


class ContextMaker(nn.Module):
    """The context of a block's input."""

    def __init__(self, inputs: int, context: int, inner: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.joint = nn.Conv2d(inputs, context, 1, bias=False)
        self.norm = MaskedBatchNorm2d(context, eps=EPS, momentum=MOMENTUM)
        self.bands, self.steps = nn.Conv2d(context, inner, 1), nn.Conv2d(context, inner, 1)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Context:
        """The context of x (batch, inputs, steps, bands)."""
        steps, bands = x.shape[2:]
        own = held(x, lengths)
        along_bands = own.mean(dim=2, keepdim=True).transpose(2, 3)  # (batch, inputs, bands, 1)
        if lengths is not None:
            along_bands = along_bands * (steps / lengths)[:, None, None, None]
        both = torch.cat([along_bands, own.mean(dim=3, keepdim=True)], dim=2)  # (batch, inputs, bands + steps, 1)
        mask = None if lengths is None else valid_steps(lengths + bands, bands + steps)
        both = activated(self.norm(self.joint(both), mask), "hardswish")
        if mask is not None and lengths is not None:
            both = both * mask[:, None, :, None]
            vector = both.sum(dim=(2, 3)) / (lengths + bands)[:, None]
        else:
            vector = both.mean(dim=(2, 3))
        of_bands, of_steps = torch.split(both, [bands, steps], dim=2)
        return Context(vector, self.bands(self._thinned(of_bands)).transpose(2, 3), self.steps(self._thinned(of_steps)))

    def _thinned(self, sequence: Tensor) -> Tensor:
        """Means of three of (batch, context, positions, 1), as many as the block has after its stride."""
        if self.stride == 1:
            return sequence
        return nn.functional.avg_pool2d(sequence, (3, 1), (self.stride, 1), (1, 0))


class DynamicConv(nn.Module):
    """A convolution whose kernels are mixed for each clip, and batch normalisation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        *,
        context: int,
        count: int,
        stride: int = 1,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        self.size, self.stride, self.depthwise, self.outputs = size, stride, depthwise, outputs
        values = torch.empty(count, outputs, 1 if depthwise else inputs, size, size)
        for kernel in values:
            nn.init.kaiming_normal_(kernel, mode="fan_out")
        self.kernels = nn.Parameter(values.flatten(1))  # (count, outputs x inputs x bands x steps), as the authors'
        self.attend = nn.Linear(context, count)
        self.norm = MaskedBatchNorm2d(outputs, eps=EPS, momentum=MOMENTUM)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands); `mask` of the steps that come out."""
        shares = self.attend(context).softmax(dim=1)  # (batch, count)
        if torch.compiler.is_exporting() and self.depthwise:
            mixed: Tensor = self.norm(self._apart(x, shares))
            return mixed
        kernels = self._shaped(shares @ self.kernels)  # (batch, outputs, inputs, steps, bands)
        if self.training:
            out: Tensor = self.norm(self._convolved(x, kernels, None), mask)
            return out
        scale, shift = self._affine()  # folded into kernels that are mixed anew anyway
        return self._convolved(x, kernels * scale[:, None, None, None], shift)

    def _shaped(self, kernels: Tensor) -> Tensor:
        """Rows of kernels as (rows, outputs, inputs, steps, bands)."""
        return kernels.view(kernels.shape[0], self.outputs, -1, self.size, self.size).transpose(3, 4)

    def _affine(self) -> tuple[Tensor, Tensor]:
        """What the normalisation multiplies by and adds."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        return scale, self.norm.bias - mean * scale

    def _convolved(self, x: Tensor, kernels: Tensor, shift: Tensor | None) -> Tensor:
        """X (batch, inputs, steps, bands) under each clip's kernels (batch, outputs, inputs, size, size)."""
        batch, inputs, steps, bands = x.shape
        if not self.depthwise:
            cells = x.permute(0, 2, 3, 1).reshape(batch, steps * bands, inputs)
            matrix = kernels.flatten(2).transpose(1, 2)  # (batch, inputs, outputs)
            y = cells @ matrix if shift is None else torch.baddbmm(shift.expand(batch, 1, -1), cells, matrix)
            return y.view(batch, steps, bands, -1).permute(0, 3, 1, 2)
        padding = (self.size - 1) // 2
        if batch == 1:
            return nn.functional.conv2d(x, kernels[0], shift, self.stride, padding, groups=inputs)
        y = nn.functional.conv2d(
            x.reshape(1, batch * inputs, steps, bands),
            kernels.flatten(0, 1),
            None if shift is None else shift.repeat(batch),
            self.stride,
            padding,
            groups=batch * inputs,
        )
        return y.view(batch, inputs, *y.shape[2:]).to(memory_format=torch.channels_last)

    def _apart(self, x: Tensor, shares: Tensor) -> Tensor:
        """The same as one convolution by all kernels, then mixed: a graph cannot have a group for each clip."""
        count, outputs = len(self.kernels), self.outputs
        kernels = self._shaped(self.kernels).transpose(0, 1).flatten(0, 1)  # (outputs x count, 1, size, size)
        y = nn.functional.conv2d(x, kernels, None, self.stride, (self.size - 1) // 2, groups=outputs)
        y = y.reshape(-1, outputs, count, *y.shape[2:])
        return (y * shares[:, None, :, None, None]).sum(dim=2)


class DynamicReLU(nn.Module):
    """The larger of two lines for every channel: slopes 1 + t and t, shifts t / 2, all t in (-1, 1) of the context."""

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.coefficients = nn.Linear(context, 4 * channels)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map x (batch, channels, steps, bands)."""
        t = 2 * torch.sigmoid(self.coefficients(context)) - 1
        t = t.view(x.shape[0], -1, 1, 1, 4)
        slope, other, shift, further = t.unbind(dim=4)
        first = torch.addcmul(0.5 * shift, x, 1 + slope)
        second = torch.addcmul(0.5 * further, x, other)
        return torch.maximum(first, second)


def weighed(x: Tensor, known: Context) -> Tensor:
    """X (batch, inner, steps, bands) under coordinate attention."""
    bands, steps = torch.sigmoid(known.bands), torch.sigmoid(known.steps)
    return x * bands * steps if torch.is_grad_enabled() else x.mul_(bands).mul_(steps)
