"""A network's network as an ONNX file that takes any batch and any length.

It is traced at lengths of whole steps (`Grid`): there every shape is a multiple of the number of steps, and nothing has
to be decided by a length that is not known yet. What fills a waveform up to such a length, and cuts the frame scores
to those that the waveform has, is put around it afterwards.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from earmark.errors import MissingExtraError, ModelError
from earmark.export.paired import gains, pair_rows
from earmark.export.recurrence import exportable, translations
from earmark.models.fast import fold
from earmark.models.network import Network
from earmark.runtime.onnx import TwinCard

OPSET = 20
INPUTS, OUTPUTS = ["padded", "lengths"], ["clip", "all_frames"]
_LEAST_STEPS = 2
_MOST_STEPS = 10**6
_TRACED = (2, 11)  # clips and steps of the batch that is traced


class Traced(nn.Module):
    """A network whose outputs are those of the twin."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Clip scores (batch, classes) and frame scores (batch, steps, classes)."""
        pooled = self.network(padded, lengths)
        return pooled.clip, pooled.frames


def twin_of(network: Network, card: TwinCard, *, paired: bool = True) -> bytes:
    """The content of the twin's file. The network is used up: it is folded, and can no longer run.

    Convolutions are `paired` where a network has those that gain by it; all scores stay within rounding.
    `ModelError` where the network cannot be traced, `MissingExtraError` where the exporter is not installed.
    """
    grid = Grid(card, network.options.features.fill or 0, even=paired and gains(network))
    parts = _parts(network)
    exportable(fold(network))
    proto = trace(Traced(network).eval(), grid, parts)
    _frame(proto, card, grid)
    for name, text in card.to_metadata().items():
        proto.metadata_props.add(key=name, value=text)
    return bytes(proto.SerializeToString())


class Grid:
    """Lengths in samples that give whole steps, or an even number of them: unit * count + offset.

    At an even number the convolutions of the network can be paired, and are.
    """

    def __init__(self, card: TwinCard, fill: int, even: bool = False) -> None:
        if card.reduction.denominator != 1:
            raise ModelError(f"an encoder of {card.reduction} frames a step cannot be exported")
        self.even = even
        frames = int(card.reduction) * (2 if even else 1)  # a step, or two
        self.unit = card.hop * frames
        self.offset = card.first - card.hop - 1  # the longest clip of F frames has first + (F - 1) * hop - 1 samples
        self.window = max(1, (card.plan.size - self.offset) // self.unit)  # count of the model's window
        self.least = max(1 if even else _LEAST_STEPS, -(-fill // frames))

    def samples(self, steps: Any) -> Any:
        """Samples of this many steps, a number or a dimension that is not known yet."""
        return self.unit * steps + self.offset


def trace(network: nn.Module, grid: Grid, parts: str) -> Any:
    """The network as ONNX (a `ModelProto`) that takes lengths of whole steps."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - the exporter stands on it
    except ImportError as error:
        raise MissingExtraError(str(error.name), "export", "earmark export") from error
    steps = torch.export.Dim("whole_steps", min=max(_LEAST_STEPS, grid.least), max=_MOST_STEPS)
    batch = torch.export.Dim("batch", min=1, max=2**16)
    clips, traced = _TRACED
    samples = grid.samples(max(traced, grid.least + 1))
    example = (torch.zeros(clips, samples), torch.tensor([samples, samples // 2]))
    try:
        with _quiet(), torch.enable_grad():  # without gradients the modules take roads that cannot be traced
            program = torch.onnx.export(
                network,
                example,
                dynamo=True,
                opset_version=OPSET,
                optimize=False,
                verbose=False,
                dynamic_shapes=({0: batch, 1: grid.samples(steps)}, {0: batch}),
                input_names=INPUTS,
                output_names=OUTPUTS,
                custom_translation_table=translations(),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ModelError(f"{parts} cannot be exported to ONNX: {reason}") from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    if grid.even:
        pair_rows(proto, grid.window)
    else:
        del proto.graph.value_info[:]
    used = {name for node in proto.graph.node for name in node.input}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    for node in proto.graph.node:  # where in the code each came from is nobody's business
        del node.metadata_props[:]
        node.doc_string = ""
    return proto


def _frame(proto: Any, card: TwinCard, grid: Grid) -> None:
    """Put around a network of whole steps what makes it one of any length."""
    from onnx import TensorProto, helper

    outside: list[tuple[Any, str, list[str | int | None]]]

    def constant(name: str, values: list[int]) -> str:
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    graph = proto.graph
    node = helper.make_node
    one, axis = constant("earmark_one", [1]), constant("earmark_axis", [1])
    zero = constant("earmark_zero", [0])
    unit, offset = constant("earmark_unit", [grid.unit]), constant("earmark_offset", [grid.offset])
    nodes = [
        node("Shape", ["waveform"], ["samples"], start=1, end=2),
        node("Sub", ["samples", offset], ["beyond_offset"]),
        node("Add", ["beyond_offset", constant("earmark_round_up", [grid.unit - 1])], ["rounded"]),
        node("Div", ["rounded", unit], ["needed_steps"]),
        node("Max", ["needed_steps", constant("earmark_least", [grid.least])], ["whole_steps"]),
        node("Mul", ["whole_steps", unit], ["whole_samples"]),
        node("Add", ["whole_samples", offset], ["padded_samples"]),
        node("Sub", ["padded_samples", "samples"], ["missing"]),
        node("Concat", [zero, "missing"], ["padding"], axis=0),
        node("Pad", ["waveform", "padding", "", axis], ["padded"]),
    ]
    frames = [
        node("Sub", ["samples", constant("earmark_before", [card.first - card.hop])], ["beyond_first"]),
        node("Max", ["beyond_first", zero], ["beyond"]),
        node("Div", ["beyond", constant("earmark_hop", [card.hop])], ["further_frames"]),
        node("Add", ["further_frames", one], ["own_frames"]),
        node("Add", ["own_frames", constant("earmark_rest", [card.rest])], ["begun_frames"]) if card.rest else None,
        node(
            "Div",
            ["begun_frames" if card.rest else "own_frames", constant("earmark_reduction", [int(card.reduction)])],
            ["own_steps"],
        ),
        node("Max", ["own_steps", one], ["kept_steps"]),
        node("Slice", ["all_frames", zero, "kept_steps", axis], ["frames"]),
    ]
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *inner, *filter(None, frames)])
    outside = [
        (graph.input, "waveform", ["batch", "samples"]),
        (graph.output, "frames", ["batch", "steps", len(card.labels)]),
    ]
    for place, kind, shape in outside:
        at = next(index for index, value in enumerate(place) if value.name in ("padded", "all_frames"))
        place[at].CopyFrom(helper.make_tensor_value_info(kind, TensorProto.FLOAT, shape))


def _parts(network: Network) -> str:
    options = network.options
    return f"front-end {options.features.kind!r}, encoder {options.encoder.kind!r}, pooling {options.pooling.kind!r}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's advice on its own inner workings is not for our users."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
