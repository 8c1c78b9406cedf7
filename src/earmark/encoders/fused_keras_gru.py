"""The recurrence of `keras_gru`, all its steps in one launch, on an NVIDIA GPU under bfloat16.

As in `fused_gru` 16 clips and a row, one direction of one GRU, are one program that passes the state on to itself. The
cell is not PyTorch's, and a state that is fed back 240 times does not bear bfloat16: each factor of a product is taken
as the sum of two bfloat16 numbers, of whose four products the three larger are added up, in float32. What is left out
is 2^-16 of a product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earmark.devices import has_shared_memory
from earmark.encoders import fused_norm

_ROWS, _WARPS = 16, 8
_UNITS = (16, 32, 64, 128)
KINDS = {"linear": 0, "sigmoid": 1, "relu": 2, "tanh": 3}


def runs(x: Tensor, units: int) -> bool:
    """Whether the kernels are for these inputs, in the precision around them and on this GPU, and for so many units."""
    return fused_norm.usable(x) and units in _UNITS and has_shared_memory(x, shared_memory(units))


def shared_memory(units: int) -> int:
    """Bytes that a program holds: three matrices, each as two of bfloat16, and a state; 205 kB for 128 units."""
    return 12 * units**2 + 64 * units


def recur(projected: Tensor, weights: Tensor, kinds: Tensor) -> Tensor:
    """States (row, batch, steps, units); `weights` (row, units, 3 * units), `kinds` (row,) int32 of candidates."""
    states: Tensor = _Recur.apply(projected, weights, kinds)  # type: ignore[no-untyped-call]
    return states


class _Recur(torch.autograd.Function):
    """The loop over steps, as an operator with a gradient."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weights: Tensor, kinds: Tensor) -> Tensor:
        from earmark.encoders import gru_kernels as kernels

        projected, weights = projected.contiguous(), weights.contiguous()
        count, batch, steps, _ = projected.shape
        units = weights.shape[1]
        high = weights.to(torch.bfloat16)
        low = (weights - high.float()).to(torch.bfloat16)
        states = projected.new_empty(count, batch, steps, units)
        keep = any(ctx.needs_input_grad)
        kept = torch.empty_like(projected) if keep else states
        kernels.keras_forward_kernel[-(-batch // _ROWS), count](
            projected, high, low, kinds, states, kept, batch, steps, units, _ROWS, keep, num_warps=_WARPS, num_stages=1
        )
        ctx.save_for_backward(high, low, kinds, states, kept)
        return states

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        from earmark.encoders import gru_kernels as kernels

        high, low, kinds, states, kept = ctx.saved_tensors
        count, batch, steps, units = states.shape
        to_inputs = torch.empty_like(kept)
        kernels.keras_backward_kernel[-(-batch // _ROWS), count](
            slopes[0].contiguous(), high, low, kinds, states, kept, to_inputs, batch, steps, units, _ROWS,
            num_warps=_WARPS, num_stages=1,
        )  # fmt: skip
        before = torch.zeros_like(states)  # the state that a step began with
        before[:, :, 1:] = states[:, :, :-1]
        reset = kept[..., units : 2 * units]
        of_gates = before.flatten(1, 2).transpose(1, 2) @ to_inputs[..., : 2 * units].flatten(1, 2)
        of_new = (reset * before).flatten(1, 2).transpose(1, 2) @ to_inputs[..., 2 * units :].flatten(1, 2)
        return to_inputs, torch.cat([of_gates, of_new], dim=2), None
