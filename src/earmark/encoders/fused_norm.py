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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from earmark.devices import runs_kernels
from earmark.masking import MaskedBatchNorm2d

Kind = Literal["linear", "relu", "glu"]
_KINDS: dict[Kind, int] = {"linear": 0, "relu": 1, "glu": 2}
_PROGRAMS = 792  # that share a map: six for each of the multiprocessors of an H100
_FIRST = (16, 32, 64)  # channels of a first convolution whose map is not written: one program has them all
_ROWS, _BLOCK, _WARPS = 16, 64, 8  # cells and channels that a program has at a time


usable = runs_kernels  # a map is one for the kernels


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


def layer(
    x: Tensor,
    convs: Sequence[nn.Conv2d],
    norms: Sequence[MaskedBatchNorm2d],
    kind: Kind,
    *,
    pool: tuple[int, int] = (1, 1),
    average: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """3 x 3 convolutions of x (of a gated layer two), their normalisations, activation and pooling.

    `mask` (batch, steps) tells each clip's valid steps, None: all are; beyond them x must be zero, and so is what comes
    out. The convolutions' own biases are left out. The map of a single input channel is never written: each kernel
    multiplies the nine neighbours of a cell again, for that is less work than to read what comes of it.
    """
    kernels = side_by_side(convs, all(norm.final for norm in norms))
    if x.shape[1] == 1 and len(kernels) // len(convs) in _FIRST:
        rows = nn.functional.pad(kernels.flatten(1).t(), (0, 0, 0, 7)).to(torch.bfloat16).contiguous()
        single = x.to(torch.bfloat16).contiguous()
        return normed(single, norms, kind, pool=pool, average=average, mask=mask, first=rows)
    made = nn.functional.conv2d(x, kernels, padding=1)
    return normed(made, norms, kind, pool=pool, average=average, mask=mask)


def side_by_side(convs: Sequence[nn.Conv2d], final: bool = False) -> Tensor:
    """Kernels (all outputs, inputs, 3, 3); of layers that are `final` in bfloat16, made once and kept beside them."""
    if not final or torch.is_grad_enabled():
        return _joined([conv.weight for conv in convs])
    state = tuple((conv.weight.data_ptr(), conv.weight._version) for conv in convs)
    known: tuple[Any, Tensor] | None = convs[0].__dict__.get("_side_by_side")
    if known is None or known[0] != state:
        known = state, _joined([conv.weight for conv in convs]).to(torch.bfloat16)
        convs[0].__dict__["_side_by_side"] = known
    return known[1]


@dataclass(frozen=True)
class _How:
    """What a pass does, and the statistics that it begins with; in training these are updated in place."""

    kind: Kind
    pool: tuple[int, int]
    average: bool
    eps: float
    momentum: float
    training: bool
    mean: Tensor
    variance: Tensor
    lengths: Tensor | None  # (batch,) int32, valid steps of each clip


def normed(
    y: Tensor,
    norms: Sequence[MaskedBatchNorm2d],
    kind: Kind,
    *,
    pool: tuple[int, int] = (1, 1),
    average: bool = False,
    mask: Tensor | None = None,
    first: Tensor | None = None,
) -> Tensor:
    """A map after its normalisations (of a gated layer two, side by side), activation and pooling, all in one.

    With the kernels of a `first` convolution (16, channels) y is its input (batch, 1, steps, bands).
    """
    weight, bias, mean, variance = (
        _joined([getattr(norm, name) for norm in norms]) for name in ("weight", "bias", "running_mean", "running_var")
    )
    lengths = None if mask is None else mask.sum(1, dtype=torch.int32)
    eps, momentum, training = float(norms[0].eps), float(norms[0].momentum or 0.0), norms[0].training
    how = _How(kind, pool, average, eps, momentum, training, mean, variance, lengths)
    out: Tensor = _Fused.apply(y, first, weight, bias, how)  # type: ignore[no-untyped-call]
    if training:
        with torch.no_grad():
            if len(norms) > 1:
                sizes = [norm.num_features for norm in norms]
                for name, joint in (("running_mean", mean), ("running_var", variance)):
                    torch._foreach_copy_([getattr(norm, name) for norm in norms], torch.split(joint, sizes))
            torch._foreach_add_([getattr(norm, "num_batches_tracked") for norm in norms], 1)  # noqa: B009
    return out


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class _Fused(torch.autograd.Function):
    """The kernels, as an operator with a gradient."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, first: Tensor | None, weight: Tensor, bias: Tensor, how: _How) -> Tensor:
        from earmark.encoders import norm_kernels as kernels

        high, wide = how.pool
        y = y.contiguous(memory_format=torch.channels_last)
        batch, _, steps, bands = y.shape
        width, taps = len(weight), y if first is None else first
        channels = width // 2 if how.kind == "glu" else width
        cells = batch * steps * bands
        ragged, valid = how.lengths is not None, taps if how.lengths is None else how.lengths
        count = weight.new_full((1,), cells) if how.lengths is None else (how.lengths.sum() * bands).float()
        mean, variance = how.mean, how.variance
        if how.training:
            mean, variance, block = torch.empty_like(weight), torch.empty_like(weight), _block(width)
            programs = _programs(cells, width, block)
            parts = weight.new_empty(programs, 2, width)
            kernels.sums_kernel[programs, width // block](
                y, taps, how.mean, parts, valid, cells, programs * _ROWS, steps, bands, width, first is not None,
                ragged, _ROWS, block, num_warps=_WARPS,
            )  # fmt: skip
            kernels.statistics_kernel[(width // 16,)](
                parts, programs, count, how.momentum, how.mean, how.variance, mean, variance, width, 64, 16
            )
        out = torch.empty(
            (batch, channels, steps // high, bands // wide),
            dtype=y.dtype, device=y.device, memory_format=torch.channels_last,
        )  # fmt: skip
        made, block = out.numel() // channels, _block(channels)
        if made:
            programs = _programs(made, channels, block)
            kernels.forward_kernel[programs, channels // block](
                y, taps, mean, variance, weight, bias, out, valid, made, programs * _ROWS, steps, bands, out.shape[2],
                out.shape[3], how.eps, channels, _KINDS[how.kind], high, wide, how.average, first is not None, ragged,
                _ROWS, block, num_warps=_WARPS,
            )  # fmt: skip
        ctx.save_for_backward(y, first, weight, bias, mean, variance, count)
        ctx.how = how
        return out

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        from earmark.encoders import norm_kernels as kernels

        y, first, weight, bias, mean, variance, count = ctx.saved_tensors
        how: _How = ctx.how
        high, wide = how.pool
        slope = slopes[0].to(y.dtype).contiguous(memory_format=torch.channels_last)
        batch, _, steps, bands = y.shape
        channels, out_steps, out_bands = slope.shape[1:]
        width, block, taps = len(weight), _block(channels), y if first is None else first
        valid = taps if how.lengths is None else how.lengths
        shape = channels, _KINDS[how.kind], high, wide, how.average, first is not None, how.lengths is not None
        made = batch * out_steps * out_bands
        programs = _programs(made, channels, block)
        parts = weight.new_empty(programs, 2, width)
        kernels.slopes_kernel[programs, channels // block](
            y, taps, slope, mean, variance, weight, bias, parts, valid, made, programs * _ROWS, steps, bands,
            out_steps, out_bands, how.eps, *shape, _ROWS, block, num_warps=_WARPS,
        )  # fmt: skip
        sums = parts.sum(0)
        all_steps, all_bands = -(-steps // high), -(-bands // wide)
        windows = batch * all_steps * all_bands
        through = first is not None and ctx.needs_input_grad[0]
        programs = _programs(windows, channels, block)
        if first is None:
            back, to_input = torch.empty_like(y, memory_format=torch.channels_last), y
        else:
            back = weight.new_empty(programs, 16, width)
            to_input = y.new_empty(y.numel() if through else 1, 16)
        taught = sums if how.training else torch.zeros_like(sums)  # else statistics do not depend on the map
        kernels.backward_kernel[programs, channels // block](
            y, taps, slope, mean, variance, weight, bias, taught, back, to_input, valid, windows, programs * _ROWS,
            steps, bands, out_steps, out_bands, all_steps, all_bands, count, how.eps, *shape, through, _ROWS, block,
            num_warps=_WARPS,
        )  # fmt: skip
        of_y: Tensor | None = back
        of_first: Tensor | None = None
        if first is not None:
            of_y, of_first = None, back.sum(0).to(first.dtype)
            if through:
                of_y = torch.empty_like(y)
                kernels.gather_kernel[(-(-y.numel() // 256),)](to_input, of_y, y.numel(), steps, bands, 256)
        return of_y, of_first, sums[1], sums[0], None


def _block(width: int) -> int:
    """The channels of a program: a power of two that divides the width."""
    return min(_BLOCK, width & -width)


def _programs(rows: int, width: int, block: int) -> int:
    return max(1, min(-(-rows // _ROWS), _PROGRAMS * block // width))
