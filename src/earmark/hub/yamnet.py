"""YAMNet's published weights: what its tensors are called, and the files that hold them.

Plakal and Ellis 2019 (`encoders/yamnet.py`). The 521 classes are AudioSet's 527 without six, in the same order. Names
are those of the authors' Keras code, on the left, whatever file they come from:

    layer1/conv/kernel                          encoder.first.conv.weight
    layer1/conv/bn/{beta, moving_mean, moving_variance}           .norm.{bias, running_mean, running_var}
    layer{i}/depthwise_conv/depthwise_kernel    encoder.layers.{i - 2}.depth.weight
    layer{i}/pointwise_conv/kernel                                .point.weight        and .../bn/... as above
    logits/kernel, logits/bias                  pooling.classify.{weight, bias}

A clip's score is the largest of its patches': the authors' example takes the mean, in which a bark of half a second is
lost, and with it the event, as the default decisions report an event only where the clip has the tag.

Kernels are (height, width, inputs, outputs) there, (outputs, inputs, height, width) here. Normalisations have no scale
there; ours is one.

Files:

    yamnet.h5            Keras weights, as published (needs h5py)
    *.index, *.data-*    a TensorFlow checkpoint, or `variables` of a SavedModel such as TensorFlow Hub's
    *.onnx               any export that has the convolutions one by one (needs onnx): batch normalisation may be folded
                         into them, weights may be quantised

TensorFlow Lite's files are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from earmark.arrays import FloatArray
from earmark.encoders import YAMNetOptions
from earmark.encoders.yamnet import EPS
from earmark.errors import ModelError
from earmark.features import LogMelOptions
from earmark.formats.audioset_names import read_classes
from earmark.hub.family import Family, Shapes, State, check_finite
from earmark.hub.hdf5 import is_hdf5, read_hdf5
from earmark.hub.onnx_layers import Layer, read_layers
from earmark.hub.tensor_bundle import is_bundle, read_bundle
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.pooling import FunctionOptions

_LEFT_OUT = {
    *("/m/05zppz", "/m/02zsn", "/t/dd00003", "/t/dd00004"),  # male and female speech and singing
    *("/m/04gy_2", "/t/dd00032"),  # battle cry, funny music
}
_LOGMEL = LogMelOptions(
    rate=16_000, window=400, n_fft=512, hop=160, bands=64, fmin=125.0, fmax=7_500.0, mel_scale="kaldi", power=1,
    density=False, floor=1e-3, centre=False, beyond_end=True,
)  # fmt: skip
_BY_NUMBER = re.compile(r"(?:.*/)?layer_with_weights-(\d+)/(\w+)(?:/\.ATTRIBUTES/VARIABLE_VALUE)?")
_BY_NAME = re.compile(r"(?:.*/)?(layer\d+/(?:depthwise_|pointwise_)?conv(?:/bn)?|logits|dense(?:_\d+)?)/(\w+)(?::0)?")
_STATISTICS = ("beta", "moving_mean", "moving_variance")


def yamnet_classes() -> tuple[str, ...]:
    """Display names of the 521 classes, in the order of the scores."""
    return tuple(name for mid, name in read_classes(None).items() if mid not in _LEFT_OUT)


def yamnet_network() -> NetworkOptions:
    """The network of the published weights."""
    return NetworkOptions(
        features=_LOGMEL,
        encoder=YAMNetOptions(),
        pooling=FunctionOptions(kind="max"),
        scale_bands=False,
        window_seconds=30.0,
        overlap_seconds=1.92,
    )


def expected(_: str) -> Shapes:
    """Names and shapes of the published tensors."""
    shapes: Shapes = {}
    for name, (height, width, inputs, outputs) in _kernels():
        shapes[name] = (height, width, inputs, outputs)
        norm = name.rpartition("/")[0] + "/bn"
        shapes |= {f"{norm}/{each}": (inputs if "depthwise" in name else outputs,) for each in _STATISTICS}
    channels = YAMNetOptions().channels[-1]
    return shapes | {"logits/kernel": (channels, len(yamnet_classes())), "logits/bias": (len(yamnet_classes()),)}


def converted(state: State, _: str) -> Network:
    """A network with these weights, in evaluation mode; the tensors must be as `expected` says."""
    check_finite(state)
    network = Network(ModelOptions(labels=yamnet_classes(), **dict(yamnet_network())))
    own = network.state_dict()
    weights: dict[str, Tensor] = {}
    for name, _shape in _kernels():
        layer, part = name.split("/")[:2]
        number = int(layer.removeprefix("layer"))
        where = "encoder.first" if number == 1 else f"encoder.layers.{number - 2}"
        conv, norm = {"conv": ("conv", "norm")}.get(part, (part[:5], f"{part[:5]}_norm"))
        kernel = state[name].permute(2, 3, 0, 1) if "depthwise" in name else state[name].permute(3, 2, 0, 1)
        weights[f"{where}.{conv}.weight"] = kernel
        for theirs, ours in zip(_STATISTICS, ("bias", "running_mean", "running_var"), strict=True):
            weights[f"{where}.{norm}.{ours}"] = state[f"{layer}/{part}/bn/{theirs}"]
    weights["pooling.classify.weight"] = state["logits/kernel"].T
    weights["pooling.classify.bias"] = state["logits/bias"]
    network.load_state_dict({**own, **weights})
    return network.eval()


def _kernels() -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Names and shapes of the convolutions' kernels, in the order in which they are computed."""
    options = YAMNetOptions()
    before = options.channels[0]
    yield "layer1/conv/kernel", (3, 3, 1, before)
    for number, filters in enumerate(options.channels[1:], 2):
        yield f"layer{number}/depthwise_conv/depthwise_kernel", (3, 3, before, 1)
        yield f"layer{number}/pointwise_conv/kernel", (1, 1, before, filters)
        before = filters


