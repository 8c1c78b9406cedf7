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

Convolutions packed for a processor: kernels converted and reordered once, instead of at every call.

Left to itself, oneDNN brings the kernels of a convolution into its own order whenever it runs, and autocast makes them
bfloat16 before that: time that grows with the network and not with its input, and memory for the largest kernels
twice more. Packed, both are done in advance, and the activation that follows is part of the convolution.

`pack` works in place, after `fold`, and is for models that do nothing but listen: a packed model cannot be trained, nor
moved to another device. It counts its parameters as before and saves a state that the plain model takes, with kernels
as they were rounded. The same function as under autocast, except for rounding: in bfloat16 an activation is taken
before its input is rounded.

The widest 3 x 3 kernels, which late in a deep network meet few cells (steps times bands), are packed as those of a
matrix product: Cnn14's last block has 31 x 2 cells and 2,048 channels, of which a convolution kernel makes a fifth of
what the processor can do. With the neighbourhoods of all cells written out, a matrix (cells, 9 * inputs),

    y[c, o] = sum over (dt, db, i) of x[c + (dt, db), i] * w[o, dt, db, i]

is one product, the same sum in another order.

The first convolution, of one input channel, stays in float32 whatever the rest does: what bfloat16 does to frame
scores is mostly done by rounding the features (on trained models of the default recipe the largest difference falls to
a third), and that layer costs next to nothing.

Packed are the two-dimensional convolutions that are neither grouped nor padded by anything but zeros, and the larger
linear layers, where PyTorch has these operators (its own compiler uses them; x86 alone); elsewhere a model stays as it
is. Linear layers of a pooling stay in float32, in which poolings compute. Left to itself PyTorch gives linear layers in
float32 to another library, which on processors of AMD has been seen to take three times as long as oneDNN.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from earmark.encoders.blocks import Conv
from earmark.encoders.dymn import ContextMaker
from earmark.encoders.embedding_net import DenseLayer
from earmark.encoders.mobilenet import ConvAct
from earmark.encoders.resnet import Bottleneck, ResNet
from earmark.encoders.wavegram import DilatedBlock, WaveformBranch
from earmark.encoders.yamnet import Separable, Strided
from earmark.masking import MaskedBatchNorm2d

Folding = TypeVar("Folding", bound=nn.Module)

# In each kind of block, which layer each normalisation follows, nothing in between.
FOLLOWS: dict[type[nn.Module], dict[str, str]] = {
    Conv: {"norm": "conv"},
    ConvAct: {"norm": "conv"},
    ContextMaker: {"norm": "joint"},
    DenseLayer: {"norm": "dense"},
    ResNet: {"stem_norm": "stem"},
    Bottleneck: {"norm1": "conv1", "norm2": "conv2", "norm3": "conv3", "short_norm": "short"},
    WaveformBranch: {"norm": "conv"},
    Strided: {"norm": "conv"},
    Separable: {"depth_norm": "depth", "point_norm": "point"},
    DilatedBlock: {"norms.0": "convs.0", "norms.1": "convs.1"},
}


class Folded(MaskedBatchNorm2d):
    """Stands where a normalisation was. Its state is that of one that adds the folded layer's shift."""

    final = True

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


Packing = TypeVar("Packing", bound=nn.Module)

# Blocks of many small maps, for whose size kernels must be packed, or a call takes half as long again: they are packed
# by themselves, where the size is known (`_pack_separable`).
UNPACKED = (Strided, Separable)
LARGE = 2**18  # values of kernels worth packing in float32: with fewer, a packed call is not faster and takes memory
WIDE = 2**22  # values of kernels from which a matrix product is faster: 512 to 1,024 channels, and wider
_STEPS, _BANDS = 64, 16  # of the input that the order of the kernels is chosen for; any size may come
_ROWS = 256  # the same of a linear layer


