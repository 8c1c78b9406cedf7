"""A model directory's ONNX twin: `model.onnx` beside the weights, for listening without torch (`runtime/onnx.py`).

    waveform (batch, samples), lengths (batch,) -> front-end -> encoder -> pooling -> clip (batch, classes)
                                                                                      frames (batch, steps, classes)

The network is traced at lengths of whole steps, where every shape follows from the number of steps; around it the file
fills a waveform with silence to such a length and cuts the frame scores to those that the waveform has. As padding
never changes a score, that is the same function at every length. Batch normalisation is folded into the layers before
it, recurrences are ONNX's own (`encoders/onnx_gru.py`).

The exporter's optimiser is not used: it deletes the addition of any constant up to 1e-8, and with it the floor under
the logarithm of silence. onnxruntime optimises when it opens the file, and does not.

A file is kept only if its scores are the module's: on digital silence, faint and loud noise and a click, from a tenth
of a second to a minute, alone and in a batch, clip and frame scores within 1e-5.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from earmark.decisions import OperatingPoint
from earmark.encoders.onnx_gru import exportable, translations
from earmark.errors import MissingExtraError, ModelError
from earmark.features.contract import FrontEnd
from earmark.files import write_aside
from earmark.models.folding import fold
from earmark.models.tagger import Tagger
from earmark.models.torch_engine import TorchEngine
from earmark.runtime.directory import fusion_options, load_point
from earmark.runtime.onnx import TWIN, WEIGHTS, TwinCard, open_session, weights_hash

OPSET = 20
TOLERANCE = 1e-5  # by which a score of the twin may differ
_LEAST_STEPS = 2
_MOST_STEPS = 10**6
_TRACED = (2, 11)  # clips and steps of the batch that is traced
_INPUTS, _OUTPUTS = ["padded", "lengths"], ["clip", "all_frames"]


def export(directory: str | os.PathLike[str]) -> Path:
    """Write the twin of a model directory, of a fusion those of its members; returns the file, or the fusion.

    `ModelError` where the directory is no model, or the twin does not score as it does: then there is no file.
    """
    folder = Path(directory)
    fusion = fusion_options(folder)
    if fusion is not None:
        for member in fusion.members:
            export(folder / member)
        return folder
    tagger = Tagger.from_pretrained(folder)
    card = make_card(tagger, load_point(folder, tagger.labels), weights_hash(folder / WEIGHTS))
    plain = Tagger.from_pretrained(folder)
    with write_aside(folder / TWIN) as temporary:
        temporary.write_bytes(twin_of(tagger, card))
        check(temporary, plain, str(folder))
    return folder / TWIN


def make_card(tagger: Tagger, point: OperatingPoint, weights: str) -> TwinCard:
    """What the twin of a tagger says of itself."""
    engine = TorchEngine(tagger)
    first, hop = framing(tagger.front_end, tagger.rate)
    return TwinCard(
        rate=tagger.rate,
        labels=tagger.labels,
        clock=tagger.clock,
        plan=engine.plan,
        first=first,
        hop=hop,
        reduction=tagger.encoder.reduction,
        point=point.model_dump_json(exclude_none=True),
        parameters=engine.parameters,
        weights=weights,
        fingerprint=engine.fingerprint(),
        takes=engine.takes,
    )


def framing(front_end: FrontEnd, rate: int) -> tuple[int, int]:
    """Samples of the shortest clip of two frames, and samples from frame to frame.

    >>> from earmark.features import LogMel, LogMelOptions
    >>> framing(LogMel(LogMelOptions(rate=16_000, window=1024, hop=640)), 16_000)
    (641, 640)
    """
    hop = front_end.clock.step * rate
    if hop.denominator != 1:
        raise ModelError(f"a hop of {hop} samples is no whole number of samples: such a front-end cannot be exported")
    low, high = 0, 2
    while front_end.frames_in(high) < 2:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if front_end.frames_in(middle) < 2 else (low, middle)
    return high, int(hop)


class _Network(nn.Module):
    """A tagger whose outputs are those of the twin."""

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Clip scores (batch, classes) and frame scores (batch, steps, classes)."""
        pooled = self.tagger(padded, lengths)
        return pooled.clip, pooled.frames


def twin_of(tagger: Tagger, card: TwinCard) -> bytes:
    """The content of the twin's file. The tagger is used up: it is folded, and can no longer run.

    `ModelError` where the network cannot be traced, `MissingExtraError` where the exporter is not installed.
    """
    grid = _Grid(card, tagger.options.features.fill or 0)
    parts = _parts(tagger)
    exportable(fold(tagger))
    proto = trace(_Network(tagger).eval(), grid, parts)
    _frame(proto, card, grid)
    for name, text in card.to_metadata().items():
        proto.metadata_props.add(key=name, value=text)
    return bytes(proto.SerializeToString())


