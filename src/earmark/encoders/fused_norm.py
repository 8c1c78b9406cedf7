"""Batch normalisation, activation and pooling as one pass over a map, on an NVIDIA GPU in bfloat16.

Between its convolutions a network only moves memory. PyTorch's operators go over a map for the statistics, for the
normalisation, for the activation, for the product with the gate and for the pooling, and as often again on the way
back. Here (Ioffe and Szegedy 2015, "Batch normalization", for the gradients), with y the output of the convolutions,

    forwards    y is read for its statistics, and once more for everything else
    backwards   y and the gradient are read for two sums a channel, and once more for the gradient of y

and nothing is kept but y. The same function as the modules', statistics in float32, except for rounding: what lies
between normalisation and pooling is never rounded to bfloat16.

`usable` says whether a map is one for it. Shapes are (batch, channels, steps, bands), channels last in memory.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from earmark.masking import MaskedBatchNorm2d

Kind = Literal["linear", "relu", "glu"]
_KINDS: dict[Kind, int] = {"linear": 0, "relu": 1, "glu": 2}
_PROGRAMS = 1024  # that sum over a map: several for each of a GPU's multiprocessors
_ROWS, _BLOCK, _WARPS = 32, 64, 4  # cells and channels of a program


@functools.cache
def has_triton() -> bool:
    """Whether Triton, which comes with PyTorch for NVIDIA GPUs, is installed."""
    return importlib.util.find_spec("triton") is not None


def usable(x: Tensor) -> bool:
    """Whether x is on an NVIDIA GPU and computed with in bfloat16, and nobody records what is done to it."""
    return (
        x.is_cuda
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and not torch.compiler.is_compiling()
        and has_triton()
    )


def fits(conv: nn.Module, norm: nn.Module) -> bool:
    """Whether the kernels are for a convolution and the normalisation behind it."""
    return (
        type(conv) is nn.Conv2d
        and conv.groups == 1
        and (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and isinstance(norm, MaskedBatchNorm2d)
        and norm.num_features % 16 == 0
        and norm.momentum is not None
    )


def convolved(x: Tensor, convs: Sequence[nn.Conv2d]) -> Tensor:
    """The outputs of 3 x 3 convolutions of one input, side by side in the channels; channels last in memory.

    Their biases are left out. A single input channel is a matrix product of all cells' neighbourhoods, which are few
    numbers.
    """
    kernels = side_by_side(convs)
    if x.shape[1] != 1:
        return nn.functional.conv2d(x, kernels, padding=1)
    batch, _, steps, bands = x.shape
    padded = nn.functional.pad(x[:, 0], (1, 1, 1, 1)).to(torch.bfloat16)
    around = padded.new_zeros(batch, steps, bands, 16)  # of 9 alone, rows would not be aligned
    around[..., :9] = padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(3)
    return nn.functional.linear(around, nn.functional.pad(kernels.flatten(1), (0, 7))).permute(0, 3, 1, 2)


def side_by_side(convs: Sequence[nn.Conv2d]) -> Tensor:
    """Kernels (all outputs, inputs, 3, 3); without gradients in bfloat16, made once for as long as they stay the same."""
    if torch.is_grad_enabled():
        return _joined([conv.weight for conv in convs])
    state = tuple((conv.weight.data_ptr(), conv.weight._version) for conv in convs)
    known: tuple[Any, Tensor] | None = convs[0].__dict__.get("_side_by_side")
    if known is None or known[0] != state:
        known = state, _joined([conv.weight for conv in convs]).to(torch.bfloat16)
        convs[0].__dict__["_side_by_side"] = known
    return known[1]


def normed(y: Tensor, norms: Sequence[MaskedBatchNorm2d], kind: Kind, pool: tuple[int, int], average: bool) -> Tensor:
    """y after its normalisations (of a gated layer two, side by side), activation and pooling, all in one."""
    width = sum(norm.num_features for norm in norms)
    assert width == y.shape[1]
    weight, bias, mean, variance = (
        _joined([getattr(norm, name) for norm in norms]) for name in ("weight", "bias", "running_mean", "running_var")
    )
    first = norms[0]
    training = first.training
    out: Tensor = _Fused.apply(
        y, weight, bias, mean, variance, float(first.eps), float(first.momentum or 0.0), training, kind, pool, average
    )
    if training:
        with torch.no_grad():
            tracked = [[getattr(norm, name) for norm in norms] for name in ("running_mean", "running_var")]
            if len(norms) > 1:
                for joint, parts in zip((mean, variance), tracked, strict=True):
                    torch._foreach_copy_(parts, list(joint.split([norm.num_features for norm in norms])))
            torch._foreach_add_([norm.num_batches_tracked for norm in norms], 1)
    return out


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class _Fused(torch.autograd.Function):
    """The kernels, as an operator with a gradient. The running statistics are updated in place, in training."""

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, eps: float,
        momentum: float, training: bool, kind: Kind, pool: tuple[int, int], average: bool,
    ) -> Tensor:  # fmt: skip
        from earmark.encoders import norm_kernels as kernels

        y = y.contiguous(memory_format=torch.channels_last)
        batch, width, steps, bands = y.shape
        cells, block = batch * steps * bands, _block(width)
        mean, variance = running_mean, running_var
        if training:
            mean, variance = torch.empty_like(weight), torch.empty_like(weight)
            programs = _programs(cells, width, block)
            parts = weight.new_empty(programs, 2, width)
            kernels.sums_kernel[programs, width // block](
                y, running_mean, parts, cells, programs * _ROWS, width, _ROWS, block, num_warps=_WARPS
            )
            kernels.statistics_kernel[(width // 16,)](
                parts, programs, float(cells), momentum, running_mean, running_var, mean, variance, width, 64, 16
            )
        high, wide = pool
        channels = width // 2 if kind == "glu" else width
        out = torch.empty(
            (batch, channels, steps // high, bands // wide),
            dtype=y.dtype, device=y.device, memory_format=torch.channels_last,
        )  # fmt: skip
        made, block = out.numel() // channels, _block(channels)
        if made:
            kernels.forward_kernel[-(-made // _ROWS), channels // block](
                y, mean, variance, weight, bias, out, made, steps, bands, out.shape[2], out.shape[3], eps, channels,
                _KINDS[kind], high, wide, average, _ROWS, block, num_warps=_WARPS,
            )  # fmt: skip
        ctx.save_for_backward(y, weight, bias, mean, variance)
        ctx.how = eps, kind, pool, average
        return out

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        from earmark.encoders import norm_kernels as kernels

        y, weight, bias, mean, variance = ctx.saved_tensors
        eps, kind, (high, wide), average = ctx.how
        slope = slopes[0].to(y.dtype).contiguous(memory_format=torch.channels_last)
        batch, width, steps, bands = y.shape
        channels, out_steps, out_bands = slope.shape[1:]
        block, made = _block(channels), batch * out_steps * out_bands
        programs = _programs(made, channels, block)
        parts = weight.new_empty(programs, 2, width)
        shared = channels, _KINDS[kind], high, wide, average, _ROWS, block
        kernels.slopes_kernel[programs, channels // block](
            y, slope, mean, variance, weight, bias, parts, made, programs * _ROWS, steps, bands, out_steps, out_bands,
            eps, *shared, num_warps=_WARPS,
        )  # fmt: skip
        sums = parts.sum(0)
        back = torch.empty_like(y, memory_format=torch.channels_last)
        all_steps, all_bands = -(-steps // high), -(-bands // wide)
        windows = batch * all_steps * all_bands
        kernels.backward_kernel[-(-windows // _ROWS), channels // block](
            y, slope, mean, variance, weight, bias, sums, back, windows, steps, bands, out_steps, out_bands, all_steps,
            all_bands, float(batch * steps * bands), eps, *shared, num_warps=_WARPS,
        )  # fmt: skip
        return back, sums[1], sums[0], *[None] * 8


def _block(width: int) -> int:
    """The channels of a program: a power of two that divides the width."""
    return min(_BLOCK, width & -width)


def _programs(rows: int, width: int, block: int) -> int:
    return max(1, min(-(-rows // _ROWS), _PROGRAMS * block // width))