class PackedConv(nn.Module):
    """A convolution with its kernels in oneDNN's order, in `dtype`, and what is done to its output."""

    def __init__(
        self, conv: nn.Conv2d, dtype: torch.dtype, activation: str = "linear", cells: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.attribute = "none" if activation == "linear" else activation
        self.dtype = dtype
        laid_out, self.geometry = self.lay_out(conv)
        size = [1, laid_out.shape[1], *(cells or (_STEPS, _BANDS))]
        kernels = torch.ops.mkldnn._reorder_convolution_weight(laid_out.to(dtype), *self.geometry, size)
        self.weight = nn.Parameter(kernels, requires_grad=conv.weight.requires_grad)
        self.bias = conv.bias  # stays in float32
        self.bias_is_own = "bias" in conv.state_dict()  # or known as the normalisation's (see `fold`)
        self.register_state_dict_post_hook(_plain)  # type: ignore[no-untyped-call]

    def lay_out(self, conv: nn.Conv2d) -> tuple[Tensor, tuple[Any, ...]]:
        """Kernels to be packed, and padding, stride, dilation and groups of the convolution that they make."""
        return conv.weight, (conv.padding, conv.stride, conv.dilation, conv.groups)

    def plain_weight(self) -> Tensor:
        """The kernels as `conv` had them, except for rounding."""
        return self.weight.detach().to_dense().float()

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands), channels last, in `dtype`."""
        x = x.to(self.dtype)
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.geometry, self.attribute, [], ""
        )
        return out


class WideConv(PackedConv):
    """A 3 x 3 convolution, padded by one, as a matrix product of all cells' neighbourhoods."""

    def lay_out(self, conv: nn.Conv2d) -> tuple[Tensor, tuple[Any, ...]]:
        """Kernels of one cell and 9 * inputs channels."""
        kernels = conv.weight.permute(0, 2, 3, 1).reshape(len(conv.weight), -1, 1, 1)  # a view, with channels last
        return kernels, ((0, 0), (1, 1), (1, 1), 1)

    def plain_weight(self) -> Tensor:
        """The kernels (outputs, inputs, 3, 3)."""
        return super().plain_weight().view(len(self.weight), 3, 3, -1).permute(0, 3, 1, 2).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands), channels last, in `dtype`."""
        batch, inputs, steps, bands = x.shape
        padded = nn.functional.pad(x.to(self.dtype).permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
        clip, step, band, channel = padded.stride()
        around = padded.as_strided((batch, steps, bands, 3, 3, inputs), (clip, step, band, step, band, channel))
        cells = around.reshape(1, batch * steps * bands, 1, 9 * inputs).permute(0, 3, 1, 2)
        return super().forward(cells).permute(0, 2, 3, 1).reshape(batch, steps, bands, -1).permute(0, 3, 1, 2)


class DepthConv(nn.Module):
    """A 3 x 3 convolution of each channel by itself, with ReLU, that with a stride pads one cell after the last.

    A kernel 4 x 4 whose first row and column are zero does the same when it is padded on both sides, which the
    convolution does by itself. The few kernels are kept as they were beside the packed ones. `cells` are the steps and
    bands of the input.
    """

    kernels: Tensor

    def __init__(self, conv: nn.Conv2d, cells: tuple[int, int]) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        if conv.bias is not None and "bias" not in conv.state_dict():  # known as the normalisation's (see `fold`)
            self.register_state_dict_post_hook(_without_bias)  # type: ignore[no-untyped-call]
        self.geometry = ((1, 1), conv.stride, (1, 1), conv.groups)
        kernels = conv.weight if conv.stride == (1, 1) else nn.functional.pad(conv.weight, (1, 0, 1, 0))
        size = [1, conv.in_channels, *cells]
        packed = torch.ops.mkldnn._reorder_convolution_weight(kernels.detach(), *self.geometry, size)
        self.register_buffer("kernels", packed, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, steps, bands) to (batch, channels, steps / stride, bands / stride)."""
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.kernels, self.bias, *self.geometry, "relu", [], ""
        )
        return out


class PackedLinear(nn.Module):
    """A linear layer with its weights in oneDNN's order, in `dtype`."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features, self.dtype = linear.in_features, linear.out_features, dtype
        weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.to(dtype), _ROWS)
        self.weight = nn.Parameter(weight, requires_grad=linear.weight.requires_grad)
        self.bias = linear.bias  # stays in float32
        self.bias_is_own = "bias" in linear.state_dict()
        self.register_state_dict_post_hook(_plain)  # type: ignore[no-untyped-call]

    def plain_weight(self) -> Tensor:
        """The weights as `linear` had them, except for rounding."""
        return self.weight.detach().to_dense().float()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), in `dtype`."""
        x = x.to(self.dtype)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return out