def read(path: Path) -> State | None:
    """The tensors of a file by the authors' names; None for a file of another kind.

    `ModelError` where it is damaged, `MissingExtraError` where what reads it is not installed.
    """
    try:
        kind = "keras" if is_hdf5(path) else "tensorflow" if is_bundle(path) else None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if kind is not None:
        return _named(read_hdf5(path) if kind == "keras" else read_bundle(path))
    if path.suffix.lower() == ".onnx":
        return _of_layers(*read_layers(path, [_in_onnx(*each) for each in _kernels()], len(yamnet_classes())))
    return None


def _named(found: dict[str, FloatArray]) -> State:
    """Tensors by the names of the code, whichever way a file numbers or nests them; others keep their own."""
    state: dict[str, Tensor] = {}
    for key, values in found.items():
        if numbered := _BY_NUMBER.fullmatch(key):
            name = f"{_layer(int(numbered[1]))}/{numbered[2]}"
        elif named := _BY_NAME.fullmatch(key):
            name = f"{re.sub('dense.*', 'logits', named[1])}/{named[2]}"
        else:
            name = key
        state[name] = torch.from_numpy(values)
    return state


def _layer(number: int) -> str:
    """The name of the layer with weights that is counted so.

    >>> [_layer(number) for number in (0, 1, 2, 5, 54)]
    ['layer1/conv', 'layer1/conv/bn', 'layer2/depthwise_conv', 'layer2/pointwise_conv/bn', 'logits']
    """
    names = [
        part for kernel, _ in _kernels() for part in (kernel.rpartition("/")[0], kernel.rpartition("/")[0] + "/bn")
    ]
    return [*names, "logits"][number] if number <= len(names) else f"layer_with_weights-{number}"


def _in_onnx(name: str, shape: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The shape of a kernel in ONNX."""
    height, width, inputs, outputs = shape
    return (inputs, 1, height, width) if "depthwise" in name else (outputs, inputs, height, width)


def _of_layers(layers: list[Layer], kernel: FloatArray, bias: FloatArray) -> State:
    """Layers whose normalisation is part of them, as layers whose normalisation adds the bias and does nothing else."""
    state: dict[str, FloatArray] = {"logits/kernel": kernel, "logits/bias": bias}
    for (name, _), layer in zip(_kernels(), layers, strict=True):
        state[name] = layer.weight.transpose((2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0))
        norm = name.rpartition("/")[0] + "/bn"
        statistics = layer.bias, np.zeros_like(layer.bias), np.full_like(layer.bias, 1 - EPS)
        state |= {f"{norm}/{each}": values for each, values in zip(_STATISTICS, statistics, strict=True)}
    return {name: torch.from_numpy(np.array(values)) for name, values in state.items()}


FAMILY = Family(
    ("yamnet",),
    expected,
    converted,
    read=read,
    changes="tensors renamed, kernels turned, their values unchanged; a normalisation that the file folds into its "
    "convolution stays there; a clip's score is that of its best patch",
)
