"""Running torch's recurrent layers over clips of different lengths, in the arithmetic that suits the device.

Where gradients are wanted, and on a GPU, a recurrence follows the precision around it. Without gradients a processor
has a bfloat16 kernel for convolutions, and none worth the name for recurrences: there it runs in float32 (a GRU of 128
units over 250 steps: three to eight times faster than under autocast).

Packing clips of different lengths reads the lengths. On a processor that costs nothing; a GPU would have to be waited
for, and a compiler cannot trace it. There each direction runs by itself over turned clips (`run_apart`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earmark.encoders import fused_gru
from earmark.masking import backwards, turned, valid_steps

PACKING = ("cpu",)  # devices on which reading the lengths costs nothing


def recur(gru: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    """States (batch, steps, channels) of inputs (batch, steps, inputs); `lengths` (batch,) valid steps, None: all.

    A clip's backward states begin at its own end. Beyond it, states are zero. A module in a GRU's place is asked
    for the same.
    """
    if not isinstance(gru, nn.GRU):
        states: Tensor = gru(x, lengths)
        return states
    if fused_gru.runs(gru, x):
        return fused_gru.run(gru, x, lengths)
    if x.device.type == "cpu" and not torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            return _run(gru, x.float(), lengths)
    return _run(gru, x, lengths)


def _run(gru: nn.GRU, x: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        out: Tensor = gru(x)[0]
        return out
    if x.device.type not in PACKING or torch.compiler.is_compiling():
        return run_apart(gru, x, lengths)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(gru(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def run_apart(gru: nn.GRU, x: Tensor, lengths: Tensor) -> Tensor:
    """The same without packing: each direction by itself, the backward one on turned clips; no length is read."""
    order = backwards(lengths, x.shape[1])
    valid = valid_steps(lengths, x.shape[1])[:, :, None]
    start = x.new_zeros(1, x.shape[0], gru.hidden_size)
    for layer in range(gru.num_layers):
        ways = []
        for way in ("", "_reverse")[: 1 + gru.bidirectional]:
            names = [f"{part}_l{layer}{way}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            weights = [getattr(gru, name) for name in names]
            heard = turned(x, order) if way else x
            states = torch._VF.gru(heard, start, weights, True, 1, 0.0, gru.training, False, True)[0]
            ways.append(turned(states, order) if way else states)
        x = torch.cat(ways, dim=2) * valid
    return x
