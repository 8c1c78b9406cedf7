"""Where the weights of a training come from: a draw (anew), or a model at hand.

Of `FEW` clips or more a network learns what it needs, and the training begins anew. Of fewer, a model that was trained
on other sounds is the better beginning wherever the embeddings of its encoder separate the clips' labels better than
the log-mel features that it is given do: `head.separable`, on `COMPARED` of the training clips at most. Of several such
models the best is taken, its convolution blocks frozen. A model is at hand when it is in the package or in the user's
cache; nothing is downloaded.

Of a CRNN the lower blocks are compared too. They alone are taken, for a linear head (recipe `linear-head`), unless the
whole encoder tells the labels apart clearly better: with less than `CLEARLY` of the error, which is what the mean
average precision lacks to one; or unless the model knows `FAMILIAR` of the labels itself, whose rows of its head are
then kept. Clips of one recording that lie on both sides of a comparison flatter the whole encoder more than the blocks;
on held-out recordings of sounds that the model does not know the blocks were better (docs/results.md, "Few clips").

`new_tagger` makes the network before its first update, its weights drawn or taken over; `fit_scaling` fits its per-band
scaling.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from earmark.audio import SHORT
from earmark.augment import step_seed
from earmark.data.records import Manifest
from earmark.data.store import ClipStore, open_store
from earmark.data.targets import Targets
from earmark.encoders import CRNN, LowerBlocks, LowerBlocksOptions
from earmark.errors import AudioError, DataError, EarmarkError
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network
from earmark.reporter import Progress
from earmark.training.head import MOST_SECONDS, embed, embed_features, separable
from earmark.training.request import RUN, Request
from earmark.training.transfer import Source, take_over

SCALING_CLIPS = 1000  # of the training clips, spread evenly, set the per-band scaling


def new_tagger(request: Request, labels: Labels, purpose: str = "weights") -> Network:
    """The network of a request, its weights drawn for a purpose, or those of the model it begins with."""
    torch.manual_seed(step_seed(request.seed, 0, purpose))
    network = Network(ModelOptions(labels=labels.names, **dict(request.network))).train()
    if request.source is not None:
        take_over(network, request.source)
    return network


def fit_scaling(network: Network, store: ClipStore, progress: Progress | None) -> None:
    """Fit the per-band scaling to clips of a store."""
    chosen = np.unique(np.linspace(0, len(store) - 1, SCALING_CLIPS).astype(int))

    def features() -> Any:
        for done, index in enumerate(chosen, 1):
            with torch.no_grad():
                yield network.unscaled(torch.from_numpy(store.read(int(index)))[None])[0][0]
            if progress is not None:
                progress(done, len(chosen))

    network.scaling.fit(features())


FEW = 1_500  # training clips below which a training may begin with a model unasked
COMPARED = 400  # clips that models are compared on
CLEARLY = 0.65  # of the error of the lower blocks
FAMILIAR = 0.5  # share of the labels


@dataclass(frozen=True)
class Separability:
    """How well labels can be told from what a model says of clips (`head.separable`)."""

    whole: float  # by its encoder
    features: float  # by what the encoder is given
    has_blocks: bool = False  # of convolutions, that can be frozen
    blocks: float | None = None  # by its lower blocks; None: it has none that can be taken
    known: float = 0.0  # share of the labels that are the model's too

    @property
    def by_blocks(self) -> bool:
        """Whether the lower blocks alone are the better beginning."""
        if self.blocks is None or self.known >= FAMILIAR:
            return False
        return 1 - self.whole >= CLEARLY * (1 - self.blocks)

    @property
    def chosen(self) -> float:
        """That of what would be taken."""
        return self.blocks if self.blocks is not None and self.by_blocks else self.whole


@dataclass(frozen=True)
class Origin:
    """What a training begins with, and why."""

    source: Source | None
    reason: str  # a sentence without its full stop
    found: dict[str, float] = field(default_factory=dict)  # separability by model; "" stands for the features alone


def choose_origin(
    train: Manifest,
    models: Sequence[tuple[str, Path]],
    *,
    seed: int = 0,
    device: str = "cpu",
    stage: Callable[[str], Progress | None] = lambda _: None,
) -> Origin:
    """Choose among drawn weights and `models` (name, directory) by the training clips.

    A model that cannot be compared (it takes no sound, or is damaged) is passed over.
    """
    if len(train) >= FEW:
        return Origin(None, f"beginning anew: {len(train):,} training clips are enough to learn from (from {FEW:,} on)")
    if any(clip.record is not None for clip in train.clips):
        return Origin(None, "beginning anew: the clips are embeddings, which no model at hand takes")
    chosen = compared(train, seed)
    found: dict[str, float] = {}
    sources: dict[str, Source] = {}
    for name, directory in models:
        try:
            each = _separability(chosen, directory, device, stage(f"comparing {name}"))
        except EarmarkError:
            continue
        found[name] = each.chosen
        source = Source(name, directory, "blocks" if each.has_blocks else None)
        sources[name] = replace(source, freeze="encoder", part="blocks") if each.by_blocks else source
        found[""] = max(each.features, found.get("", 0.0))
    if not found:
        return Origin(None, "beginning anew: no model at hand could be compared")
    best = max(sources, key=lambda name: found[name])
    how = f"mean average precision {found[best]:.2f}, features alone {found['']:.2f}, by {len(chosen)} clips"
    taken = f"the lower blocks of {best}" if sources[best].part else best
    if found[best] <= found[""]:
        reason = f"beginning anew: {best} does not tell the labels apart better than features ({how})"
        return Origin(None, reason, found)
    verb = "they separate" if sources[best].part else "it separates"
    reason = f"beginning with {taken}: {verb} the labels of {len(train):,} clips ({how})"
    return Origin(sources[best], reason, found)


def chosen_before(output: Path, models: Sequence[tuple[str, Path]]) -> Origin | None:
    """What the training in the directory `output` began with; None where none has begun, or its model is gone."""
    try:
        begun = json.loads((output / RUN).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError):
        return None
    if begun is None:
        return Origin(None, "going on with a training that began anew")
    for name, directory in models:
        source = Source(name, directory, begun.get("freeze"), begun.get("part"))
        if source.digest == begun.get("weights"):
            return Origin(source, f"going on with a training that began with {name}")
    return None


def compared(train: Manifest, seed: int) -> Manifest:
    """The clips that models are compared on: all, or as many as `COMPARED`, drawn by chance."""
    if len(train) <= COMPARED:
        return train
    drawn = np.random.default_rng((seed, 7)).permutation(len(train))[:COMPARED]
    return train.with_clips(train.clips[index] for index in sorted(drawn.tolist()))


def _separability(clips: Manifest, directory: Path, device: str, progress: Progress | None) -> Separability:
    """How well the clips' labels can be told from what a model says of them. `EarmarkError` where it cannot listen."""
    network = Network.from_pretrained(directory)
    store = open_store(clips.clips, network.rate, None)
    usable: list[int] = []

    def readable() -> Iterator[npt.NDArray[np.float32]]:
        for number in range(len(store)):
            with contextlib.suppress(AudioError):  # the training says which, and why
                samples = store.read(number, 0, round(MOST_SECONDS * network.rate))
                if len(samples) >= SHORT * network.rate:
                    usable.append(number)
                    yield samples
            if progress is not None:
                progress(number + 1, len(store))

    kept = embed(network, readable(), device)
    if not usable:
        raise DataError(f"{clips.source}: none of its clips can be read")
    embeddings, features = kept
    targets = Targets.of_clips(store.clips, clips.labels)[usable]
    lower = _lower_blocks(network, directory, device)
    return Separability(
        separable(embeddings, targets),
        separable(features, targets),
        hasattr(network.encoder, "blocks"),
        None if lower is None else separable(embed_features(lower, features, device), targets),
        sum(label in network.labels for label in clips.labels) / max(1, len(clips.labels)),
    )


def _lower_blocks(network: Network, directory: Path, device: str) -> LowerBlocks | None:
    """The lower blocks of a network, in evaluation mode; None where it is no CRNN."""
    if not isinstance(network.encoder, CRNN):
        return None
    options = Source("", directory, part="blocks").network.encoder
    assert isinstance(options, LowerBlocksOptions)
    lower = LowerBlocks(options, network.front_end.bands)
    lower.blocks = network.encoder.blocks
    return lower.to(device).eval()
