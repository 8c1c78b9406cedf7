"""A pooling alone, trained on kept embeddings: what an encoder says of each clip is computed once.

    clips -> encoder, as it is -> kept embeddings (steps, channels) of each clip -> pooling, trained

The encoder costs as much as scoring the clips once; an update of the pooling costs milliseconds. So a new head for a
model takes seconds on a processor, and a fine-tuning that begins with it does not disturb the encoder by the errors of
a head that knows nothing yet.

A head that is linear in the mean of a clip's embeddings (`embedding-average` without a hidden layer) is a logistic
regression: it is fitted at once, with a penalty on its weights, to embeddings of zero mean and unit deviation.

Classes weigh alike, however many clips each has. Of a clip longer than `MOST_SECONDS` only the beginning is kept.

`separable` compares encoders before any is trained: the mean average precision of a ridge regression on the mean and
deviation of each clip's embeddings, each clip scored by a regression that has not seen it (leave-one-out in closed
form: Hastie, Tibshirani and Friedman 2009, "The elements of statistical learning", eq. 7.64).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from earmark.data.batches import Inputs
from earmark.encoders import Encoder
from earmark.labels import Labels
from earmark.metrics.tagging import tagging_metrics
from earmark.models.network import Network
from earmark.pooling import EmbeddingPooling, EmbeddingPoolingOptions, Pooled
from earmark.reporter import Progress
from earmark.training.objective import clip_loss
from earmark.training.options import HeadOptions

MOST_SECONDS = 30.0  # of a clip, that are kept
_RIDGES = (0.01, 0.1, 1.0, 10.0)  # penalties tried, in shares of the mean squared length of a clip's features
_ROUNDS = 200  # of a fit, at most
_EPS = 1e-6


@dataclass(frozen=True)
class Embeddings:
    """Embeddings (all steps, channels) float16 of clips one after the other; clip n is first[n] to first[n + 1]."""

    steps: npt.NDArray[np.float16]
    first: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1

    def of(self, clip: int) -> npt.NDArray[np.float16]:
        """Embeddings (steps, channels) of a clip."""
        return self.steps[self.first[clip] : self.first[clip + 1]]

    def batch(self, clips: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Embeddings (batch, steps, channels) float32 of these clips, zeros at their ends, and the valid steps."""
        lengths = [int(self.first[clip + 1] - self.first[clip]) for clip in clips]
        filled = torch.zeros(len(clips), max(lengths), self.steps.shape[1])
        for row, (clip, length) in enumerate(zip(clips, lengths, strict=True)):
            filled[row, :length] = torch.from_numpy(self.of(clip).astype(np.float32))
        return filled, torch.tensor(lengths)

    def means(self) -> npt.NDArray[np.float64]:
        """Mean over time of each clip, (clips, channels)."""
        return np.stack([self.of(clip).astype(np.float64).mean(axis=0) for clip in range(len(self))])

    def statistics(self) -> npt.NDArray[np.float64]:
        """Mean and deviation over time of each clip, (clips, 2 * channels)."""
        rows = (self.of(clip).astype(np.float64) for clip in range(len(self)))
        return np.stack([np.concatenate([row.mean(axis=0), row.std(axis=0)]) for row in rows])

    @classmethod
    def joined(cls, clips: Sequence[npt.NDArray[np.float16]]) -> Embeddings:
        """Those of single clips, (steps, channels) each."""
        steps = np.concatenate(clips) if len(clips) else np.zeros((0, 0), np.float16)
        return cls(steps, np.cumsum([0, *map(len, clips)]))


def beginnings(inputs: Inputs, rate: Fraction, progress: Progress | None = None) -> Iterator[npt.NDArray[np.float32]]:
    """Every clip in turn, as much of it as is kept; it has `rate` samples or vectors a second."""
    for number in range(len(inputs)):
        yield inputs.read(number, 0, min(inputs.length(number), round(MOST_SECONDS * rate)))
        if progress is not None:
            progress(number + 1, len(inputs))


