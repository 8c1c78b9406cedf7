"""Bidirectional GRUs with the cell of Keras 2.0.8, several side by side in one loop.

With x(t) the input and h(t) the state, both rows, and `.` the element-wise product (docs/papers/xu2018.md, section
2.3):

    z = hs(x W_z + h U_z + b_z)              the share of the state that is kept
    r = hs(x W_r + h U_r + b_r)              how much of the state the candidate sees
    c = act(x W_c + (r . h) U_c + b_c)       the candidate: the reset comes before the product with U_c
    h = z . h + (1 - z) . c                  hs(a) = clip(0.2 a + 0.5, 0, 1), the hard sigmoid

`torch.nn.GRU` differs in all of: a smooth sigmoid, the reset after the product, two biases, tanh alone as `act`, and
the names of z and 1 - z.

What is side by side shares its input: each GRU has its own `act`, and both directions. All inputs of all steps are
projected at once; a step then is two batched products for all directions and GRUs together. The direction that runs
backwards starts at each clip's own last step. Everything is float32, autocast or not: a state that is fed back
240 times does not bear bfloat16.

Shapes: (rows, batch, steps, ...), a row being one direction of one GRU: first GRU forwards, first backwards, second
forwards, ... Gates stand in Keras's order: z, r, candidate.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from earmark.encoders import fused_keras_gru
from earmark.masking import backwards, turned, valid_steps

Candidate = Literal["linear", "sigmoid", "relu", "tanh"]


class KerasBiGRUs(nn.Module):
    """Inputs (batch, steps, inputs) to states (gru, batch, steps, 2 * units), forwards and backwards side by side.

    >>> KerasBiGRUs(8, 5, ("linear", "sigmoid"))(torch.zeros(3, 7, 8)).shape
    torch.Size([2, 3, 7, 10])
    """

    def __init__(self, inputs: int, units: int, candidates: tuple[Candidate, ...]) -> None:
        super().__init__()
        self.candidates = candidates
        rows = 2 * len(candidates)
        kinds = [fused_keras_gru.KINDS[kind] for kind in candidates for _ in range(2)]
        self.register_buffer("kinds", torch.tensor(kinds, dtype=torch.int32), persistent=False)
        self.kinds: Tensor
        self.kernel = nn.Parameter(torch.empty(rows, inputs, 3 * units))  # W
        self.recurrent = nn.Parameter(torch.empty(rows, units, 3 * units))  # U
        self.bias = nn.Parameter(torch.zeros(rows, 1, 3 * units))  # b
        limit = math.sqrt(6 / (inputs + 3 * units))  # Glorot, over the three gates' one matrix
        nn.init.uniform_(self.kernel, -limit, limit)
        for matrix in self.recurrent.data:
            nn.init.orthogonal_(matrix)  # rows of the (units, 3 * units) matrix are orthonormal

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """States of every step, zero beyond each clip's `lengths` (batch,) valid steps (None: all are valid)."""
        fused = fused_keras_gru.runs(x, self.recurrent.shape[1])
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            order = None if lengths is None else backwards(lengths, x.shape[1])
            both = torch.stack([x, turned(x, order)] * len(self.candidates)).flatten(1, 2)
            projected = torch.baddbmm(self.bias, both, self.kernel)  # (rows, batch * steps, 3 * units)
            projected = projected.reshape(-1, *x.shape[:2], projected.shape[-1])  # (rows, batch, steps, 3 * units)
            recur = self._recur_fused if fused else self._recur
            states = recur(projected)  # (rows, batch, steps, units)
            backward = torch.stack([turned(own, order) for own in states[1::2]])
            out = torch.cat([states[0::2], backward], dim=-1)  # (gru, batch, steps, 2 * units)
            return out if lengths is None else out * valid_steps(lengths, x.shape[1])[:, :, None]

    def _recur_fused(self, projected: Tensor) -> Tensor:
        return fused_keras_gru.recur(projected, self.recurrent, self.kinds)

    def _recur(self, projected: Tensor) -> Tensor:
        """The loop over steps: from projected inputs (rows, batch, steps, 3 * units) to states (..., units)."""
        units = projected.shape[-1] // 3
        gates, inputs = projected.tensor_split([2 * units], dim=-1)
        update_reset, candidate = self.recurrent.tensor_split([2 * units], dim=-1)
        gates, update_reset = 0.2 * gates + 0.5, 0.2 * update_reset  # hs: its line for all steps, its ends in each
        h = projected.new_zeros(*projected.shape[:2], units)
        states = []
        for gate, own in zip(gates.unbind(2), inputs.unbind(2), strict=True):
            z, r = torch.baddbmm(gate, h, update_reset).clamp(0, 1).chunk(2, dim=-1)
            c = self._activate(torch.baddbmm(own, r * h, candidate))
            h = torch.lerp(c, h, z)  # z . h + (1 - z) . c
            states.append(h)
        return torch.stack(states, dim=2)

    def _activate(self, rows: Tensor) -> Tensor:
        parts = rows.chunk(len(self.candidates))
        return torch.cat([_activation(part, kind) for part, kind in zip(parts, self.candidates, strict=True)])


def _activation(x: Tensor, kind: Candidate) -> Tensor:
    return x if kind == "linear" else getattr(torch, kind)(x)