class _Grid:
    """Lengths in samples that give whole steps: unit * steps + offset."""

    def __init__(self, card: TwinCard, fill: int) -> None:
        if card.reduction.denominator != 1:
            raise ModelError(f"an encoder of {card.reduction} frames a step cannot be exported")
        frames = int(card.reduction)  # a step
        self.unit = card.hop * frames
        self.offset = card.first - card.hop - 1  # the longest clip of F frames has first + (F - 1) * hop - 1 samples
        self.least = max(_LEAST_STEPS, -(-fill // frames))

    def samples(self, steps: Any) -> Any:
        """Samples of so many steps, a number or a dimension that is not known yet."""
        return self.unit * steps + self.offset


def trace(network: nn.Module, grid: _Grid, parts: str) -> Any:
    """The network as ONNX (a `ModelProto`) that takes lengths of whole steps."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - the exporter stands on it
    except ImportError as error:
        raise MissingExtraError(str(error.name), "export", "earmark export") from error
    steps = torch.export.Dim("whole_steps", min=grid.least, max=_MOST_STEPS)
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
                input_names=_INPUTS,
                output_names=_OUTPUTS,
                custom_translation_table=translations(),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ModelError(f"{parts} cannot be exported to ONNX: {reason}") from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    del proto.graph.value_info[:]
    used = {name for node in proto.graph.node for name in node.input}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    for node in proto.graph.node:  # where in the code each came from is nobody's business
        del node.metadata_props[:]
        node.doc_string = ""
    return proto


def _frame(proto: Any, card: TwinCard, grid: _Grid) -> None:
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
        node("Div", ["own_frames", constant("earmark_reduction", [int(card.reduction)])], ["own_steps"]),
        node("Max", ["own_steps", one], ["kept_steps"]),
        node("Slice", ["all_frames", zero, "kept_steps", axis], ["frames"]),
    ]
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *inner, *frames])
    outside = [
        (graph.input, "waveform", ["batch", "samples"]),
        (graph.output, "frames", ["batch", "steps", len(card.labels)]),
    ]
    for place, kind, shape in outside:
        at = next(index for index, value in enumerate(place) if value.name in ("padded", "all_frames"))
        place[at].CopyFrom(helper.make_tensor_value_info(kind, TensorProto.FLOAT, shape))


def check(path: Path, tagger: Tagger, name: str) -> None:
    """`ModelError` unless the twin's scores are the tagger's, within `TOLERANCE`."""
    session = open_session(path)
    card = TwinCard.from_metadata(session.get_modelmeta().custom_metadata_map, path)
    for said, waveform, lengths in probes(tagger.rate, card.plan.size):
        with torch.inference_mode():
            wanted = tagger(waveform, lengths)
        given = {"waveform": waveform.numpy(), "lengths": lengths.numpy()}
        try:
            scores = session.run(["clip", "frames"], given)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{name}: the ONNX model cannot run on {said}: {reason}; nothing was written") from error
        for what, found, expected in zip(("clip", "frame"), scores, wanted, strict=False):
            apart = _apart(found, expected.numpy())
            if not apart <= TOLERANCE:
                raise ModelError(
                    f"{name}: the ONNX model's {what} scores differ by {apart:.1e} from the model's on {said}, "
                    f"more than {TOLERANCE:g}; nothing was written"
                )
    for samples in (1, card.first - 1, card.first, card.plan.size, 3 * card.plan.size + 1):
        if card.steps_in(samples) != tagger.steps_in(samples):
            raise ModelError(f"{name}: the ONNX model counts other frames than the model at {samples} samples")


def probes(rate: int, window: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Batches on which twin and model are compared: what they are, waveform (batch, samples), lengths (batch,)."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(window, generator=random)
    click = torch.zeros(window)
    click[window // 3] = 1.0
    swelling = 0.2 * noise * torch.linspace(0, 1, window).square()
    short = max(1, rate // 10)
    yield "digital silence", torch.zeros(1, window), torch.tensor([window])
    yield "faint noise", 1e-5 * noise[None], torch.tensor([window])
    yield "noise", swelling[None], torch.tensor([window])
    yield "a tenth of a second", 0.1 * noise[None, :short], torch.tensor([short])
    batch = torch.stack([swelling, click, 1e-3 * noise, torch.zeros(window)])
    lengths = torch.tensor([window, window * 3 // 4, short, window // 2])
    batch[torch.arange(window) >= lengths[:, None]] = 0.0
    yield "a batch of clips of different lengths", batch, lengths
    minute = (0.05 * torch.randn(1, 60 * rate, generator=random)).square()
    yield "a minute", minute, torch.tensor([60 * rate])


def _apart(found: Any, expected: Any) -> float:
    """The largest difference; infinite where shapes differ or a score is no number."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max())


def _parts(tagger: Tagger) -> str:
    options = tagger.options
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
