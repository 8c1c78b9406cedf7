"""The frame-level MobileNets of PretrainedSED as models of ours: 447 classes of AudioSet-strong, every 40 ms.

Schmid et al. 2025, "Effective pre-training of audio transformers for sound event detection", and its code, where the
networks were added (release v0.0.1, "customized MobileNet"); `encoders/mobilenet.py` with `fine` steps. They take
16 kHz; 128 bands on Kaldi's mel scale up to 7 kHz of frames of 25 ms, 10 ms apart; features are
(ln(max(x, 1e-7)) + 4.5) / 5, of which the second step is our per-band scaling. A linear layer (`strong_head`) gives
each step's probabilities. There is a second one for whole clips (`weak_head`), which training on AudioSet-strong never
changes: it is not read, and a clip's score is its largest frame score.

Names of theirs are those of `efficientat` after `model.frame_mn.`, and strong_head.* is pooling.classify.*.

Operating point, for nothing could be tuned without the weights and AudioSet: frame scores after a median over 0.36 s,
as the authors' code has it (9 frames); of the three thresholds which it shows, 0.1, 0.2 and 0.5, an event must reach
0.2 and ends below 0.1. Cross-entropy leaves scores about as large as the share of frames that are right, and then the
best F1 is had at half of itself (Lipton, Elkan and Naryanaswamy 2014), which is far below 0.5 for most of 447 classes.
Gaps of up to 0.2 s are filled, events shorter than 0.12 s dropped. A tag is given from 0.2, too: tags and events agree.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import torch
from torch import Tensor

from earmark.decisions import OperatingPoint
from earmark.decisions.operating_point import ClassPoint
from earmark.encoders import MobileNet, MobileNetOptions
from earmark.formats.audioset_names import strong_classes
from earmark.hub.efficientat import LOGMEL, as_ours, as_theirs, fix_scaling, mobilenet_names, paired
from earmark.hub.family import Family, Shapes, State, filled
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.pooling import FunctionOptions

Architecture = Literal["06", "10"]
_LOGMEL = LOGMEL.model_copy(
    update={"rate": 16_000, "window": 400, "n_fft": 512, "hop": 160, "fmax": 7_000.0, "floor": 1e-7}
    | {"floor_kind": "clamp"}
)
_WIDTHS = {"06": 0.6, "10": 1.0}
STRONG_POINT = ClassPoint(
    tag_threshold=0.2, onset=0.2, offset=0.1, median_seconds=0.36, min_duration_on=0.12, min_duration_off=0.2
)
STRONG_ORIGIN = (
    "PretrainedSED: the median and two of the thresholds of its authors' code; nothing was tuned or calibrated"
)


def strong_point(_: str, labels: Labels) -> OperatingPoint:
    """The operating point of a network that was trained on AudioSet-strong as in PretrainedSED."""
    return OperatingPoint(origin=STRONG_ORIGIN, classes=dict.fromkeys(labels, STRONG_POINT))


def frame_mn_network(name: str) -> NetworkOptions:
    """The network of a checkpoint."""
    encoder = MobileNetOptions(width=_WIDTHS[name], steps="fine")
    return NetworkOptions(features=_LOGMEL, encoder=encoder, pooling=FunctionOptions(kind="max"))


def expected(name: str) -> Shapes:
    """Names and shapes of a checkpoint's tensors."""
    with torch.device("meta"):
        network = Network(_options(name))
    return {theirs: tuple(as_theirs(tensor).shape) for _, theirs, tensor in _pairs(network)}


def converted(state: State, name: str) -> Network:
    """A network with these weights, in evaluation mode. The tensors must be as `expected`."""
    network = Network(_options(name))
    fix_scaling(network)
    return filled(network, {ours: as_ours(state[theirs], tensor) for ours, theirs, tensor in _pairs(network)})


def _options(name: str) -> ModelOptions:
    return ModelOptions(labels=tuple(strong_classes().values()), **dict(frame_mn_network(name)))


def _pairs(network: Network) -> list[tuple[str, str, Tensor]]:
    """Names of ours and of theirs, with the tensor."""
    assert isinstance(network.encoder, MobileNet)
    inside = mobilenet_names(network.encoder)
    theirs = {f"encoder.{ours}": f"model.frame_mn.features.{rest}" for ours, rest in inside.items()}
    return paired(network, theirs | {"pooling.classify": "strong_head"})


FAMILY = Family(get_args(Architecture), expected, converted, point=strong_point, unused=re.compile(r"weak_head\."))
