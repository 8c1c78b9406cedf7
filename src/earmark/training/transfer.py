"""Fine-tuning: a training that begins with the weights of a model there is.

The network is the model's: front-end, per-band scaling, encoder, window, and all of the pooling whose shape does not
depend on the number of labels. Of what does (the last linear layers), the rows of the labels that the model knows are
taken over as well, each to its new place; the rows of other labels are new.

What is frozen stays as it is to the last bit: no gradients, no dropout in it, and batch normalisation by the statistics
it came with. That is the encoder, or its lowest N blocks (`encoders/depth.py`), or only its `blocks` of convolutions:
then what lies above them learns (last convolution, recurrent layer), normalised by the statistics it came with too, as
those of few clips say little.

Of a CRNN the lower blocks alone can be taken (`part`): the network is then these blocks and a linear head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from earmark.encoders import CRNNOptions, LowerBlocksOptions, blocks_in_order
from earmark.errors import ConfigError, ModelError
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network, NetworkOptions, read_options, read_weights
from earmark.pooling import EmbeddingPoolingOptions
from earmark.runtime.directory import fusion_options
from earmark.runtime.onnx import WEIGHTS

Freeze = Literal["encoder", "blocks"] | int  # an int: the lowest blocks of the encoder, as many
LINEAR = EmbeddingPoolingOptions(kind="embedding-average", hidden=None, dropout=0.0)  # the head on lower blocks


@dataclass(frozen=True)
class Source:
    """The model that a training begins with. `ModelError` from its members when it is no model."""

    name: str  # as people call it: a directory, "panns/cnn14"
    directory: Path
    freeze: Freeze | None = None  # what stays as it is
    part: Literal["blocks"] | None = None  # what of its encoder is taken; None: all

    @cached_property
    def options(self) -> ModelOptions:
        """What its config.json says. `ConfigError` where it is several models fused."""
        if fused := fusion_options(self.directory):
            members = ", ".join(fused.members)
            raise ConfigError(f"{self.name} is a fusion of several models; start from one of its members: {members}")
        return read_options(self.directory)

    @property
    def labels(self) -> Labels:
        """The labels it knows."""
        return Labels(self.options.labels)

    @property
    def network(self) -> NetworkOptions:
        """Its network, or that of the part which is taken. `ConfigError` where it has no such part."""
        whole = NetworkOptions(**{name: getattr(self.options, name) for name in NetworkOptions.model_fields})
        if self.part is None:
            return whole
        if not isinstance(whole.encoder, CRNNOptions):
            raise ConfigError(
                f"the encoder of {self.name} is {whole.encoder.kind!r}; expected 'crnn' to take blocks of"
            )
        return whole.model_copy(update={"encoder": LowerBlocksOptions.of(whole.encoder), "pooling": LINEAR})

    @cached_property
    def digest(self) -> str:
        """Of its weights: sha256, the first 16 digits."""
        path = self.directory / WEIGHTS
        try:
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:16]
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error

    def asked(self) -> dict[str, Any]:
        """What distinguishes this source from others, as plain data."""
        return {"weights": self.digest, "freeze": self.freeze, **({"part": self.part} if self.part else {})}

    def describe(self) -> str:
        """One line for the model card."""
        frozen = f"; {_frozen_part(self.freeze)} frozen" if self.freeze else ""
        frozen += "; its lower blocks alone" if self.part else ""
        return f"{self.name} ({len(self.options.labels)} labels; weights sha256 {self.digest}...{frozen})"


def take_over(network: Network, source: Source) -> tuple[str, ...]:
    """Give `network` the weights of `source`, and freeze what is to be frozen.

    Returns the names of the tensors that are new, as a whole or in the rows of labels that the source does not know.
    `ConfigError` when front-end or encoder are not the source's, `ModelError` when the source is damaged.
    """
    for part in ("features", "encoder"):
        if getattr(network.options, part) != getattr(source.network, part):
            raise ConfigError(f"network.{part} differs from that of {source.name}, so its weights do not fit")
    with torch.device("meta"):
        there = Network(source.options).state_dict()
    weights = read_weights(source.directory / WEIGHTS, there)
    if source.part is not None:  # another pooling, of whose weights some might happen to fit
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("pooling.")}
    own = network.state_dict()
    tied = {} if network.labels == source.labels else _tied_to_labels(network)
    fitting = {
        name: weights[name]
        for name, tensor in own.items()
        if name not in tied and name in weights and weights[name].shape == tensor.shape
    }
    rows = {
        name: _rows_of_known_labels(own[name], weights[name], axes, network.labels, source.labels)
        for name, axes in tied.items()
        if name in weights and _alike(own[name], weights[name], axes)
    }
    network.load_state_dict({**fitting, **rows}, strict=False)
    for parameter in _frozen(network, source):
        parameter.requires_grad_(False)
    whole = set(fitting) | (set(rows) if set(network.labels) <= set(source.labels) else set())
    return tuple(name for name in own if name not in whole)


def with_checked_freeze(source: Source) -> Source:
    """The same source; where it freezes as many blocks as there are, it freezes the encoder.

    `ConfigError` where there are fewer.
    """
    if not isinstance(source.freeze, int):
        return source
    with torch.device("meta"):
        network = Network(source.options.model_copy(update={"encoder": source.network.encoder}))
    _lowest(network, source)
    return replace(source, freeze="encoder") if source.freeze == len(blocks_in_order(_encoder(network))) else source


def _frozen(network: Network, source: Source) -> Iterable[nn.Parameter]:
    """What of the encoder stays as it is."""
    if source.freeze is None:
        return ()
    if source.freeze == "encoder":
        return _encoder(network).parameters()
    if isinstance(source.freeze, int):
        return _lowest(network, source)
    blocks = getattr(network.encoder, "blocks", None)
    if not isinstance(blocks, nn.Module):
        raise ConfigError(f"--freeze blocks: the encoder of {source.name} has no blocks; freeze the encoder or nothing")
    return blocks.parameters()


def _lowest(network: Network, source: Source) -> list[nn.Parameter]:
    """Parameters of as many of the lowest blocks as are frozen."""
    assert isinstance(source.freeze, int)
    blocks = blocks_in_order(_encoder(network))
    if not 1 <= source.freeze <= len(blocks):
        names = ", ".join(block.name for block in blocks)
        raise ConfigError(
            f"--freeze {source.freeze}: the encoder of {source.name} has {len(blocks)} blocks ({names}); expected 1 to "
            f"{len(blocks)}, encoder, or none"
        )
    return [parameter for block in blocks[: source.freeze] for parameter in block.parameters]


def _frozen_part(freeze: Freeze) -> str:
    """What is frozen, in words.

    >>> _frozen_part(1), _frozen_part(3), _frozen_part("encoder")
    ('lowest block', 'lowest 3 blocks', 'encoder')
    """
    if isinstance(freeze, int):
        return "lowest block" if freeze == 1 else f"lowest {freeze} blocks"
    return freeze


def _alike(own: Tensor, other: Tensor, axes: tuple[int, ...]) -> bool:
    """Whether two tensors differ in the number of labels alone."""
    rest = [axis for axis in range(own.ndim) if axis not in axes]
    return own.ndim == other.ndim and all(own.shape[axis] == other.shape[axis] for axis in rest)


def _rows_of_known_labels(own: Tensor, other: Tensor, axes: tuple[int, ...], labels: Labels, theirs: Labels) -> Tensor:
    """`own` with what `other` has for the labels that both know, along each axis that counts labels."""
    known = [label for label in labels if label in theirs]
    to: list[Tensor] = [torch.arange(size) for size in own.shape]
    from_: list[Tensor] = [torch.arange(size) for size in other.shape]
    for axis in axes:
        to[axis] = torch.tensor([labels.index(label) for label in known], dtype=torch.long)
        from_[axis] = torch.tensor([theirs.index(label) for label in known], dtype=torch.long)
    merged = own.detach().clone()
    merged[torch.meshgrid(*to, indexing="ij")] = other[torch.meshgrid(*from_, indexing="ij")]
    return merged


def settle(network: Network) -> None:
    """Keep what is frozen in evaluation mode; to be called after whatever sets modes."""
    encoder = _encoder(network)
    if all(parameter.requires_grad for parameter in encoder.parameters()):
        return
    for module in frozen_modules(network):
        module.eval()
    for module in encoder.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def frozen_modules(network: Network) -> list[nn.Module]:
    """The modules of the encoder in which nothing learns: those whose weights are all frozen, and what is in them.

    A module without weights, dropout say, is one of them within a frozen module or in a frozen block.
    """
    encoder = _encoder(network)
    found = [module for module in encoder.modules() if _is_frozen(module.parameters())]
    for block in blocks_in_order(encoder):
        if _is_frozen(block.parameters):
            found += block.modules
    return list(dict.fromkeys(inner for module in found for inner in module.modules()))


def _is_frozen(parameters: Iterable[nn.Parameter]) -> bool:
    learned = [parameter.requires_grad for parameter in parameters]
    return bool(learned) and not any(learned)


def release(network: Network) -> None:
    """Let a frozen encoder be learned again."""
    _encoder(network).requires_grad_(True)


def _encoder(network: Network) -> nn.Module:
    return cast(nn.Module, network.encoder)


def _tied_to_labels(network: Network) -> dict[str, tuple[int, ...]]:
    """Names of the tensors whose shape depends on the number of labels, and their axes that count labels."""
    one_more = network.options.model_copy(update={"labels": (*network.labels, "\0")})
    with torch.device("meta"):
        other = Network(one_more).state_dict()
    shapes = {name: (tensor.shape, other[name].shape) for name, tensor in network.state_dict().items()}
    return {
        name: tuple(axis for axis, (size, more) in enumerate(zip(own, wider, strict=True)) if more == size + 1)
        for name, (own, wider) in shapes.items()
        if own != wider
    }
