"""A layer of a GRU, all its steps in one launch, on an NVIDIA GPU in bfloat16.

    r = sigmoid(x W_r + b_r + h U_r + c_r)      z = sigmoid(x W_z + b_z + h U_z + c_z)
    n = tanh(x W_n + b_n + r . (h U_n + c_n))   h = n + z . (h - n)

PyTorch's cell (`torch.nn.GRU`), whose products of inputs and weights are one matrix product for all steps. What is
left is small and has to wait for the step before: 16 clips and a direction are one program that keeps U at hand and
passes the state on to itself, where a library starts kernels for every step. The state is added up in float32 and
rounded to bfloat16 for the product alone.

The way back is the same loop the other way round, with the gates kept; gradients of the weights are matrix products
over all steps. The backward direction begins at each clip's own end, so that nothing has to be turned or packed, and
lengths stay on the device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from earmark.devices import has_shared_memory
from earmark.encoders import fused_norm

_ROWS = 16  # clips of a program: the fewest that the matrix units take
_WARPS = 8
_UNITS = (16, 32, 64, 128)  # widths that the kernels are made for


def runs(gru: nn.GRU, x: Tensor) -> bool:
    """Whether the kernels are for this GRU and these inputs (batch, steps, inputs), on this GPU."""
    known = gru.hidden_size in _UNITS and gru.bias and not gru.dropout and gru.proj_size == 0
    return fused_norm.usable(x) and known and has_shared_memory(x, shared_memory(gru.hidden_size))


def shared_memory(units: int) -> int:
    """Bytes that a program of the way back holds: three matrices in bfloat16, and what two steps read.

    164 kB for 128 units: an A100 or an H100 has them, a GPU for games has not.
    """
    return 6 * units**2 + 512 * units


def run(gru: nn.GRU, x: Tensor, lengths: Tensor | None) -> Tensor:
    """States (batch, steps, channels) of x (batch, steps, inputs), zero beyond each clip's `lengths`; None: all."""
    for layer in range(gru.num_layers):
        inputs, fed, bias, fed_bias = (
            torch.cat([getattr(gru, f"{part}_l{layer}{way}") for way in ("", "_reverse")[: 1 + gru.bidirectional]])
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        projected = nn.functional.linear(x, inputs, bias)  # (batch, steps, way * 3 * units)
        x = scan(projected, fed, fed_bias, lengths)
    return x


def scan(projected: Tensor, weights: Tensor, biases: Tensor, lengths: Tensor | None) -> Tensor:
    """States (batch, steps, way * units) of projected inputs (batch, steps, way * 3 * units).

    `weights` (way * 3 * units, units) and `biases` (way * 3 * units,) are the recurrent ones.
    """
    states: Tensor = _Scan.apply(projected, weights, biases, lengths)  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    """The loop over steps, as an operator with a gradient."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weights: Tensor, biases: Tensor, lengths: Tensor | None) -> Tensor:
        from earmark.encoders import gru_kernels as kernels

        projected = projected.contiguous()
        batch, steps, _ = projected.shape
        units = weights.shape[1]
        ways = len(weights) // (3 * units)
        own = weights.to(projected.dtype).contiguous()
        ragged, keep = lengths is not None, any(ctx.needs_input_grad)
        make = projected.new_zeros if ragged else projected.new_empty
        states = make(batch, steps, ways * units)
        kept = projected.new_empty((batch, steps, ways, 4, units) if keep else (1,))
        kernels.gru_forward_kernel[-(-batch // _ROWS), ways](
            projected, own, biases, lengths if ragged else own, states, kept, batch, steps, ways, units, _ROWS, ragged,
            keep, num_warps=_WARPS,
        )  # fmt: skip
        ctx.save_for_backward(own, states, kept, lengths)
        return states

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        from earmark.encoders import gru_kernels as kernels

        own, states, kept, lengths = ctx.saved_tensors
        batch, steps, ways, _, units = kept.shape
        ragged = lengths is not None
        make = states.new_zeros if ragged else states.new_empty
        to_inputs, to_fed = make(2, batch, steps, ways, 3 * units)
        kernels.gru_backward_kernel[-(-batch // _ROWS), ways](
            slopes[0].to(states.dtype).contiguous(), own, lengths if ragged else own, states, kept, to_inputs, to_fed,
            batch, steps, ways, units, _ROWS, ragged, num_warps=_WARPS,
        )  # fmt: skip
        before = torch.zeros_like(states).view(batch, steps, ways, units)  # the state that a step began with
        had = states.view(batch, steps, ways, units)
        before[:, 1:, 0] = had[:, :-1, 0]
        if ways == 2:
            before[:, :-1, 1] = had[:, 1:, 1]
        rows = to_fed.view(batch * steps, ways, 3 * units)
        of_weights = torch.bmm(rows.permute(1, 2, 0), before.view(batch * steps, ways, units).transpose(0, 1))
        of_biases = rows.float().sum(0).flatten()
        return to_inputs.view(batch, steps, -1), of_weights.flatten(0, 1).float(), of_biases, None