def at_levels(
    clips: Iterable[npt.NDArray[np.float32]], options: HeadOptions, seed: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Every clip, samples or vectors, and after it its copies at other levels."""
    rng = np.random.default_rng((seed, 11))
    for samples in clips:
        yield samples
        for gain in rng.uniform(-options.gain_db, options.gain_db, options.copies):
            yield samples * np.float32(10 ** (gain / 20))


@torch.no_grad()
def embed(
    network: Network, clips: Iterable[npt.NDArray[np.float32]], device: str = "cpu"
) -> tuple[Embeddings, Embeddings]:
    """What the encoder says of clips in evaluation mode, and the scaled features that it says it of.

    A clip is sound (samples,) or embeddings (vectors, bands).
    """
    training = network.training
    network.to(device).eval()
    found, given = [], []
    for samples in clips:
        features, lengths = network.features(torch.from_numpy(samples)[None].to(device))
        encoded = network.encoder(features, lengths)
        found.append(encoded.embeddings[0].float().cpu().numpy().astype(np.float16))
        given.append(features[0].cpu().numpy().astype(np.float16))
    network.train(training)
    return Embeddings.joined(found), Embeddings.joined(given)


@torch.no_grad()
def embed_features(encoder: Encoder, features: Embeddings, device: str = "cpu") -> Embeddings:
    """What an encoder in evaluation mode says of kept features."""
    rows = (torch.from_numpy(features.of(clip).astype(np.float32))[None].to(device) for clip in range(len(features)))
    return Embeddings.joined([encoder(row).embeddings[0].float().cpu().numpy().astype(np.float16) for row in rows])


def fit_head(
    pooling: nn.Module, embeddings: Embeddings, targets: npt.NDArray[np.bool_], options: HeadOptions, seed: int
) -> None:
    """Train `pooling` in place, beginning with its weights, on clips whose labels are `targets` (clips, classes)."""
    if is_linear(pooling):
        return _fit_linear(pooling.classify, embeddings.means(), targets, options.penalty * (1 + options.copies))
    training = pooling.training
    wanted = torch.from_numpy(targets.astype(np.float32))
    weights = clip_weights(targets)
    begin_at_shares(pooling, (wanted * weights[:, None]).mean(dim=0))
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout, where the pooling has any
    optimiser = torch.optim.Adam(pooling.parameters(), lr=options.learning_rate)
    pooling.cpu().train()
    for update in range(options.updates):
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * (1 - update / options.updates)
        chosen = torch.randperm(len(embeddings), generator=generator)[: options.batch_size].tolist()
        clip = _clip_scores(pooling, *embeddings.batch(chosen))
        loss = clip_loss(clip, wanted[chosen], weights=weights[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    pooling.train(training)


def is_linear(pooling: nn.Module) -> TypeGuard[EmbeddingPooling]:
    """Whether a pooling is linear in the mean of the embeddings, but for its sigmoid."""
    options = getattr(pooling, "options", None)
    return (
        isinstance(pooling, EmbeddingPooling)
        and isinstance(options, EmbeddingPoolingOptions)
        and options.kind == "embedding-average"
        and options.hidden is None
    )


def _fit_linear(
    layer: nn.Linear, means: npt.NDArray[np.float64], targets: npt.NDArray[np.bool_], penalty: float
) -> None:
    """Fit a layer to the means (clips, channels) of clips whose labels are `targets` (clips, classes).

    The least sum of the clips' weighted losses and `penalty` / 2 times the squared weights, where each feature has unit
    deviation over the clips divided by the root of the number of channels. Copies of a clip weigh as one.
    """
    centre, spread = means.mean(axis=0), (means.std(axis=0) + _EPS) * np.sqrt(means.shape[1])
    features = torch.from_numpy((means - centre) / spread)
    wanted, clips = torch.from_numpy(targets.astype(np.float64)), clip_weights(targets).double()[:, None]
    weight = torch.zeros(targets.shape[1], means.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(targets.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def total() -> Tensor:
        optimiser.zero_grad()
        losses = nn.functional.binary_cross_entropy_with_logits(features @ weight.T + bias, wanted, reduction="none")
        loss: Tensor = (losses * clips).sum() + penalty / 2 * (weight**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(total)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        own = weight / torch.from_numpy(spread)
        layer.weight.copy_(own)
        layer.bias.copy_(bias - own @ torch.from_numpy(centre))


@torch.no_grad()
def begin_at_shares(pooling: nn.Module, shares: Tensor) -> None:
    """Let the new classes of a pooling begin at the `shares` (classes,) of the clips that hold them.

    Else the first updates teach all weights, and not the bias alone, that most classes are not there most of the time.
    A bias of exactly zero is that of a new class; layers of other names, or without a bias for each class, stay.
    """
    layer = getattr(pooling, "classify", None)
    if isinstance(layer, nn.Linear) and layer.bias.shape == shares.shape:
        start = torch.logit(shares.clamp(0.02, 0.98)).to(layer.bias.device)
        layer.bias.copy_(torch.where(layer.bias == 0, start, layer.bias))


def clip_weights(targets: npt.NDArray[np.bool_]) -> Tensor:
    """Weights (clips,) of mean 1, under which every class weighs alike: of a clip, the mean over its classes.

    >>> clip_weights(np.array([[1, 0], [1, 0], [0, 1]], bool)).tolist()
    [0.75, 0.75, 1.5]
    """
    counts = targets.sum(axis=0)
    bare = targets.sum(axis=1) == 0  # no label at all: a class of their own
    shares = targets / np.maximum(counts, 1)
    weights = np.where(bare, 1 / max(1, int(bare.sum())), shares.sum(axis=1) / np.maximum(targets.sum(axis=1), 1))
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


def separable(embeddings: Embeddings, targets: npt.NDArray[np.bool_]) -> float:
    """How well the labels `targets` (clips, classes) can be predicted from these embeddings: a mean average precision.

    That of the best of some penalties, over classes that some clips hold and some do not.
    """
    features = embeddings.statistics()
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + _EPS)
    gram = features @ features.T / features.shape[1] + 1  # a constant feature beside the others: the intercept
    wanted = targets.astype(np.float64)
    names = Labels(f"{column}" for column in range(targets.shape[1]))
    return max(
        float(tagging_metrics(targets, names, scores=_left_out(gram, wanted, ridge).astype(np.float32)).map)
        for ridge in _RIDGES
    )


def _left_out(gram: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], ridge: float) -> npt.NDArray[np.float64]:
    """Scores (clips, classes) by ridge regressions that did not see the clip."""
    count = len(gram)
    hat = gram @ np.linalg.inv(gram + ridge * np.trace(gram) / count * np.eye(count))
    leverage = np.minimum(np.diag(hat), 1 - _EPS)
    # Not of centred targets: their mean holds the clip's own label, which centred features then give away.
    left: npt.NDArray[np.float64] = wanted - (wanted - hat @ wanted) / (1 - leverage)[:, None]
    return left


@torch.no_grad()
def scores(pooling: nn.Module, embeddings: Embeddings) -> npt.NDArray[np.float32]:
    """Clip scores (clips, classes) of a pooling on the processor."""
    training = pooling.training
    pooling.eval()
    rows = [_clip_scores(pooling, *embeddings.batch([clip]))[0].float().numpy() for clip in range(len(embeddings))]
    pooling.train(training)
    return np.stack(rows)


def _clip_scores(pooling: nn.Module, embeddings: Tensor, lengths: Tensor) -> Tensor:
    """Clip scores (batch, classes), without those of the frames where they can be left out."""
    if isinstance(pooling, EmbeddingPooling):
        return pooling.clip_scores(embeddings, lengths)
    pooled: Pooled = pooling(embeddings, lengths)
    return pooled.clip
