"""Convolution blocks: plain and gated, and both with kernels that differ from band to band (`dynamic.py`).

Xu et al. 2018, eq. 2, the gated linear unit of every layer:

    Y = (W * X + b) . sigmoid(V * X + c)

with `*` a convolution and `.` the element-wise product. Each product follows a batch normalisation, whose shifts are
b and c (the convolutions have no bias), as in the authors' code (docs/papers/xu2018.md, section 2.1).

Differs from the paper in: nothing; the two convolutions are kept apart instead of one of twice the width, which is the
same function, and the faster one on processors (channels stay contiguous).

Shapes are (batch, channels, steps, bands) throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from earmark.encoders import fused_norm
from earmark.encoders.dynamic import DynamicConv2d
from earmark.masking import MaskedBatchNorm2d

Activation = Literal["glu", "relu", "linear"]


def check_pools(pools: Sequence[object], channels: Sequence[object]) -> None:
    """`ValueError` where options do not have one pooling step for each block."""
    if len(pools) != len(channels):
        raise ValueError(f"pools ({len(pools)}) and channels ({len(channels)}) must have the same number of entries")


class Conv(nn.Module):
    """Convolution 3 x 3, batch normalisation, then ReLU, sigmoid or nothing."""

    def __init__(self, inputs: int, outputs: int, activation: Literal["relu", "sigmoid", "linear"]) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = MaskedBatchNorm2d(outputs)
        self.activation = activation

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands)."""
        y: Tensor = self.norm(self.filtered(x, mask), mask)
        if self.activation == "relu":
            return y.relu_()
        return y.sigmoid_() if self.activation == "sigmoid" else y

    def filtered(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The convolution alone."""
        y: Tensor = self.conv(x)
        return y


class DynamicConv(Conv):
    """The same, with kernels that every band mixes from `basis` shared ones."""

    def __init__(self, inputs: int, outputs: int, activation: Literal["relu", "sigmoid", "linear"], basis: int) -> None:
        super().__init__(inputs, outputs, activation)
        self.conv = DynamicConv2d(inputs, outputs, basis)

    def filtered(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The convolution alone."""
        y: Tensor = self.conv(x, mask)
        return y


def make_conv(inputs: int, outputs: int, activation: Literal["relu", "linear"], basis: int) -> Conv:
    """A convolution; with more kernels than one to mix, a frequency-dynamic one.

    The first of a network sees a single channel and stays plain, as in the paper (`dynamic.py`).
    """
    if basis == 1 or inputs == 1:
        return Conv(inputs, outputs, activation)
    return DynamicConv(inputs, outputs, activation, basis)


class GatedConv(nn.Module):
    """Gated linear unit over 3 x 3 convolutions (eq. 2). The gate's kernels are the same in all bands."""

    def __init__(self, inputs: int, outputs: int, basis: int = 1) -> None:
        super().__init__()
        self.linear = make_conv(inputs, outputs, "linear", basis)
        self.gate = Conv(inputs, outputs, "sigmoid")

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands)."""
        linear: Tensor = self.linear(x, mask)
        gate: Tensor = self.gate(x, mask)
        return linear * gate if torch.is_grad_enabled() else linear.mul_(gate)  # new, and nobody asks for it again


class MaxPool(nn.Module):
    """The largest of every `size` (steps, bands) cells; what is left over at the ends is dropped.

    Without gradients the position of the maximum is not needed: then it is computed from every n-th cell and the
    one beside it, in a third of the time and without an index of 8 bytes for each.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, steps, bands) to (batch, channels, steps // size[0], bands // size[1])."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return nn.functional.max_pool2d(x, self.size)
        high, wide = self.size
        steps, bands = x.shape[2] // high * high, x.shape[3] // wide * wide
        first, *others = (x[:, :, row:steps:high, column:bands:wide] for row in range(high) for column in range(wide))
        if not others:
            return first
        largest = torch.maximum(first, others[0])
        for cells in others[1:]:
            torch.maximum(largest, cells, out=largest)
        return largest


class ConvBlock(nn.Module):
    """Some convolutions of one width, then pooling; time is kept unless `time_pool` is set."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        convs: int,
        *,
        activation: Activation,
        pool: tuple[int, int],
        pool_kind: Literal["max", "average"],
        dropout: float,
        basis: int = 1,
    ) -> None:
        super().__init__()
        widths = [inputs] + [outputs] * convs
        self.layers = nn.ModuleList(
            GatedConv(a, b, basis) if activation == "glu" else make_conv(a, b, activation, basis)
            for a, b in pairwise(widths)
        )
        self.pool = MaxPool(pool) if pool_kind == "max" else nn.AvgPool2d(pool)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps // pool[0], bands // pool[1])."""
        if fused_norm.usable(x) and all(fuses(layer) for layer in self.layers):
            fused: Tensor = self.dropout(self._fused(x if mask is None else x * mask[:, None, :, None], mask))
            return fused
        for layer in self.layers:
            if mask is not None:
                x = x * mask[:, None, :, None]
            x = layer(x, mask)
        out: Tensor = self.dropout(self.pool(x))
        return out

    def _fused(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """All but the dropout on a GPU: the last layer takes the pooling with it where the kernels know it."""
        average = not isinstance(self.pool, MaxPool)
        size: Any = self.pool.size if isinstance(self.pool, MaxPool) else self.pool.kernel_size
        together = not (average and isinstance(self.layers[-1], GatedConv))
        for layer in self.layers[:-1]:
            x = fused(layer, x, mask)
        x = fused(self.layers[-1], x, mask, size if together else (1, 1), average and together)
        return x if together else self.pool(x)


def fuses(layer: nn.Module) -> bool:
    """Whether a layer is one for the kernels of `fused_norm`."""
    parts: list[nn.Module] = [layer.linear, layer.gate] if isinstance(layer, GatedConv) else [layer]
    return all(type(part) is Conv and fused_norm.fits(part.conv, part.norm) for part in parts)


def fused(
    layer: nn.Module, x: Tensor, mask: Tensor | None, pool: tuple[int, int] = (1, 1), average: bool = False
) -> Tensor:
    """A layer that `fuses` and the pooling behind it, of maps for which that is `usable` and zero outside the mask."""
    parts: list[Any] = [layer.linear, layer.gate] if isinstance(layer, GatedConv) else [layer]
    kind: fused_norm.Kind = "glu" if isinstance(layer, GatedConv) else parts[0].activation
    convs, norms = [part.conv for part in parts], [part.norm for part in parts]
    return fused_norm.layer(x, convs, norms, kind, pool=pool, average=average, mask=mask)
