r"""Batch normalisation folded into the layer it follows, for inference.

A normalisation that has stopped learning scales and shifts each channel; a convolution or a linear layer before it can
do that itself:

    g (W * x + c - m) / sqrt(v + e) + b  =  W' * x + b'       W' = W g / sqrt(v + e),  b' = (c - m) g / sqrt(v + e) + b

with m and v the running mean and variance, g and b the learned scale and shift, c the layer's own bias or zero. What
is left is one pass over the activations less, and the same function except for rounding, within a clip and beyond its
end: a normalisation in evaluation asks for no mask.

`fold` works in place, so that a model never stands in memory twice; it is for models that nobody trains on. A folded
model still counts its parameters as before, and saves a state that the plain model takes: there the folded kernels
are followed by normalisations that add b' and do nothing else.

Not folded: normalisations of what comes into a network (`bn0`), before which there is no layer, and those of poolings,
which cost nothing beside a network.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from earmark.encoders.blocks import Conv
from earmark.encoders.embedding_net import DenseLayer
from earmark.encoders.resnet import Bottleneck, ResNet
from earmark.encoders.wavegram import DilatedBlock, WaveformBranch
from earmark.masking import MaskedBatchNorm2d

Folding = TypeVar("Folding", bound=nn.Module)

# In each kind of block, which layer each normalisation follows, nothing in between.
FOLLOWS: dict[type[nn.Module], dict[str, str]] = {
    Conv: {"norm": "conv"},
    DenseLayer: {"norm": "dense"},
    ResNet: {"stem_norm": "stem"},
    Bottleneck: {"norm1": "conv1", "norm2": "conv2", "norm3": "conv3", "short_norm": "short"},
    WaveformBranch: {"norm": "conv"},
    DilatedBlock: {"norms.0": "convs.0", "norms.1": "convs.1"},
}


class Folded(MaskedBatchNorm2d):
    """Stands where a normalisation was. Its state is that of one that adds the folded layer's shift."""

    def __init__(self, norm: MaskedBatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())  # for the count of batches seen
        nn.init.ones_(self.weight).requires_grad_(norm.weight.requires_grad)
        nn.init.zeros_(self.bias).requires_grad_(norm.bias.requires_grad)
        self.known(self.running_mean).zero_()
        self.known(self.running_var).fill_(1 - norm.eps)  # its root, with eps, is 1
        self.to(norm.weight.device).eval()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pass x on; `ValueError` in training, of which folded layers are no longer capable."""
        if self.training:
            raise ValueError("a model that was folded for inference cannot be trained; load it again")
        return x

    @staticmethod
    def known(tensor: Tensor | None) -> Tensor:
        """A running statistic; `ValueError` where there is none."""
        if tensor is None:
            raise ValueError("only normalisations with running statistics can be folded")
        return tensor


@torch.no_grad()
def fold(model: Folding) -> Folding:
    """The same model, in place, with every normalisation folded that follows a layer. `ValueError` in training mode.

    >>> block, x = Conv(1, 8, "relu").eval(), torch.ones(1, 1, 5, 4)
    >>> plain = block(x)
    >>> torch.allclose(fold(block)(x), plain, atol=1e-6)
    True
    """
    if model.training:
        raise ValueError("only a model in evaluation mode can be folded: call eval() first")
    for block in list(model.modules()):
        for name, followed in FOLLOWS.get(type(block), {}).items():
            norm = attrgetter(name)(block)
            if isinstance(norm, MaskedBatchNorm2d) and not isinstance(norm, Folded):
                block.set_submodule(name, _fold(attrgetter(followed)(block), norm))
    return model


def _fold(layer: nn.Conv1d | nn.Conv2d | nn.Linear, norm: MaskedBatchNorm2d) -> Folded:
    """Put the normalisation into the layer, whose kernels change where they lie; what stands in the former's place."""
    mean, variance = (Folded.known(tensor) for tensor in (norm.running_mean, norm.running_var))
    rest = Folded(norm)
    scale = norm.weight / torch.sqrt(variance + norm.eps)  # (outputs,)
    shift = norm.bias - mean * scale
    layer.weight.mul_(scale.view(-1, *[1] * (layer.weight.ndim - 1)))
    if layer.bias is None:
        layer.bias = rest.bias = nn.Parameter(shift, requires_grad=norm.bias.requires_grad)
        # One tensor, which the plain model knows as the normalisation's alone.
        layer.register_state_dict_post_hook(_without_bias)  # type: ignore[no-untyped-call]
    else:
        layer.bias.mul_(scale).add_(shift)
    return rest


def _without_bias(module: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]) -> None:
    state.pop(f"{prefix}bias")
