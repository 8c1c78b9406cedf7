"""Convolutions out of ONNX files, as various exporters leave them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from earmark.errors import MissingExtraError, ModelError
from earmark.hub.onnx_layers import read_layers

RANDOM = np.random.RandomState(0)
KERNEL = RANDOM.standard_normal((4, 1, 3, 3)).astype(np.float32)
DENSE = RANDOM.standard_normal((4, 5)).astype(np.float32)
BIAS = RANDOM.standard_normal(5).astype(np.float32)
SHIFT = RANDOM.standard_normal(4).astype(np.float32)
SHAPES = [(4, 1, 3, 3)]


def written(path: Path, nodes: Sequence[Any], **constants: np.ndarray) -> Path:
    """A file of nodes from `x` to `y`, a dense layer and these constants."""
    nodes = [
        *nodes,
        helper.make_node("GlobalAveragePool", ["y"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["product"]),
        helper.make_node("Add", ["product", "dense_bias"], ["scores"]),
    ]
    constants = {"kernel": KERNEL, "dense": DENSE, "dense_bias": BIAS, **constants}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def conv(*inputs: str, output: str = "conv") -> Any:
    return helper.make_node("Conv", list(inputs), [output], kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def check_as_run(path: Path) -> None:
    """The layers that were found compute what the file does."""
    onnxruntime = pytest.importorskip("onnxruntime")
    x = RANDOM.standard_normal((1, 1, 8, 8)).astype(np.float32)
    (scores,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    (layer,), dense, bias = read_layers(path, SHAPES, 5)
    torch = pytest.importorskip("torch")
    y = torch.nn.functional.conv2d(torch.from_numpy(x), *map(torch.from_numpy, layer), padding=1)
    np.testing.assert_allclose(y.mean(dim=(2, 3)).numpy() @ dense + bias, scores, atol=1e-5)


def test_a_bias_and_a_dense_layer(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [conv("x", "kernel", "shift", output="y")], shift=SHIFT)
    (layer,), dense, bias = read_layers(path, SHAPES, 5)
    np.testing.assert_array_equal(layer.weight, KERNEL)
    np.testing.assert_array_equal(layer.bias, SHIFT)
    np.testing.assert_array_equal(dense, DENSE)
    np.testing.assert_array_equal(bias, BIAS)
    check_as_run(path)


def test_a_normalisation_after_it_is_part_of_it(tmp_path: Path) -> None:
    norm = helper.make_node("BatchNormalization", ["conv", "g", "b", "m", "v"], ["y"], epsilon=1e-4)
    statistics = {"g": SHIFT + 2, "b": SHIFT, "m": 0.5 * SHIFT, "v": np.float32([1, 2, 0.5, 3])}
    check_as_run(written(tmp_path / "a.onnx", [conv("x", "kernel"), norm], **statistics))


def test_so_is_one_written_as_a_product_and_a_sum(tmp_path: Path) -> None:
    nodes = [
        conv("x", "kernel"),
        helper.make_node("Mul", ["conv", "factor"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "taken"], ["less"]),
        helper.make_node("Add", ["added", "less"], ["y"]),
    ]
    along = {name: (SHIFT + number).reshape(1, 4, 1, 1) for number, name in enumerate(("factor", "taken", "added"))}
    check_as_run(written(tmp_path / "a.onnx", nodes, **along))


def test_weights_in_integers_are_scaled_channel_by_channel(tmp_path: Path) -> None:
    scale = np.float32([0.01, 0.02, 0.03, 0.04])
    nodes = [
        helper.make_node("DequantizeLinear", ["whole", "scale", "zero"], ["kernel_"], axis=0),
        conv("x", "kernel_", output="y"),
    ]
    whole = RANDOM.randint(-128, 128, KERNEL.shape).astype(np.int8)
    path = written(tmp_path / "a.onnx", nodes, whole=whole, scale=scale, zero=np.int8([0, 1, 2, 3]))
    (layer,), *_ = read_layers(path, SHAPES, 5)
    wanted = (whole.astype(np.float32) - np.arange(4).reshape(4, 1, 1, 1)) * scale.reshape(4, 1, 1, 1)
    np.testing.assert_allclose(layer.weight, wanted, rtol=1e-6)
    check_as_run(path)


def test_of_weights_that_are_quantised_within_the_graph_the_floats_are_taken(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["kernel", "scale", "zero"], ["whole"]),
        helper.make_node("DequantizeLinear", ["whole", "scale", "zero"], ["kernel_"]),
        conv("x", "kernel_", output="y"),
    ]
    path = written(tmp_path / "a.onnx", nodes, scale=np.float32(0.1), zero=np.int8(0))
    np.testing.assert_array_equal(read_layers(path, SHAPES, 5)[0][0].weight, KERNEL)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [conv("x", "kernel", output="y")])
    with pytest.raises(ModelError, match=r"a\.onnx: has no 2nd convolution of \(4, 4, 1, 1\); 1 convolutions were"):
        read_layers(path, [*SHAPES, (4, 4, 1, 1)], 5)
    with pytest.raises(ModelError, match="has no dense layer of 4 inputs and 6 classes"):
        read_layers(path, SHAPES, 6)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08\x12"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"a\.onnx: "):
        read_layers(path, SHAPES, 5)


def test_weights_in_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [conv("x", "kernel", output="y")])
    import onnx

    onnx.save(onnx.load(path), path, save_as_external_data=True, location="a.data", size_threshold=0)
    np.testing.assert_array_equal(read_layers(path, SHAPES, 5)[0][0].weight, KERNEL)
    (tmp_path / "a.data").unlink()
    with pytest.raises(ModelError, match=r"a\.onnx: is not an ONNX file, or it is damaged"):
        read_layers(path, SHAPES, 5)


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.onnx", [conv("x", "kernel", output="y")])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r'needs onnx: pip install "earmark\[export\]"'):
        read_layers(path, SHAPES, 5)
