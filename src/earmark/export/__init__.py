"""A model directory's ONNX twin: `model.onnx` beside the weights, for listening without torch (`runtime/onnx.py`).

    waveform (batch, samples), lengths (batch,) -> front-end -> encoder -> pooling -> clip (batch, classes)
                                                                                      frames (batch, steps, classes)

The network is traced at lengths of whole steps, where every shape follows from the number of steps; around it the file
fills a waveform with silence to such a length and cuts the frame scores to those that the waveform has. As padding
never changes a score, that is the same function at every length. Batch normalisation is folded into the layers before
it, recurrences are ONNX's own (`recurrence.py`), and convolutions compute two rows at a time (`paired.py`).

The exporter's optimiser is not used: it deletes the addition of any constant up to 1e-8, and with it the floor under
the logarithm of silence. onnxruntime optimises when it opens the file, and does not.

A file is kept only if its scores are the module's: on digital silence, faint and loud noise and a click, from a tenth
of a second to a minute, alone and in a batch, clip and frame scores within 1e-5.

`network`     the network as it is exported
`recurrence`  GRUs as operators of ONNX
`paired`      convolutions in two thirds of the multiplications
`parity`      the check before a file is kept
"""

from __future__ import annotations

import os
from pathlib import Path

from earmark.decisions import OperatingPoint
from earmark.encoders.contract import rest_of
from earmark.errors import ModelError
from earmark.export.network import twin_of
from earmark.export.parity import check
from earmark.features.contract import FrontEnd
from earmark.files import write_aside
from earmark.models.network import Network
from earmark.models.torch_engine import TorchEngine
from earmark.runtime.directory import fusion_options, load_point
from earmark.runtime.onnx import TWIN, WEIGHTS, TwinCard, weights_hash

__all__ = ["export", "framing", "make_card"]


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
    network = Network.from_pretrained(folder)
    card = make_card(network, load_point(folder, network.labels), weights_hash(folder / WEIGHTS))
    plain = Network.from_pretrained(folder)
    with write_aside(folder / TWIN) as temporary:
        temporary.write_bytes(twin_of(network, card))
        check(temporary, plain, str(folder))
    return folder / TWIN


def make_card(network: Network, point: OperatingPoint, weights: str) -> TwinCard:
    """What the twin of a network says of itself."""
    engine = TorchEngine(network)
    first, hop = framing(network.front_end, network.rate)
    return TwinCard(
        rate=network.rate,
        labels=network.labels,
        clock=network.clock,
        plan=engine.plan,
        first=first,
        hop=hop,
        reduction=network.encoder.reduction,
        point=point.model_dump_json(exclude_none=True),
        parameters=engine.parameters,
        weights=weights,
        fingerprint=engine.fingerprint(),
        takes=engine.takes,
        rest=rest_of(network.encoder),
    )


def framing(front_end: FrontEnd, rate: int) -> tuple[int, int]:
    """Samples of the shortest clip of two frames, and samples from frame to frame.

    >>> from earmark.features import LogMel, LogMelOptions
    >>> framing(LogMel(LogMelOptions(rate=16_000, window=1024, hop=640)), 16_000)
    (641, 640)
    """
    hop = front_end.clock.step * rate
    if hop.denominator != 1:
        raise ModelError(
            f"a hop of {hop} samples is not a whole number of samples: such a front-end cannot be exported"
        )
    low, high = 0, 2
    while front_end.frames_in(high) < 2:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if front_end.frames_in(middle) < 2 else (low, middle)
    return high, int(hop)