def can_pack() -> bool:
    """Whether this PyTorch has, on this processor, what packing takes."""
    operators = (
        *("_reorder_convolution_weight", "_convolution_pointwise"),
        *("_reorder_linear_weight", "_linear_pointwise"),
    )
    return (
        platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in operators)
    )


@torch.no_grad()
def pack(model: Packing, dtype: torch.dtype = torch.float32, least: int = 0) -> Packing:
    """The same model, in place, its convolutions and linear layers packed in this precision.

    Kernels of fewer than `least` values stay as they are, and linear layers of fewer than `LARGE`. `ValueError` in
    training mode.

    >>> model, x = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)).eval(), torch.ones(1, 3, 5, 4)
    >>> plain = model(x)
    >>> torch.allclose(pack(model)(x), plain, atol=1e-6)
    True
    """
    if model.training:
        raise ValueError("only a model in evaluation mode can be packed: call eval() first")
    if not can_pack():
        return model
    found = [
        (layer.weight.numel(), block, name, layer, _precision(f"{path}.{name}", dtype))
        for path, block in model.named_modules()
        for name, layer in block.named_children()
        if (type(layer) is nn.Conv2d and layer.weight.numel() >= least and _packable(layer))
        or (type(layer) is nn.Linear and layer.weight.numel() >= max(LARGE, least) and _on_cpu(layer))
        if not isinstance(block, UNPACKED)
    ]
    while found:  # the largest first: the next fits into the memory that it leaves
        at = max(range(len(found)), key=lambda at: found[at][0])
        _, block, name, layer, own = found.pop(at)
        if isinstance(layer, nn.Linear):
            block.set_submodule(name, PackedLinear(layer, own))
        else:
            _pack_conv(block, name, layer, own if layer.in_channels > 1 else torch.float32)
        del layer
    for block in list(model.modules()):
        if isinstance(block, Separable):
            _pack_separable(block)
    return model


def _precision(path: str, dtype: torch.dtype) -> torch.dtype:
    """Poolings compute in float32, whatever the rest does."""
    return torch.float32 if "pooling" in path.split(".") else dtype


def _pack_conv(block: nn.Module, name: str, layer: nn.Conv2d, dtype: torch.dtype) -> None:
    kind = WideConv if is_wide(layer) else PackedConv
    if isinstance(block, Conv) and isinstance(block.norm, Folded):
        block.set_submodule(name, kind(layer, dtype, block.activation))
        block.activation = "linear"
    else:
        block.set_submodule(name, kind(layer, dtype))


def _pack_separable(block: Separable) -> None:
    """Both convolutions of a folded block whose maps have one size, each with its ReLU; in float32."""
    if block.cells is None or not (isinstance(block.depth_norm, Folded) and isinstance(block.point_norm, Folded)):
        return
    if block.packed or not _on_cpu(block.depth):
        return
    steps, bands = block.cells
    block.set_submodule("depth", DepthConv(block.depth, (steps * block.stride, bands * block.stride)))
    block.set_submodule("point", PackedConv(block.point, torch.float32, "relu", block.cells))
    block.packed = True


def is_wide(conv: nn.Conv2d) -> bool:
    """Whether it is of the kind, and wide enough, to be a matrix product."""
    plain = conv.kernel_size == (3, 3) and conv.padding == conv.stride == conv.dilation == (1, 1)
    return plain and conv.weight.numel() >= WIDE


def _packable(conv: nn.Conv2d) -> bool:
    return _on_cpu(conv) and conv.groups == 1 and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def _on_cpu(layer: nn.Conv2d | nn.Linear) -> bool:
    return layer.weight.device.type == "cpu"


def _plain(module: PackedConv | PackedLinear, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]) -> None:
    state[f"{prefix}weight"] = module.plain_weight()
    if not module.bias_is_own:
        state.pop(f"{prefix}bias", None)


def compiled(module: Callable[..., Any], **options: Any) -> Any:
    """A module or function as PyTorch's compiler makes it, in one graph.

    `options` are those of `torch.compile`. It is compiled at its first call, which takes a minute or more: for runs
    that are long enough.
    """
    torch._dynamo.config.allow_rnn = True  # otherwise the graph falls apart at every GRU
    return torch.compile(module, fullgraph=True, dynamic=True, **options)
