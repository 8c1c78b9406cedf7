"""Convolutions of a network that others exported to ONNX, one by one, with their normalisations (extra `export`).

An export keeps neither names nor normalisations: a batch normalisation is folded into the convolution before it, or
stands after it as such or as a product and a sum; weights may be quantised, or pass through a pair of nodes that
pretends to. What is left is the order of the convolutions and their shapes, and by these they are found: `read_layers`
gives each as one kernel and one bias, everything that follows it up to the activation included.

Nothing of the graph is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray
from earmark.errors import MissingExtraError, ModelError

_LARGEST = 2**28  # bytes of a file
_PASSED = ("Identity", "QuantizeLinear", "DequantizeLinear", "Cast")  # nodes that do not change what passes them
_DEEPEST = 8  # nodes between a weight and where it is used

Values = npt.NDArray[Any]


class Layer(NamedTuple):
    """A convolution with what follows it."""

    weight: FloatArray  # (outputs, inputs a group, height, width)
    bias: FloatArray  # (outputs,)


def read_layers(
    path: Path, shapes: Sequence[tuple[int, ...]], classes: int
) -> tuple[list[Layer], FloatArray, FloatArray]:
    """The convolutions with kernels of these shapes, in this order, and kernel (inputs, classes) and bias (classes,)
    of the last dense layer.

    `ModelError` where the file has no such convolutions or is damaged, `MissingExtraError` where onnx is not installed.
    """
    graph = _Graph(path)
    convs = [node for node in graph.nodes if node.op_type in ("Conv", "DepthwiseConv")]
    weights = [graph.value(node.input[1]) if len(node.input) > 1 else None for node in convs]
    wanted = list(shapes)
    layers: list[Layer] = []
    for node, weight in zip(convs, weights, strict=True):
        if len(layers) < len(wanted) and weight is not None and weight.shape == wanted[len(layers)]:
            layers.append(graph.layer(node, weight))
    if len(layers) < len(wanted):
        place = len(layers)
        raise ModelError(
            f"{path}: has no {_th(place + 1)} convolution of {wanted[place]}; {len(convs)} convolutions were found"
        )
    kernel, bias = graph.dense(layers[-1].bias.shape[0], classes)
    return layers, kernel, bias


class _Graph:
    """The nodes of a file, and the values that are constant in it."""

    def __init__(self, path: Path) -> None:
        try:
            import onnx
            from onnx import numpy_helper
        except ImportError as error:
            raise MissingExtraError("onnx", "export", f"reading {path}") from error
        self.path = path
        try:
            if path.stat().st_size > _LARGEST:
                raise ModelError(f"{path}: has more than {_LARGEST >> 20} MB")
            model = onnx.load(str(path))
            self.nodes = list(model.graph.node)
            self._constants: dict[str, Values] = {
                tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
            }
            for node in self.nodes:
                if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                    self._constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        except ModelError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelError(f"{path}: is not an ONNX file, or it is damaged ({reason})") from error
        self._made = {output: node for node in self.nodes for output in node.output}
        self._used: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._used.setdefault(name, []).append(node)

    def value(self, name: str, depth: int = _DEEPEST) -> FloatArray | None:
        """A constant, as float32; None for what is computed from the input."""
        if name in self._constants:
            return np.asarray(self._constants[name], np.float32)
        node = self._made.get(name)
        if node is None or not depth:
            return None
        before = self.value(node.input[0], depth - 1) if node.input else None
        if before is None:
            return None
        if node.op_type == "DequantizeLinear" and not self._pretends(node):
            return self._dequantised(node, before)
        if node.op_type in _PASSED:
            return before
        if node.op_type == "Transpose":
            order = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
            return before.transpose(order)
        if node.op_type == "Reshape":
            shape = self.value(node.input[1], depth - 1)
            return None if shape is None else before.reshape(shape.astype(int).tolist())
        return None

    def _pretends(self, node: Any) -> bool:
        """Whether what a node takes the quantisation from was quantised by the node before it."""
        before = self._made.get(node.input[0])
        return before is not None and before.op_type == "QuantizeLinear"

    def _dequantised(self, node: Any, values: FloatArray) -> FloatArray:
        axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
        scale, zero = (self.value(name) for name in (*node.input[1:3], "")[:2])
        if scale is None:
            raise ModelError(f"{self.path}: a quantised weight has a scale that is not constant")
        zero = np.zeros_like(scale) if zero is None else zero
        if scale.ndim == 1 and scale.size > 1:
            along = [1] * values.ndim
            along[axis] = scale.size
            scale, zero = scale.reshape(along), zero.reshape(along)
        return np.asarray((values - zero) * scale, np.float32)

    def layer(self, node: Any, weight: FloatArray) -> Layer:
        """A convolution with its bias, and the normalisation after it."""
        outputs = weight.shape[0]
        scale, shift = np.ones(outputs), np.zeros(outputs)
        if len(node.input) > 2:
            shift = self._needed(node.input[2], node).astype(float)
        name = node.output[0]
        while (follower := self._follower(name)) is not None:
            again, added = self._effect(follower, name, outputs)
            scale, shift, name = scale * again, shift * again + added, follower.output[0]
        kernel = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        return Layer(kernel.astype(np.float32), shift.astype(np.float32))

    def _follower(self, name: str) -> Any | None:
        """The one node after a value, if it scales or shifts channels."""
        users = self._used.get(name, [])
        if len(users) != 1 or users[0].op_type not in ("BatchNormalization", "Mul", "Add", "Sub"):
            return None
        if users[0].op_type == "BatchNormalization":
            return users[0]
        other = [each for each in users[0].input if each != name]
        return users[0] if len(other) == 1 and self.value(other[0]) is not None else None

    def _effect(self, node: Any, name: str, outputs: int) -> tuple[Values, Values]:
        """Factor and addend (outputs,) of a node."""
        if node.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (self._needed(each, node).astype(float) for each in node.input[1:5])
            eps = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
            factor = gamma / np.sqrt(variance + eps)
            return factor, beta - mean * factor
        other = next(each for each in node.input if each != name)
        values = np.broadcast_to(self._needed(other, node).astype(float).ravel(), (outputs,))
        if node.op_type == "Mul":
            return values, np.zeros(outputs)
        if node.op_type == "Sub" and node.input[0] != name:
            return -np.ones(outputs), values
        return np.ones(outputs), -values if node.op_type == "Sub" else values

    def _needed(self, name: str, node: Any) -> FloatArray:
        found = self.value(name)
        if found is None:
            raise ModelError(f"{self.path}: node {node.name!r} ({node.op_type}) has an input that is not constant")
        return found

    def dense(self, inputs: int, classes: int) -> tuple[FloatArray, FloatArray]:
        """Kernel (inputs, classes) and bias (classes,) of the last dense layer of these sizes."""
        for node in reversed(self.nodes):
            if node.op_type not in ("Gemm", "MatMul", "Conv"):
                continue
            kernel = self.value(node.input[1])
            if kernel is None or kernel.size != inputs * classes:
                continue
            kernel = kernel.reshape([size for size in kernel.shape if size > 1])
            bias = self.value(node.input[2]) if len(node.input) > 2 else None
            if bias is None:
                users = self._used.get(node.output[0], [])
                added = [self.value(each) for user in users if user.op_type == "Add" for each in user.input]
                bias = next((each for each in added if each is not None and each.size == classes), None)
            if kernel.shape == (classes, inputs):
                kernel = kernel.T
            if bias is not None and kernel.shape == (inputs, classes):
                return kernel, bias.reshape(classes)
        raise ModelError(f"{self.path}: has no dense layer of {inputs} inputs and {classes} classes")


def _th(number: int) -> str:
    """A number as one of a row.

    >>> _th(1), _th(2), _th(3), _th(11), _th(22)
    ('1st', '2nd', '3rd', '11th', '22nd')
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 % 10 != 1 else "th"
    return f"{number}{ending}"
