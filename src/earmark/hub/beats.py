"""BEATs as its authors published it, fine-tuned for tagging, and with the frame-level head of Schmid et al. 2025; their
tensors under our names.

The network is in `encoders/beats.py`, the front-end, Kaldi's, in `features/logmel.py`. Names of theirs and ours:

    encoder.embed.weight                  patch_embedding.weight            (patch width, 1, frames, bands)
    encoder.embed_norm.*                  layer_norm.*
    encoder.widen.*                       post_extract_proj.*
    encoder.places.weight                 encoder.pos_conv.0.{weight_g, weight_v}: lengths and directions of its kernels
    encoder.places.bias                   encoder.pos_conv.0.bias
    encoder.norm.*                        encoder.layer_norm.*
    encoder.distances.numbers             encoder.layers.{i}.self_attn.relative_attention_bias.weight, in all the same
    encoder.blocks.{i}.attention.qkv.*    encoder.layers.{i}.self_attn.{q, k, v}_proj.*
    encoder.blocks.{i}.attention.out.*    encoder.layers.{i}.self_attn.out_proj.*
    encoder.blocks.{i}.attention.gate.*   encoder.layers.{i}.self_attn.grep_linear.*   every four rows are added up
    encoder.blocks.{i}.attention.sharpness   encoder.layers.{i}.self_attn.grep_a       (1, heads, 1, 1)
    encoder.blocks.{i}.attention_norm.*   encoder.layers.{i}.self_attn_layer_norm.*
    encoder.blocks.{i}.feed.{0, 2}.*      encoder.layers.{i}.{fc1, fc2}.*
    encoder.blocks.{i}.feed_norm.*        encoder.layers.{i}.final_layer_norm.*
    pooling.classify.*                    predictor.*, strong: strong_head.*

In the strong checkpoint all but the heads begin with `model.beats.` or `model.model.`, and kernels may be called
`parametrizations.weight.original{0, 1}`, as newer versions of PyTorch have them: `renamed` gives them one spelling. The
head for weak labels (`weak_head`) was not trained with the strong ones and is not read.

The tagger's file states its settings (`cfg`) and the order of its classes (`label_dict`): other settings are refused,
for tensors may have the same shapes under them, and the rows of the last layer are brought into AudioSet's order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earmark.decisions import OperatingPoint, named_point
from earmark.encoders import BEATsOptions
from earmark.errors import ModelError
from earmark.features import LogMelOptions
from earmark.formats.audioset_names import read_classes, strong_classes
from earmark.hub.checkpoint import read_entries
from earmark.hub.family import Family, Shapes, State, check_finite, filled, some
from earmark.hub.frame_mn import strong_point
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.options import shown
from earmark.pooling import EmbeddingPoolingOptions, FunctionOptions

TAGGER, STRONG = "iter3plus", "strong"
_FBANK = LogMelOptions(
    rate=16_000, window=400, n_fft=512, hop=160, bands=128, fmin=20.0, fmax=8_000.0, mel_scale="kaldi",
    window_shape="povey", gain=32_768.0, emphasis=0.97, density=False, floor=2.0**-23, floor_kind="clamp",
    centre=False,
)  # fmt: skip
_SETTINGS = {  # of a checkpoint, which its shapes do not show
    "layer_norm_first": False,
    "deep_norm": True,
    "activation_fn": "gelu",
    "conv_pos_groups": 16,
    "encoder_attention_heads": 12,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "max_distance": 800,
    "finetuned_model": True,
}
_UNUSED = re.compile(r"weak_head\.|model\.beats\.predictor\.")
_PREFIX = {TAGGER: "", STRONG: "model.beats."}
_HEAD = {TAGGER: "predictor", STRONG: "strong_head"}
_PARTS = {  # ours to theirs
    "embed.": "patch_embedding.",
    "embed_norm.": "layer_norm.",
    "widen.": "post_extract_proj.",
    "places.bias": "encoder.pos_conv.0.bias",
    "norm.": "encoder.layer_norm.",
}
_WITHIN = {  # a block
    "attention.out.": "self_attn.out_proj.",
    "attention.gate.": "self_attn.grep_linear.",
    "attention.sharpness": "self_attn.grep_a",
    "attention_norm.": "self_attn_layer_norm.",
    "feed.0.": "fc1.",
    "feed.2.": "fc2.",
    "feed_norm.": "final_layer_norm.",
}
_BLOCK = re.compile(r"blocks\.(\d+)\.")
_KERNELS = ("encoder.pos_conv.0.weight_g", "encoder.pos_conv.0.weight_v")
_NUMBERS = "encoder.layers.{}.self_attn.relative_attention_bias.weight"


def beats_network(name: str, depth: int = 12) -> NetworkOptions:
    """The network of a checkpoint; of fewer blocks, a smaller one of its kind."""
    if name == TAGGER:
        return NetworkOptions(
            features=_FBANK,
            encoder=BEATsOptions(depth=depth),
            pooling=EmbeddingPoolingOptions(kind="embedding-average", hidden=None, dropout=0.1),
            scale_bands=False,
        )
    return NetworkOptions(
        features=_FBANK.model_copy(update={"beyond_end": True}),
        encoder=BEATsOptions(depth=depth, step=4),
        pooling=FunctionOptions(kind="max"),
        scale_bands=False,
    )


def expected(name: str, depth: int = 12) -> Shapes:
    """Names and shapes of a checkpoint's tensors that are read."""
    with torch.device("meta"):
        network = Network(_options(name, depth))
    shapes: Shapes = {}
    for ours, tensor in network.state_dict().items():
        for theirs, shape in _theirs(ours, tuple(tensor.shape), depth):
            shapes[_full(theirs, name)] = shape
    return shapes


