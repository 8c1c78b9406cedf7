"""Running torch's recurrent layers over clips of different lengths, in the arithmetic that suits the device.

Where gradients are wanted, and on a GPU, a recurrence follows the precision around it. Without gradients a processor
has a bfloat16 kernel for convolutions, and none worth the name for recurrences: there it runs in float32 (a GRU of 128
units over 250 steps: three to eight times faster than under autocast).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def recur(gru: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    """States (batch, steps, channels) of inputs (batch, steps, inputs); `lengths` (batch,) valid steps, None: all.

    A clip's backward states begin at its own end. Beyond it, states are zero.
    """
    if x.device.type == "cpu" and not torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            return _run(gru, x.float(), lengths)
    return _run(gru, x, lengths)


def _run(gru: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        out: Tensor = gru(x)[0]
        return out
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(gru(packed)[0], batch_first=True, total_length=x.shape[1])[0]
