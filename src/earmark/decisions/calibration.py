"""Calibration: rising maps that make a score of 0.7 be right about seven times in ten.

Platt scaling  p' = sigmoid(slope * logit(p) + intercept), two numbers a class (J. Platt, 1999), fitted by
    maximum likelihood with Platt's smoothed targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2), so that perfectly
    parted scores do not send the slope to infinity. Differs from Platt in: works on the logit of the score,
    as ours are probabilities, and never falls (a negative slope becomes 0: the base rate for all).
Isotonic       the best rising staircase (pool adjacent violators), linear between the middles of its steps;
    needs more data, bends as it must.

Scores and references are (clips,) for one class; maps are frozen and go into the operating point. Equal scores are
fitted as one; of very many (the frames of a collection) neighbours are, in some thousand groups.

Reliability says whether a score means what it says. Per class the clips are sorted into equal bins of score; in each
bin the mean score should equal the share of clips that do carry the label. The expected calibration error (ECE) is the
mean distance of the two, weighted by the bins' clips. References and scores are (clips, classes); bin `b` of `n` holds
scores in [b/n, (b+1)/n), the last also 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from earmark.arrays import BoolArray, FloatArray

_Wide = npt.NDArray[np.float64]
_EDGE = 1e-7  # scores nearer to 0 or 1 count as this near: float32 has no more to say
_GROUPS = 4096  # distinct scores that are fitted as they are


class Platt(BaseModel):
    """A logistic map of the logit.

    >>> Platt(slope=1, intercept=0).apply(np.float32([0.25, 0.75])).tolist()
    [0.25, 0.75]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: Literal["platt"] = "platt"
    slope: Annotated[float, Field(ge=0)]
    intercept: float

    def apply(self, scores: FloatArray) -> FloatArray:
        """Calibrated scores of the same shape."""
        return _sigmoid(self.slope * _logit(scores) + self.intercept).astype(np.float32)


class Isotonic(BaseModel):
    """A rising line through points, flat beyond the outer ones.

    >>> Isotonic(x=(0.0, 1.0), y=(0.0, 0.5)).apply(np.float32([0.5])).tolist()
    [0.25]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: Literal["isotonic"] = "isotonic"
    x: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    y: tuple[Annotated[float, Field(ge=0, le=1)], ...]

    @model_validator(mode="after")
    def _rising(self) -> Isotonic:
        if not self.x or len(self.x) != len(self.y) or np.any(np.diff(self.x) <= 0) or np.any(np.diff(self.y) < 0):
            raise ValueError("x and y must have the same length, x increasing and y not decreasing")
        return self

    def apply(self, scores: FloatArray) -> FloatArray:
        """Calibrated scores of the same shape."""
        return np.interp(scores, self.x, self.y).astype(np.float32)


Calibration = Annotated[Platt | Isotonic, Field(discriminator="kind")]


def fit_platt(reference: BoolArray, scores: FloatArray, *, steps: int = 50) -> Platt:
    """Fit by Newton's method; reference and scores (clips,). Without any clip: the identity."""
    _check(reference, scores)
    if not len(scores):
        return Platt(slope=1.0, intercept=0.0)
    x, hits, count = _groups(reference, scores)
    positive, negative = hits.sum(), (count - hits).sum()
    target = (hits * (positive + 1) / (positive + 2) + (count - hits) / (negative + 2)) / count
    design = np.stack([_logit(x), np.ones(len(x))], axis=1)
    weights = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    loss = _loss(design @ weights, target, count)
    for _ in range(steps):
        guess = _sigmoid(design @ weights)
        gradient = design.T @ (count * (guess - target))
        bend = design.T @ (design * (count * guess * (1 - guess))[:, None]) + 1e-9 * np.eye(2)
        move = np.linalg.solve(bend, gradient)
        while (found := _loss(design @ (weights - move), target, count)) > loss and np.abs(move).max() > 1e-12:
            move /= 2  # Newton may overshoot where the curve is flat
        if loss - found < 1e-12 * len(scores):
            break
        weights, loss = weights - move, found
    if weights[0] < 0:
        return Platt(slope=0.0, intercept=float(_logit(np.array([np.average(target, weights=count)]))[0]))
    return Platt(slope=float(weights[0]), intercept=float(weights[1]))