def converted(state: State, name: str, depth: int = 12) -> Network:
    """A network with these weights, in evaluation mode. The tensors must be as `expected`.

    `ModelError` where values are not finite, or blocks do not share the numbers of their distances.
    """
    network = Network(_options(name, depth))
    check_finite({key: state[key] for key in expected(name, depth)})
    shared = [state[_full(_NUMBERS.format(block), name)] for block in range(depth)]
    if not all(torch.equal(shared[0], other) for other in shared):
        raise ModelError("its blocks have a relative position bias each, and a model of ours has one for all")
    weights = {}
    for ours, tensor in network.state_dict().items():
        parts = [state[_full(theirs, name)] for theirs, _ in _theirs(ours, tuple(tensor.shape), depth)]
        if parts:
            weights[ours] = _joined(ours, parts).reshape(tensor.shape)
    return filled(network, weights)


def renamed(state: State) -> State:
    """The same tensors, under the names that `expected` has for them."""
    names = {name: name.replace("model.model.", _PREFIX[STRONG], 1) for name in state}
    for number, kernels in enumerate(_KERNELS):
        newer = f"encoder.pos_conv.0.parametrizations.weight.original{number}"
        names = {name: known.replace(newer, kernels) for name, known in names.items()}
    return {names[name]: tensor for name, tensor in state.items()}


def finished(network: Network, name: str, path: Path) -> Network:
    """The tagger with its classes in AudioSet's order, by the order that its file states.

    `ModelError` where that states other settings, or not which class is which.
    """
    if name != TAGGER:
        return network
    settings, classes = read_entries(path, "cfg", "label_dict")
    stated = settings if isinstance(settings, Mapping) else {}
    other = [
        f"{key} is {shown(stated[key])}, not {value}"
        for key, value in _SETTINGS.items()
        if stated.get(key, value) != value
    ]
    if other:
        raise ModelError(f"its settings are not those of BEATs iter3+: {some(other)}")
    order = _order(classes)
    classify = network.get_submodule("pooling.classify")
    classify.load_state_dict({kind: tensor[order] for kind, tensor in classify.state_dict().items()})
    return network


def _order(classes: Any) -> list[int]:
    """Which row of theirs each class of AudioSet is, by a file's {index: machine identifier}."""
    mids = list(read_classes(None))
    if not isinstance(classes, Mapping) or set(classes) != set(range(len(mids))):
        raise ModelError(f"it does not say which class is which: expected label_dict with 0 to {len(mids) - 1}")
    rows = {str(mid): row for row, mid in classes.items()}
    missing = [mid for mid in mids if mid not in rows]
    if missing:
        raise ModelError(f"its label_dict lacks classes of AudioSet: {some(missing)}")
    return [rows[mid] for mid in mids]


def _options(name: str, depth: int) -> ModelOptions:
    labels = tuple(read_classes(None).values()) if name == TAGGER else tuple(strong_classes().values())
    return ModelOptions(labels=labels, **dict(beats_network(name, depth)))


def _full(theirs: str, name: str) -> str:
    """A name of theirs as the checkpoint has it."""
    if theirs.startswith("head."):
        return _HEAD[name] + theirs.removeprefix("head")
    return _PREFIX[name] + theirs


def _theirs(ours: str, shape: tuple[int, ...], depth: int) -> list[tuple[str, tuple[int, ...]]]:
    """The tensors of theirs that one of ours is made of, with their shapes; none for the scaling."""
    if ours.startswith("pooling.classify."):
        return [(ours.replace("pooling.classify", "head"), shape)]
    if not ours.startswith("encoder."):
        return []
    ours = ours.removeprefix("encoder.")
    if ours == "places.weight":
        return [(_KERNELS[0], (1, 1, shape[2])), (_KERNELS[1], shape)]
    if ours == "distances.numbers":
        return [(_NUMBERS.format(block), shape) for block in range(depth)]
    if ours == "embed.weight":
        return [("patch_embedding.weight", (shape[0], 1, 16, 16))]
    if found := _BLOCK.match(ours):
        return _of_block(f"encoder.layers.{found[1]}.", ours[found.end() :], shape)
    part = next(part for part in _PARTS if ours.startswith(part))
    return [(_PARTS[part] + ours.removeprefix(part), shape)]


def _of_block(layer: str, ours: str, shape: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    if ours.startswith("attention.qkv."):
        kind = ours.rpartition(".")[2]
        return [(f"{layer}self_attn.{part}_proj.{kind}", (shape[0] // 3, *shape[1:])) for part in "qkv"]
    part = next(part for part in _WITHIN if ours.startswith(part))
    if part == "attention.gate.":
        shape = (4 * shape[0], *shape[1:])
    elif part == "attention.sharpness":
        shape = (1, shape[0], 1, 1)
    return [(layer + _WITHIN[part] + ours.removeprefix(part), shape)]


def _joined(ours: str, parts: list[Tensor]) -> Tensor:
    """One of our tensors from those of theirs."""
    if ours == "encoder.places.weight":
        lengths, directions = parts
        return torch._weight_norm(directions, lengths, 2)
    if ".attention.gate." in ours:
        return parts[0].reshape(2, 4, *parts[0].shape[1:]).sum(dim=1)
    if ".attention.qkv." in ours:
        return torch.cat(parts)
    return parts[0]


def _point(name: str, labels: Labels) -> OperatingPoint:
    return strong_point(name, labels) if name == STRONG else named_point("default", labels)


FAMILY = Family(
    names=(TAGGER, STRONG),
    expected=expected,
    converted=converted,
    point=_point,
    unused=_UNUSED,
    changes="tensors renamed and joined; the convolution's kernels multiplied by their lengths, the rows of each gate "
    "added up, a tagger's classes in AudioSet's order: the same scores",
    renamed=renamed,
    finished=finished,
)
