"""Convolutions computed two rows at a time give what they gave: any layers in any order, any number of rows."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from earmark.export.paired import gains, pair_rows
from earmark.hub import box
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe

Shape = list[int | str]
LAYERS = [
    "wide",
    "gated",
    "narrow",
    "relu",
    "tanh",
    "bands",
    "both",
    "average",
    "mask",
    "residual",
    "pointwise",
    "turned",
]


class Layers:
    """A graph of layers, its random weights and the shape of each value, as the exporter would tell it."""

    def __init__(self, channels: int, rows: int | str, bands: int) -> None:
        self.random = np.random.default_rng(0)
        self.count = itertools.count()
        self.weights: list[Any] = []
        self.nodes: list[Any] = []
        self.shapes: dict[str, Shape] = {}
        self.last = self.put("Identity", ["maps"], ["batch", channels, rows, bands])

    def put(self, kind: str, inputs: list[str], shape: Shape, **given: Any) -> str:
        name = f"{kind.lower()}{next(self.count)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **given))
        self.shapes[name] = shape
        return name

    def tensor(self, array: np.ndarray) -> str:
        name = f"tensor{next(self.count)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def conv(self, outputs: int) -> str:
        batch, inputs, rows, bands = self.shapes[self.last]
        scale = 1 / np.sqrt(9 * int(inputs))
        kernel = self.tensor((scale * self.random.normal(size=(outputs, int(inputs), 3, 3))).astype(np.float32))
        bias = self.tensor(self.random.normal(size=outputs).astype(np.float32))
        return self.put("Conv", [self.last, kernel, bias], [batch, outputs, rows, bands], pads=[1, 1, 1, 1])

    def add(self, layer: str) -> None:
        batch, channels, rows, bands = shape = self.shapes[self.last]
        half: Shape = [batch, channels, rows, int(bands) // 2]
        match layer:
            case "wide" | "narrow":
                self.last = self.conv(48 if layer == "wide" else 8)
            case "gated":
                linear, gate = self.conv(32), self.conv(32)
                shape = [batch, 32, rows, bands]
                self.last = self.put("Mul", [linear, self.put("Sigmoid", [gate], shape)], shape)
            case "relu" | "tanh":
                self.last = self.put(layer.capitalize(), [self.last], shape)
            case "bands" if int(bands) > 1:
                self.last = self.put("MaxPool", [self.last], half, kernel_shape=[1, 2], strides=[1, 2])
            case "average" if int(bands) > 1:
                self.last = self.put("AveragePool", [self.last], half, kernel_shape=[1, 2], strides=[1, 2])
            case "both" if int(bands) > 1:
                half[2] = rows // 2 if isinstance(rows, int) else "2*s" if rows == "4*s" else "s"
                if rows != "s" and half[2] != 0:
                    self.last = self.put("MaxPool", [self.last], half, kernel_shape=[2, 2], strides=[2, 2])
            case "mask" if self.shapes[self.nodes[0].output[0]][2] == rows:
                axes = self.tensor(np.array([1, 3]))
                mask = self.put("ReduceMax", ["maps", axes], [batch, 1, rows, 1])
                self.last = self.put("Mul", [self.last, mask], shape)
            case "residual":
                before, self.last = self.last, self.conv(int(channels))
                self.last = self.put("Add", [self.last, before], shape)
            case "pointwise":
                scale = 1 / np.sqrt(int(channels))
                kernel = self.tensor((scale * self.random.normal(size=(32, int(channels), 1, 1))).astype(np.float32))
                self.last = self.put("Conv", [self.last, kernel], [batch, 32, rows, bands])
            case "turned":  # along the rows: what is left must come in its order
                turned = self.put("Transpose", [self.last], [batch, channels, bands, rows], perm=[0, 1, 3, 2])
                self.last = self.put("Transpose", [turned], shape, perm=[0, 1, 3, 2])

    def proto(self) -> Any:
        shape = self.shapes[self.nodes[0].output[0]]
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in self.shapes.items()]
        inputs = [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", shape[1], None, shape[3]])]
        outputs = [helper.make_tensor_value_info("found", TensorProto.FLOAT, None)]
        nodes = [*self.nodes, helper.make_node("Identity", [self.last], ["found"])]
        graph = helper.make_graph(nodes, "layers", inputs, outputs, self.weights, value_info=told)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(proto: Any, maps: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["found"], {"maps": maps})[0]
    return found


@settings(max_examples=200)
@given(
    layers=st.lists(st.sampled_from(LAYERS), min_size=1, max_size=7),
    channels=st.sampled_from([1, 3, 32, 48]),
    rows=st.sampled_from(["4*s", "2*s", "s", 128, 7]),
    bands=st.sampled_from([1, 4, 6]),
    batch=st.integers(1, 2),
    length=st.integers(1, 5),
)
def test_any_layers_give_what_they_gave(
    layers: list[str], channels: int, rows: int | str, bands: int, batch: int, length: int
) -> None:
    made = Layers(channels, rows, bands)
    for layer in layers:
        made.add(layer)
    plain = made.proto()
    paired = onnx.ModelProto()
    paired.CopyFrom(plain)
    pair_rows(paired, 1000)
    high = rows if isinstance(rows, int) else length * int(rows.partition("*")[0] if "*" in rows else 1)
    maps = np.random.default_rng(1).normal(size=(batch, channels, high, bands)).astype(np.float32)
    wanted, found = run(plain, maps), run(paired, maps)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1.0, float(np.abs(wanted).max(initial=0))), rtol=0)


@pytest.mark.parametrize(
    ("rows", "channels", "bands", "count"),
    [
        *[("2*s", 32, 4, 2), ("s", 32, 4, 0), ("3*s", 32, 4, 0), (32, 32, 4, 2), (31, 32, 4, 0), ("2*s", 16, 4, 1)],
        *[(30, 32, 4, 0), ("2*s", 32, 1, 2), ("2*s", 1024, 1, 2)],
    ],
)
def test_only_large_maps_of_an_even_number_of_rows_and_enough_channels(
    rows: int | str, channels: int, bands: int, count: int
) -> None:
    made = Layers(channels, rows, bands)
    made.add("wide")
    made.last = made.conv(64)
    assert pair_rows(made.proto(), 100) == count


def test_two_thirds_of_the_multiplications_are_left() -> None:
    """Of the convolutions between channels: those of every channel by itself are the sums of the algorithm."""
    made = Layers(64, 200, 16)
    made.add("gated")
    made.add("wide")
    plain, paired = made.proto(), made.proto()
    pair_rows(paired, 1)
    assert multiplications(paired) / multiplications(plain) == pytest.approx(2 / 3, abs=0.02)


def multiplications(proto: Any) -> int:
    shapes = {
        value.name: [each.dim_value for each in value.type.tensor_type.shape.dim]
        for value in onnx.shape_inference.infer_shapes(proto, data_prop=True).graph.value_info
    }
    kernels = {tensor.name: list(tensor.dims) for tensor in proto.graph.initializer} | shapes
    total = 0
    for node in proto.graph.node:
        if node.op_type == "Conv":
            rows, bands = shapes[node.output[0]][2:]
            total += rows * bands * int(np.prod(kernels[node.input[1]]))
    return total


@pytest.mark.parametrize("name", ["default", "kong2020/cnn10", "xu2018/gated-crnn-logmel"])
def test_the_networks_of_the_recipes_gain(name: str) -> None:
    network = Network(ModelOptions(labels=("dog", "cat"), **dict(load_recipe(name).network)))
    assert gains(network)


def test_a_network_without_such_convolutions_is_left_alone() -> None:
    network = Network(ModelOptions(labels=("dog", "cat"), **dict(load_recipe("dcase2017/baseline-mlp").network)))
    assert not gains(network)
    made = Layers(32, "2*s", 4)
    for layer in ("narrow", "relu", "pointwise", "mask", "bands"):
        made.add(layer)
    plain, paired = made.proto(), made.proto()
    assert pair_rows(paired, 100) == 0
    assert list(paired.graph.node) == list(plain.graph.node)


def test_onnxruntime_stays_in_its_own_layout_from_the_first_convolution_to_the_last(tmp_path: Path) -> None:
    """Every change of layout copies a map: what was saved would be lost to them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    twin = box.directory() / "model.onnx"
    onnxruntime.InferenceSession(str(twin), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    if "ReorderOutput" not in kinds:
        pytest.skip("this processor has no blocked layout")
    assert kinds.count("ReorderInput") == 0
    assert kinds.count("ReorderOutput") <= 2
    assert sum(node.startswith("Conv") for node in kinds) > 4 * 13
