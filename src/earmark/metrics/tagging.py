"""Clip tagging: how well clip scores rank, and how good the tags decided on are.

Arrays are (clips, classes): `reference` True where the sound is in the clip, `scores` any numbers of which
more means surer, `estimated` True where the tag was given.

`average_precision`  area under the precision-recall curve, per class; its mean is mAP
`roc_auc`            area under the ROC curve, per class; its mean is mAUC
`d_prime`            sqrt(2) * inverse normal CDF of an AUC; over all classes: of mAUC, as AudioSet's papers do
`tagging_metrics`    all of them, with F1, precision and recall of the decisions (micro, macro, per class)

Ties are exact: clips with one score enter both curves together, as in scikit-learn, whose numbers these
are. What a class cannot have is NaN: AP and F1 without a positive clip, AUC without a positive or without a
negative one. mAP and mAUC are means over the same classes, those with positives and negatives: where every clip
is positive the AP is 1 whatever the scores say, and where none is, scikit-learn's 0 would lower the mean.
`unranked` counts the classes so left out; macro F1 leaves out those without positives. A class that has
positives and is never estimated has no precision and F1 0; micro F1 is 0 when nothing at all is estimated.
Papers: Gemmeke et al. 2017, "Audio Set"; Kong et al. 2020, arXiv:1912.10211.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.labels import Labels
from earmark.metrics.rates import divide, mean_of_known, ratio

_BLOCK = 16  # classes sorted at a time: the scores of 20,000 clips then stay in the processor's cache
_FEW = 2_000  # clips, up to which sorting is as soon done as counting
_BINS = 2**14
_FAST_SORT = 0.00015  # seconds for 16,384 scores: what counting takes


@dataclass(frozen=True)
class ClassTags:
    """Tagging results of one class."""

    ap: float
    auc: float
    dprime: float
    f1: float
    precision: float
    recall: float
    reference: int  # clips that hold the sound
    estimated: int  # clips so tagged


@dataclass(frozen=True)
class TaggingMetrics:
    """Tagging results over all classes and per class; NaN for what the input did not allow."""

    map: float
    mauc: float
    dprime: float
    micro_f1: float
    macro_f1: float
    precision: float  # micro
    recall: float  # micro
    clips: int
    classes: int  # with a positive clip: macro F1 is their mean
    ranked: int | None  # with a positive and a negative clip: mAP and mAUC are their means; None without scores
    unranked: int | None  # classes without a positive or a negative clip, not in map and mauc; None without scores
    per_class: dict[str, ClassTags]


def tagging_metrics(
    reference: npt.NDArray[Any],
    labels: Labels,
    *,
    scores: npt.NDArray[Any] | None = None,
    estimated: npt.NDArray[Any] | None = None,
) -> TaggingMetrics:
    """Everything about tags; without `scores` no mAP, mAUC and d-prime, without `estimated` no F1.

    `ValueError` where shapes disagree, the reference is not binary or a score is NaN.

    >>> found = tagging_metrics(np.array([[1], [0], [1]]), Labels(["dog"]), scores=np.array([[0.9], [0.8], [0.7]]))
    >>> round(found.map, 4), found.mauc
    (0.8333, 0.5)
    """
    truth = _binary("reference", reference)
    if truth.shape[1] != len(labels):
        raise ValueError(f"{len(labels)} labels, but reference {truth.shape}")
    none = np.full(len(labels), math.nan)
    ap, auc = (none, none) if scores is None else _rankings(truth, scores)
    hits, claimed = (none, none) if estimated is None else _counts(truth, estimated)
    positives = truth.sum(axis=0)
    f1 = divide(2 * hits, np.where(positives > 0, positives + claimed, 0))
    precision, recall = divide(hits, claimed), divide(hits, positives)
    dprime = [d_prime(area) for area in auc.tolist()]
    columns = [ap.tolist(), auc.tolist(), dprime, f1.tolist(), precision.tolist(), recall.tolist()]
    columns += [positives.tolist(), np.nan_to_num(claimed).astype(int).tolist()]
    return TaggingMetrics(
        map=_mean(np.where(np.isnan(auc), math.nan, ap)),
        mauc=_mean(auc),
        dprime=d_prime(_mean(auc)),
        micro_f1=ratio(2 * float(hits.sum()), float((positives + claimed).sum())),
        macro_f1=_mean(f1),
        precision=ratio(float(hits.sum()), float(claimed.sum())),
        recall=ratio(float(hits.sum()), float(positives.sum())),
        clips=len(truth),
        classes=int((positives > 0).sum()),
        ranked=None if scores is None else int((~np.isnan(auc)).sum()),
        unranked=None if scores is None else int(np.isnan(auc).sum()),
        per_class={name: ClassTags(*row) for name, *row in zip(labels, *columns, strict=True)},
    )


def average_precision(reference: npt.NDArray[Any], scores: npt.NDArray[Any]) -> DoubleArray:
    """Average precision per class (classes,): sum over thresholds of precision times the recall gained.

    >>> average_precision(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.7]])).round(4)
    array([0.8333])
    """
    return _rankings(_binary("reference", reference), scores)[0]


def roc_auc(reference: npt.NDArray[Any], scores: npt.NDArray[Any]) -> DoubleArray:
    """Area under the ROC curve per class (classes,).

    It is the probability that a positive clip scores above a negative one, a tie counting one half.
    """
    return _rankings(_binary("reference", reference), scores)[1]


def d_prime(auc: float) -> float:
    """The distance of two unit normal distributions with this AUC; NaN of NaN, infinite at 0 and 1.

    >>> d_prime(0.5), round(d_prime(0.9), 4)
    (0.0, 1.8124)
    """
    if math.isnan(auc):
        return math.nan
    if auc in (0.0, 1.0):
        return math.copysign(math.inf, auc - 0.5)
    return math.sqrt(2) * NormalDist().inv_cdf(auc)


def _rankings(truth: BoolArray, scores: npt.NDArray[Any]) -> tuple[DoubleArray, DoubleArray]:
    """AP and AUC per class."""
    scores = np.asarray(scores)
    if scores.shape != truth.shape:
        raise ValueError(f"reference {truth.shape}, but scores {scores.shape}")
    both = np.full((2, truth.shape[1]), math.nan)
    for first in range(0, truth.shape[1], _BLOCK):
        block = slice(first, first + _BLOCK)
        columns = np.array(scores[:, block].T, order="C")  # (classes, clips): each class contiguous
        positives = [np.sort(column[held]) for column, held in zip(columns, truth[:, block].T, strict=True)]
        if np.isnan(columns.max(axis=1, initial=0.0)).any():
            raise ValueError("a score is NaN")
        counted = columns.dtype in (np.float32, np.float64) and columns.shape[1] >= _FEW and not _sorts_fast()
        if not counted:
            columns.sort(axis=1)
        place = _counted if counted else _places
        pairs = zip(positives, columns, strict=True)
        both[:, block] = np.transpose([_ranking(held, *place(held, column), len(truth)) for held, column in pairs])
    return both[0], both[1]


Places = tuple[IntArray, IntArray]  # of each positive clip: clips that score less, clips that score no more


def _places(positive: npt.NDArray[Any], every: npt.NDArray[Any]) -> Places:
    """Where the sorted scores of positive clips lie among the sorted scores of all clips.

    Sorting bare numbers is several times faster than argsort.
    """
    return np.searchsorted(every, positive, side="left"), np.searchsorted(every, positive, side="right")


def _counted(positive: npt.NDArray[Any], scores: npt.NDArray[Any]) -> Places:
    """`_places` among scores in any order, without sorting them all.

    They are counted in bins of one width; only clips in the bins of positive ones are sorted. Rounding makes bins a
    little wider or narrower, and never changes the order of two scores.
    """
    low, kind = scores.min(), scores.dtype.type
    span, largest = float(scores.max()) - float(low), float(np.finfo(kind).max)
    if not len(positive) or not _BINS / largest < span < largest:  # nothing to place, one score, or infinite ones
        return _places(positive, np.sort(scores))
    scale = kind((_BINS - 1) / span)
    bins = ((scores - low) * scale).astype(np.int32)
    own = ((positive - low) * scale).astype(np.int32)
    wanted = np.zeros(bins.max() + 1, np.bool_)
    wanted[own] = True
    sizes = np.bincount(bins)
    before = np.cumsum(sizes) - sizes  # clips in lower bins
    beside = np.sort(scores[wanted[bins]])
    sizes[~wanted] = 0
    passed = before - (np.cumsum(sizes) - sizes)  # clips in lower bins that are not among those
    below, to = _places(positive, beside)
    return below + passed[own], to + passed[own]


@cache
def _sorts_fast() -> bool:
    """Whether NumPy sorts with vector instructions, as it does where the processor has AVX2, AVX-512 or NEON.

    With them 20,000 scores take a tenth of a millisecond, else one; counting takes two tenths everywhere. The result
    is the same, so a wrong answer, on a busy machine, costs time alone.
    """
    scores = np.random.default_rng(0).random(16_384, np.float32)
    taken = []
    for _ in range(5):
        copy, begin = scores.copy(), time.perf_counter()
        copy.sort()
        taken.append(time.perf_counter() - begin)
    return min(taken) < _FAST_SORT


def _ranking(positive: npt.NDArray[Any], below: IntArray, to: IntArray, clips: int) -> tuple[float, float]:
    """AP and AUC of one class from the sorted scores of its positive clips and their places among all clips.

    Recall only grows at the score of a positive clip, so with s running over the positives
        AP  = mean of (positives with s or more) / (clips with s or more)
        AUC = mean of (negatives below s + half the negatives at s) / negatives
    which needs places, and no order of the clips.
    """
    negatives = clips - positive.size
    if not positive.size:
        return math.nan, math.nan
    own_below, own_to = _places(positive, positive)
    ap = float(np.mean((positive.size - own_below) / (clips - below)))
    if not negatives:
        return ap, math.nan
    return ap, float((below - own_below + to - own_to).sum()) / (2 * positive.size * negatives)


def _binary(name: str, values: npt.NDArray[Any]) -> BoolArray:
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"{name} must be (clips, classes), got {values.shape}")
    if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} must contain only 0 and 1; are these scores instead of decisions?")
    return values.astype(np.bool_)


def _counts(truth: BoolArray, estimated: npt.NDArray[Any]) -> tuple[DoubleArray, DoubleArray]:
    """Tags rightly given and tags given, per class."""
    given = _binary("estimated", estimated)
    if given.shape != truth.shape:
        raise ValueError(f"reference {truth.shape}, but estimated {given.shape}")
    return (truth & given).sum(axis=0).astype(np.float64), given.sum(axis=0).astype(np.float64)


def _mean(values: DoubleArray) -> float:
    return float(mean_of_known(values))
