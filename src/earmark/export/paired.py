"""Convolutions 3 x 3 that compute two rows at a time, in two thirds of the multiplications (Winograd's F(2, 3)).

Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", section 4.1, along the rows (of log-mel
features: frames). A pair of rows y0, y1 of the output needs four rows d0 to d3 of the input:

    m0 = (d0 - d2) * g0                      y0 = m0 + m1 + m2
    m1 = (d1 + d2) * (g0 + g1 + g2) / 2      y1 = m1 - m2 - m3
    m2 = (d2 - d1) * (g0 - g1 + g2) / 2
    m3 = (d1 - d3) * g2

with `*` a convolution of 1 x 3 over the bands and g0 to g2 the rows of the kernel: four products instead of six.

    x (batch, channels, rows, bands) -> even and odd rows, apart -> convolutions, gates, poolings over bands -> x again

The graph is rewritten, whatever the encoder: from the first convolution on maps are kept as their even and their odd
rows, each half as long, so that the sums above are plain additions of whole maps, and they are put in order again for
the first node that is not computed row by row. All is written such that onnxruntime stays in its blocked layout
(channels in blocks of 16): differences are convolutions of every channel by itself, a mask over time is spread over
channels and bands by a convolution, and the shapes are told, by which additions go into the convolution before them.

The weights stay as they are in the file; onnxruntime computes the kernels above when it opens it. That takes time and
memory too, so wide convolutions over few rows and bands, as at the end of PANNs, stay as they are.

Differs from the paper in: one dimension instead of two. Two need a third of the multiplications less than one, and sums
over four times as many values; that was not tried.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
from torch import nn

Shape = list[int | str]
Halves = tuple[str, str]  # names of the values with the even and with the odd rows

_BLOCK = 16  # channels of a block of onnxruntime's layout
_LEAST = 32  # channels below which the additions cost more than is saved
# rows times bands of a window, below which computing the kernels takes as long as 40 windows save
_PLACES = 128
_POINTWISE = frozenset({"Sigmoid", "Relu", "Identity", "Tanh"})
_POOLS = frozenset({"MaxPool", "AveragePool"})


def gains(network: nn.Module) -> bool:
    """Whether a network has convolutions that are paired, and so should be traced at an even number of steps."""
    return any(
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (3, 3)
        and module.stride == module.dilation == module.padding == (1, 1)
        and module.groups == 1
        and _wide(module.in_channels, module.out_channels)
        for module in network.modules()
    )


def pair_rows(proto: Any, length: int) -> int:
    """Rewrite the convolutions of a graph (a `ModelProto` with the shapes of its values); returns how many.

    `length` is the value, in a window of the model, of the one dimension beside the batch that its shapes leave open.
    """
    return _Rewriting(proto, length).run()


def _wide(inputs: int, outputs: int) -> bool:
    return inputs >= _LEAST and inputs % _BLOCK == 0 and outputs % _BLOCK == 0


class _Rewriting:
    """One pass over a graph, in the order in which it is computed."""

    def __init__(self, proto: Any, length: int) -> None:
        self.graph, self.length = proto.graph, length
        self.shapes = {value.name: _dims(value) for value in self.graph.value_info}
        self.weights: dict[str, list[int]] = {tensor.name: list(tensor.dims) for tensor in self.graph.initializer}
        self.nodes: list[Any] = []  # of the new graph
        self.halves: dict[str, Halves] = {}  # of every value that is kept in halves
        self.rows: dict[str, list[str]] = {}  # combinations of the rows of a value, for all its convolutions
        self.parts: dict[tuple[Any, ...], str] = {}  # halves of what was computed whole, masks spread over maps
        self.wholes: dict[str, str] = {}  # values put together of their halves
        self.constants: dict[tuple[Any, ...], str] = {}
        self.names = itertools.count(1)

    def run(self) -> int:
        """Rewrite the graph; returns the number of paired convolutions."""
        nodes = self._masked_first(list(self.graph.node))
        del self.graph.node[:], self.graph.value_info[:]  # shapes are told of the new values alone
        wanted = self._wanted(nodes)
        count = 0
        for node in nodes:
            if self._is_paired(node):
                self._convolve(node)
                count += 1
            elif node.output[0] in wanted and self._is_first(node):
                self._begin(node)
            elif any(name in self.halves for name in node.input) and self._is_by_row(node):
                self._repeat(node)
            else:
                for index, name in enumerate(node.input):
                    node.input[index] = self._whole(name)
                self.nodes.append(node)
        self.graph.node.extend(self.nodes)
        return count

    # What is rewritten

    def _masked_first(self, nodes: list[Any]) -> list[Any]:
        """Turn a * b * mask into a * mask * b: the same numbers, for a mask is 0 or 1.

        onnxruntime has a mask spread over a map (`_spread`) just before it multiplies a convolution by it; before it
        multiplies a product by it, it would spread the masks of the whole network at its beginning, and keep them.
        """
        uses = Counter(name for node in nodes for name in node.input)
        products: dict[str, Any] = {}
        ordered: list[Any] = []
        for node in nodes:
            if node.op_type == "Mul" and self._splits(node.output[0]):
                first, mask = node.input
                is_masked = self.shapes.get(mask) == _mask_of(self.shapes[node.output[0]])
                if is_masked and first in products and uses[first] == 1:
                    product = products[first]
                    ordered = [each for each in ordered if each is not product]
                    node.input[1], product.input[1] = product.input[1], mask
                    ordered.append(product)
                products[node.output[0]] = node
            ordered.append(node)
        return ordered

    def _wanted(self, nodes: list[Any]) -> set[str]:
        """Values that a paired convolution reads, or that are computed into what it reads row by row."""
        wanted: set[str] = set()
        for node in reversed(nodes):
            if self._is_paired(node) or (node.output[0] in wanted and self._is_by_row(node)):
                wanted.update(node.input)
        return wanted

    def _is_paired(self, node: Any) -> bool:
        if not self._keeps_size(node):
            return False
        outputs, inputs = self.weights[node.input[1]][:2]
        rows, bands = self.shapes[node.output[0]][2:]
        high = rows if isinstance(rows, int) else _factor(rows) * self.length
        return _wide(inputs, outputs) and high * int(bands) >= _PLACES

    def _is_first(self, node: Any) -> bool:
        """Whether a node is a convolution of few channels, which onnxruntime reads as they are."""
        if not self._keeps_size(node):
            return False
        outputs, inputs = self.weights[node.input[1]][:2]
        return inputs < _BLOCK and outputs % _BLOCK == 0

    def _keeps_size(self, node: Any) -> bool:
        """Whether a node is a convolution 3 x 3 that keeps the size of a map of an even number of rows."""
        if node.op_type != "Conv" or not self._splits(node.output[0]):
            return False
        given = _attributes(node)
        kernel, pads = self.weights.get(node.input[1], [])[2:], given.get("pads")
        steps = [*given.get("strides", [1, 1]), *given.get("dilations", [1, 1]), given.get("group", 1)]
        return kernel == [3, 3] and pads == [1, 1, 1, 1] and set(steps) == {1}

    def _splits(self, name: str) -> bool:
        """Whether a value is a map of an even number of rows."""
        shape = self.shapes.get(name, [])
        return len(shape) == 4 and _is_even(shape[2]) and isinstance(shape[1], int) and isinstance(shape[3], int)

    def _is_by_row(self, node: Any) -> bool:
        """Whether each row of the node's value needs the same rows of its inputs alone."""
        if not self._splits(node.output[0]):
            return False
        if node.op_type in _POOLS:
            given = _attributes(node)
            return (
                given["kernel_shape"][0] == given.get("strides", [1])[0] == 1
                and not any(given.get("pads", []))
                and not given.get("ceil_mode")
            )
        if node.op_type in ("Add", "Mul"):
            full = self.shapes[node.output[0]]
            return all(self.shapes.get(name) in (full, _mask_of(full)) for name in node.input)
        return node.op_type in _POINTWISE

    # How it is computed

    def _begin(self, node: Any) -> None:
        """The first convolution, at even and at odd rows by a stride of two."""
        inputs, shape = [self._whole(name) for name in node.input], self._half(node.output[0])
        self.halves[node.output[0]] = (
            self._add("Conv", inputs, shape, pads=[1, 1, 1, 1], strides=[2, 1]),
            self._add("Conv", inputs, shape, pads=[0, 1, 2, 1], strides=[2, 1]),
        )

    def _convolve(self, node: Any) -> None:
        """The sums of the four products (the first lines of this file)."""
        source, weights, *bias = node.input
        shape = self._half(node.output[0])
        first, both, other, last = (
            self._add("Conv", [rows, kernel, *(bias if index == 1 else [])], shape, pads=[0, 1, 0, 1])
            for index, (rows, kernel) in enumerate(zip(self._rows(source), self._kernels(weights), strict=True))
        )
        total = self._sum(both, other)  # of which their difference is made, so that not both are kept until the end
        difference = self._sum(total, self._by_channel(other, [-2], shape))
        self.halves[node.output[0]] = (self._sum(first, total), self._sum(last, difference))

    def _rows(self, source: str) -> list[str]:
        """The four combinations of rows that the kernels are applied to."""
        if source not in self.rows:
            shape = self._half(source)
            if source in self.halves:
                even, odd = self.halves[source]
                self.rows[source] = [
                    self._by_channel(odd, [1, -1], shape, pads=[1, 0, 0, 0]),
                    self._sum(even, odd),
                    self._sum(odd, self._by_channel(even, [-1], shape)),
                    self._by_channel(even, [1, -1], shape, pads=[0, 0, 1, 0]),
                ]
            else:
                self.rows[source] = [
                    self._by_channel(source, taps, shape, pads=[1, 0, 1, 0], strides=[2, 1])
                    for taps in ([1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1])
                ]
        return self.rows[source]

    def _kernels(self, weights: str) -> list[str]:
        """The four kernels of 1 x 3, the sign of the last turned."""
        top, middle, low = (self._name("row") for _ in range(3))
        self.nodes.append(_node("Split", [weights], [top, middle, low], axis=2, num_outputs=3))
        outer, half = self._add("Add", [top, low]), self._constant(np.array([0.5], np.float32))
        both, other = (self._add("Mul", [self._add(kind, [outer, middle]), half]) for kind in ("Add", "Sub"))
        return [top, both, other, self._add("Neg", [low])]

    def _repeat(self, node: Any) -> None:
        """The same node for the even rows, and for the odd ones."""
        shape, given = self.shapes[node.output[0]], _attributes(node)
        even, odd = (
            self._add(
                node.op_type, [self._half_of(name, which, shape) for name in node.input], self._halved(shape), **given
            )
            for which in (0, 1)
        )
        self.halves[node.output[0]] = (even, odd)

    def _half_of(self, name: str, which: int, full: Shape) -> str:
        """The even (0) or the odd rows (1) of a map, or of a mask spread over the channels and bands of `full`."""
        if name in self.halves:
            return self.halves[name][which]
        key = (name, which, *full)
        if key not in self.parts:
            begin, end, rows, two = (self._constant(np.array([each])) for each in (which, 2**31 - 1, 2, 2))
            half = self._add("Slice", [name, begin, end, rows, two], self._half(name))
            self.parts[key] = half if self.shapes[name] == full else self._spread(half, self._halved(full))
        return self.parts[key]

    def _spread(self, mask: str, shape: Shape) -> str:
        """A mask (batch, 1, rows, 1) as a map, by a convolution, whose value is in the blocked layout."""
        batch, channels, rows, bands = shape
        wide = self._add("Expand", [mask, self._constant(np.array([1, 1, 1, bands]))], [batch, 1, rows, bands])
        ones = self._constant(np.ones((int(channels), 1, 1, 1), np.float32))
        return self._add("Conv", [wide, ones], shape)

    def _whole(self, name: str) -> str:
        """The rows of a value in their order again; a value that is not kept in halves as it is."""
        if name not in self.halves:
            return name
        if name not in self.wholes:
            _, channels, _, bands = shape = self.shapes[name]
            axis, size = self._constant(np.array([3])), self._constant(np.array([0, channels, -1, bands]))
            apart = [self._add("Unsqueeze", [half, axis]) for half in self.halves[name]]
            self.wholes[name] = self._add("Reshape", [self._add("Concat", apart, axis=3), size], shape)
        return self.wholes[name]

    # Nodes

    def _sum(self, one: str, other: str) -> str:
        return self._add("Add", [one, other], self.shapes[one])

    def _by_channel(self, name: str, taps: list[int], shape: Shape, **attributes: Any) -> str:
        """Every channel convolved along its rows by the same few taps."""
        channels = int(shape[1])
        weights = self._constant(np.tile(np.array(taps, np.float32)[:, None], (channels, 1, 1, 1)))
        return self._add("Conv", [name, weights], shape, group=channels, **attributes)

    def _add(self, kind: str, inputs: list[str], shape: Shape | None = None, **attributes: Any) -> str:
        """A new node with one value, whose name is returned. A shape that is told is what lets sums be fused."""
        from onnx import TensorProto, helper

        name = self._name(kind.lower())
        self.nodes.append(_node(kind, inputs, [name], **attributes))
        if shape is not None:
            self.shapes[name] = shape
            self.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def _constant(self, array: np.ndarray) -> str:
        """The name of a tensor of the file; equal ones are there once."""
        from onnx import numpy_helper

        key = (array.dtype, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = self._name("constant")
            self.graph.initializer.append(numpy_helper.from_array(array, self.constants[key]))
        return self.constants[key]

    def _name(self, kind: str) -> str:
        return f"earmark_{kind}_{next(self.names)}"

    def _half(self, name: str) -> Shape:
        return self._halved(self.shapes[name])

    @staticmethod
    def _halved(shape: Shape) -> Shape:
        batch, channels, rows, bands = shape
        return [batch, channels, rows // 2 if isinstance(rows, int) else f"{rows}/2", bands]


def _node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, outputs, **attributes)


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _dims(value: Any) -> Shape:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def _mask_of(full: Shape) -> Shape:
    """The shape of a mask that has one number for each row of maps of this shape."""
    return [full[0], 1, full[2], 1]


def _is_even(rows: int | str) -> bool:
    """Whether a dimension is even, whatever the length of the input: an even number, or a multiple of one.

    >>> [_is_even(rows) for rows in (96, 5, "2*s97", "s97", "3*s97", "16*s1 + 1")]
    [True, False, True, False, False, False]
    """
    return (rows if isinstance(rows, int) else _factor(rows)) % 2 == 0


def _factor(rows: str) -> int:
    """The number by which a dimension is a multiple of another; 1 where it is not written as one."""
    factor = re.fullmatch(r"(\d+)\*\w+", rows)
    return int(factor[1]) if factor else 1
