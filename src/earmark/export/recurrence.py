"""Recurrences that stay dynamic in time when a model is exported to ONNX.

PyTorch's exporter turns `nn.GRU` into a graph of one fixed length. Here each recurrence becomes one operator that the
exporter cannot look into, with a translation to ONNX's own GRU, which takes a length for each clip (`sequence_lens`):
backward states begin at a clip's own end, and beyond it states are zero.

ONNX's GRU, with gates in the order z, r, h (z the share of the state that is kept):

    z = f(x Wz + h Rz + wz + rz)        r = f(x Wr + h Rr + wr + rr)        h = z . h + (1 - z) . c
    c = g(x Wh + r . (h Rh + rh) + wh)  with linear_before_reset = 1, torch's cell; torch's order is r, z, n
    c = g(x Wh + (r . h) Rh + rh + wh)  with linear_before_reset = 0, the cell of Keras 2.0.8

so both cells of this package are one of its forms: Keras's hard sigmoid is f = HardSigmoid with alpha 0.2, beta 0.5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from earmark.encoders.keras_gru import KerasBiGRUs

_CANDIDATES = {  # ONNX's name, alpha and beta; those without take neither
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0),
}


@torch.library.custom_op("earmark::gru", mutates_args=())
def gru_operator(x: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor, lengths: Tensor, cell: str) -> Tensor:
    """One layer, x (batch, steps, inputs) to states (batch, steps, directions * units). It is exported, never run.

    weight (directions, 3 * units, inputs), recurrent (directions, 3 * units, units), bias (directions, 6 * units), with
    gates in the order z, r, h; `cell` is `torch`, or the candidate's activation of a Keras cell.
    """
    raise NotImplementedError("this operator stands for a recurrence while a model is exported")


@gru_operator.register_fake
def _(x: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor, lengths: Tensor, cell: str) -> Tensor:
    return x.new_empty(x.shape[0], x.shape[1], weight.shape[0] * recurrent.shape[2])


def translations() -> dict[Any, Any]:
    """What the exporter is to put in the place of `gru_operator`."""
    from onnxscript import opset20

    op: Any = opset20  # its own types know numbers and tensors apart, tracing does not

    def gru(x: Any, weight: Any, recurrent: Any, bias: Any, lengths: Any, cell: str) -> Any:
        directions, _, units = (int(size) for size in recurrent.shape)
        options: dict[str, Any] = {"hidden_size": units, "direction": ("forward", "bidirectional")[directions - 1]}
        if cell == "torch":
            options["linear_before_reset"] = 1
        else:
            name, alpha, beta = _CANDIDATES[cell]
            options["activations"] = ["HardSigmoid", name] * directions
            options["activation_alpha"] = ([0.2] if alpha is None else [0.2, alpha]) * directions
            options["activation_beta"] = ([0.5] if beta is None else [0.5, beta]) * directions
        states, _ = op.GRU(
            op.Transpose(x, perm=[1, 0, 2]), weight, recurrent, bias, op.Cast(lengths, to=6), **options
        )  # (steps, directions, batch, units)
        states = op.Transpose(states, perm=[2, 0, 1, 3])
        return op.Reshape(states, op.Constant(value_ints=[0, 0, directions * units]))

    return {torch.ops.earmark.gru.default: gru}


def exportable(model: nn.Module) -> nn.Module:
    """The same model, in place, its recurrences exchanged for ones that can be exported and no longer run."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.GRU):
            model.set_submodule(name, ExportedGRU(module))
        elif isinstance(module, KerasBiGRUs):
            model.set_submodule(name, ExportedKerasGRUs(module))
    return model


class ExportedGRU(nn.Module):
    """In place of a `nn.GRU` with batches first, all its layers."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        if not (gru.batch_first and gru.bias):
            raise ValueError("only a GRU with batch_first and bias is exported")
        self.layers = gru.num_layers
        ways = ("", "_reverse")[: 1 + gru.bidirectional]
        for layer in range(gru.num_layers):
            part = {
                name: torch.stack([_reordered(getattr(gru, f"{name}_l{layer}{way}").detach()) for way in ways])
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            self.register_buffer(f"weight_{layer}", part["weight_ih"])
            self.register_buffer(f"recurrent_{layer}", part["weight_hh"])
            self.register_buffer(f"bias_{layer}", torch.cat([part["bias_ih"], part["bias_hh"]], dim=1))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """States (batch, steps, channels) of x (batch, steps, inputs) with `lengths` (batch,) valid steps."""
        for layer in range(self.layers):
            parts = [getattr(self, f"{name}_{layer}") for name in ("weight", "recurrent", "bias")]
            x = torch.ops.earmark.gru(x, *parts, lengths, "torch")
        return x


class ExportedKerasGRUs(nn.Module):
    """In place of `KerasBiGRUs`."""

    def __init__(self, grus: KerasBiGRUs) -> None:
        super().__init__()
        self.candidates = grus.candidates
        for number in range(len(grus.candidates)):
            rows = slice(2 * number, 2 * number + 2)  # forwards and backwards; gates are z, r, candidate already
            bias = grus.bias.detach()[rows, 0]
            self.register_buffer(f"weight_{number}", grus.kernel.detach()[rows].transpose(1, 2).contiguous())
            self.register_buffer(f"recurrent_{number}", grus.recurrent.detach()[rows].transpose(1, 2).contiguous())
            self.register_buffer(f"bias_{number}", torch.cat([bias, torch.zeros_like(bias)], dim=1))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """States (gru, batch, steps, 2 * units) of x (batch, steps, inputs) with `lengths` (batch,) valid steps."""
        states = []
        for number, candidate in enumerate(self.candidates):
            parts = [getattr(self, f"{name}_{number}") for name in ("weight", "recurrent", "bias")]
            states.append(torch.ops.earmark.gru(x, *parts, lengths, candidate))
        return torch.stack(states)


def _reordered(gates: Tensor) -> Tensor:
    """Torch's reset, update, new as ONNX's update, reset, new."""
    reset, update, new = gates.chunk(3)
    return torch.cat([update, reset, new])