def fit_isotonic(reference: BoolArray, scores: FloatArray) -> Isotonic:
    """Fit by pooling adjacent violators; equal scores are one point. Without any clip: the identity."""
    _check(reference, scores)
    if not len(scores):
        return Isotonic(x=(0.0, 1.0), y=(0.0, 1.0))
    x, hits, count = _groups(reference, scores)
    blocks: list[list[float]] = []  # [hits, clips, weighted score] of each step of the staircase
    for hit, clips, score in zip(hits.tolist(), count.tolist(), x.tolist(), strict=True):
        blocks.append([hit, clips, score * clips])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    middles = [min(max(score / clips, 0.0), 1.0) for _, clips, score in blocks]
    return Isotonic(x=tuple(middles), y=tuple(hit / clips for hit, clips, _ in blocks))


def _check(reference: BoolArray, scores: FloatArray) -> None:
    if reference.shape != scores.shape or reference.ndim != 1:
        raise ValueError(f"expected one reference per score, got reference {reference.shape}, scores {scores.shape}")


def _groups(reference: BoolArray, scores: FloatArray) -> tuple[_Wide, _Wide, _Wide]:
    """Distinct scores rising, hits and number of each; where there are too many, of neighbours together."""
    x, place = np.unique(scores.astype(np.float64), return_inverse=True)
    hits = np.asarray(np.bincount(place, weights=reference), dtype=np.float64)
    count = np.bincount(place).astype(np.float64)
    if len(x) <= _GROUPS:
        return x, hits, count
    group = ((np.cumsum(count) - count) * (_GROUPS / count.sum())).astype(np.int64)  # about as many scores in each
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    total = np.add.reduceat(count, heads)
    return np.add.reduceat(x * count, heads) / total, np.add.reduceat(hits, heads), total


def _logit(scores: npt.NDArray[np.floating]) -> _Wide:
    inside = np.clip(scores.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _sigmoid(values: _Wide) -> _Wide:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))  # no overflow at either end


def _loss(values: _Wide, target: _Wide, count: _Wide) -> float:
    return float(np.sum(count * (np.logaddexp(0, values) - target * values)))


@dataclass(frozen=True)
class Reliability:
    """The reliability of one label; four tuples, one entry a bin. Empty bins hold None."""

    label: str
    edges: tuple[float, ...]  # bins + 1
    counts: tuple[int, ...]
    mean_score: tuple[float | None, ...]
    observed: tuple[float | None, ...]  # share of the bin's clips that carry the label
    ece: float  # 0 is perfect; 0 without clips


def reliability(reference: BoolArray, scores: FloatArray, labels: Iterable[str], bins: int = 10) -> list[Reliability]:
    """The table of each label; `ValueError` where shapes disagree.

    >>> table = reliability(np.array([[True], [False]]), np.float32([[0.75], [0.75]]), ["dog"], bins=2)
    >>> table[0].counts, table[0].observed, table[0].ece
    ((0, 2), (None, 0.5), 0.25)
    """
    names = list(labels)
    if reference.shape != scores.shape or reference.shape[1:] != (len(names),):
        raise ValueError(f"{len(names)} labels, but reference {reference.shape} and scores {scores.shape}")
    return [_one(name, reference[:, c], scores[:, c].astype(np.float64), bins) for c, name in enumerate(names)]


def _one(label: str, reference: BoolArray, scores: npt.NDArray[np.float64], bins: int) -> Reliability:
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    score_sum = np.bincount(place, weights=scores, minlength=bins)
    hits = np.bincount(place, weights=reference, minlength=bins)
    filled = counts > 0
    ece = float(np.abs(score_sum - hits).sum() / max(len(scores), 1))  # = sum n_b/n * |mean_b - rate_b|
    return Reliability(
        label=label,
        edges=tuple((np.arange(bins + 1) / bins).tolist()),
        counts=tuple(counts.tolist()),
        mean_score=tuple(float(s / n) if ok else None for s, n, ok in zip(score_sum, counts, filled, strict=True)),
        observed=tuple(float(h / n) if ok else None for h, n, ok in zip(hits, counts, filled, strict=True)),
        ece=ece,
    )
