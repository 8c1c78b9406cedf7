"""ATST-Frame with the frame-level head of Schmid et al. 2025, and its tensors under our names.

The network is in `encoders/atst.py`, the front-end in `features/logmel.py`. Names of theirs (right) and ours:

    encoder.embed.*                       model.atst.patch_embed.patch_embed.*   weights (width, band times frame)
    encoder.places                        model.atst.pos_embed                   (1, 1 + places, width)
    encoder.blocks.{i}.attention_norm.*   model.atst.blocks.{i}.norm1.*
    encoder.blocks.{i}.attention.qkv.*    model.atst.blocks.{i}.attn.qkv.*
    encoder.blocks.{i}.attention.out.*    model.atst.blocks.{i}.attn.proj.*
    encoder.blocks.{i}.feed_norm.*        model.atst.blocks.{i}.norm2.*
    encoder.blocks.{i}.feed.{0, 2}.*      model.atst.blocks.{i}.mlp.{fc1, fc2}.*
    encoder.norm.*                        model.atst.norm_frame.*
    pooling.classify.*                    strong_head.*

The first of their places is that of a summary of the clip, which the frame-level network does without. Not read: what
was masked in pre-training (`mask_embed`), a head for weak labels that was not trained on the strong ones (`weak_head`),
and the front-end's constants, where a file has them.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from earmark.encoders import ATSTOptions
from earmark.features import LogMelOptions
from earmark.formats.audioset_names import strong_classes
from earmark.hub.family import Family, Shapes, State, check_finite, filled
from earmark.hub.frame_mn import strong_point
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.pooling import FunctionOptions

ATST_LOGMEL = LogMelOptions(
    rate=16_000, window=1024, hop=160, bands=64, fmin=60.0, fmax=7_800.0, mel_scale="htk", density=False,
    log="db", floor=1e-10, floor_kind="clamp", top_db=80.0, centred_on="start", edge="reflect",
)  # fmt: skip

_UNUSED = re.compile(r"weak_head\.|model\.atst\.mask_embed$|model\.atst_mel\.")
_PARTS = {  # ours to theirs
    "encoder.embed.": "model.atst.patch_embed.patch_embed.",
    "encoder.places": "model.atst.pos_embed",
    "encoder.norm.": "model.atst.norm_frame.",
    "pooling.classify.": "strong_head.",
}
_BLOCK = re.compile(r"encoder\.(blocks\.\d+\.)")
_WITHIN = {  # a block
    "attention_norm.": "norm1.",
    "attention.qkv.": "attn.qkv.",
    "attention.out.": "attn.proj.",
    "feed_norm.": "norm2.",
    "feed.0.": "mlp.fc1.",
    "feed.2.": "mlp.fc2.",
}
_EMBED, _PLACES = "encoder.embed.weight", "encoder.places"


def atst_network(depth: int = 12) -> NetworkOptions:
    """The network of a checkpoint; of fewer blocks, a smaller one of its kind."""
    return NetworkOptions(
        features=ATST_LOGMEL,
        encoder=ATSTOptions(depth=depth),
        pooling=FunctionOptions(kind="max"),
        scale_bands=False,
    )


def expected(name: str, depth: int = 12) -> Shapes:
    """Names and shapes of a checkpoint's tensors that are read."""
    with torch.device("meta"):
        network = Network(_options(depth))
    shapes = {_their_name(ours): tuple(tensor.shape) for ours, tensor in network.state_dict().items()}
    places, width = shapes[_PARTS[_PLACES]]
    return {key: shape for key, shape in shapes.items() if key is not None} | {_PARTS[_PLACES]: (1, places + 1, width)}


def converted(state: State, name: str, depth: int = 12) -> Network:
    """A network with these weights, in evaluation mode. The tensors must be as `expected`."""
    network = Network(_options(depth))
    names = {ours: _their_name(ours) for ours in network.state_dict()}
    weights = {ours: state[theirs] for ours, theirs in names.items() if theirs is not None}
    check_finite({str(names[ours]): tensor for ours, tensor in weights.items()})  # by the names of their authors
    weights[_PLACES] = weights[_PLACES][0, 1:]
    weights[_EMBED] = _frame_after_frame(weights[_EMBED], int(network.encoder.reduction))
    return filled(network, weights)


def _options(depth: int) -> ModelOptions:
    return ModelOptions(labels=tuple(strong_classes().values()), **dict(atst_network(depth)))


def _their_name(ours: str) -> str | None:
    """None for the scaling, which they have not."""
    if found := _BLOCK.match(ours):
        rest = ours[found.end() :]
        within = next(part for part in _WITHIN if rest.startswith(part))
        return f"model.atst.{found[1]}{_WITHIN[within]}{rest.removeprefix(within)}"
    part = next((part for part in _PARTS if ours.startswith(part)), None)
    return None if part is None else _PARTS[part] + ours.removeprefix(part)


def _frame_after_frame(weight: Tensor, frames: int) -> Tensor:
    """Their weights (width, bands * frames), the frames of a band side by side, in our order: the bands of a frame."""
    return weight.reshape(len(weight), -1, frames).transpose(1, 2).reshape(weight.shape)


FAMILY = Family(
    names=("strong",),
    expected=expected,
    converted=converted,
    point=strong_point,
    unused=_UNUSED,
    changes="tensors renamed, the columns of the first layer in another order; the same scores",
)
