"""Confidence intervals: how far a figure would move had other recordings been drawn.

The bootstrap over recordings (Efron 1979): draw as many recordings with replacement as there are, compute the figure
anew, many times; the interval holds the middle `confidence` share of what comes out (percentile method).
Events of one recording depend on each other, so recordings are drawn, never events.

A draw is a row of weights, how often each recording came: a `Statistic` takes weights (resamples, recordings)
and gives `Figures`, so that all draws are computed at once. `statistics` makes them.

Two systems on the same recordings are compared on the same draws (`paired_intervals`): what makes a draw hard makes
it hard for both, and the difference is much surer than either figure. Its interval keeping clear of 0 is what
says that one is better. A figure that a draw does not have (a class without events in it) is left out of the
interval; weights, and so intervals, follow from the seed. One recording alone has no interval (NaN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from earmark.arrays import DoubleArray
from earmark.metrics.rates import to_json

_WEIGHTS_AT_ONCE = 2**22  # bounds memory


@dataclass(frozen=True)
class Resampling:
    """How to draw."""

    resamples: int = 1000
    confidence: float = 0.95  # share of the draws that the interval holds
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.confidence < 1:
            raise ValueError(f"at least one resample and a confidence between 0 and 1, got {self}")

    def weights(self, recordings: int) -> Iterator[DoubleArray]:
        """How often each recording is drawn, in blocks (resamples, recordings); rows sum to `recordings`."""
        random = np.random.default_rng(self.seed)
        block = max(1, _WEIGHTS_AT_ONCE // max(recordings, 1))
        for first in range(0, self.resamples, block):
            rows = min(block, self.resamples - first)
            drawn = random.integers(recordings, size=(rows, recordings)) if recordings else np.zeros((rows, 0), int)
            cells = (drawn + np.arange(rows)[:, None] * recordings).ravel()
            yield np.bincount(cells, minlength=rows * recordings).reshape(rows, recordings).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of some draws, NaN where a draw has none."""

    overall: dict[str, DoubleArray]  # (resamples,)
    per_class: dict[str, DoubleArray]  # (resamples, classes)


Statistic = Callable[[DoubleArray], Figures]


@dataclass(frozen=True, eq=False)
class Interval:
    """A figure of all recordings and what the draws made of it; arrays () or (classes,)."""

    value: DoubleArray
    low: DoubleArray
    high: DoubleArray


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals by name of the figure."""

    overall: dict[str, Interval]
    per_class: dict[str, Interval]

    def to_json(self, labels: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """{figure: [low, high]} overall, and {label: {figure: [low, high]}}; None for NaN."""
        overall = {name: [part.low.item(), part.high.item()] for name, part in self.overall.items()}
        per_class = {
            label: {name: [part.low[i].item(), part.high[i].item()] for name, part in self.per_class.items()}
            for i, label in enumerate(labels)
        }
        return cast(dict[str, Any], to_json(overall)), cast(dict[str, Any], to_json(per_class))


def intervals(statistic: Statistic, recordings: int, resampling: Resampling | None = None) -> Intervals:
    """Each figure with its interval over draws of `recordings` recordings.

    >>> right = np.array([1.0, 1, 1, 0])
    >>> share = lambda weights: Figures({"share": weights @ right / 4}, {})
    >>> found = intervals(share, 4, Resampling(seed=1)).overall["share"]
    >>> found.value.item(), found.low.item(), found.high.item()
    (0.75, 0.25, 1.0)
    """
    return _intervals([statistic], recordings, resampling or Resampling())


def paired_intervals(
    first: Statistic, second: Statistic, recordings: int, resampling: Resampling | None = None
) -> Intervals:
    """Each figure of `first` minus that of `second`, both on the same draws.

    The statistics must be of the same recordings in the same order.
    """
    return _intervals([first, second], recordings, resampling or Resampling())


def _intervals(statistics: Sequence[Statistic], recordings: int, resampling: Resampling) -> Intervals:
    whole = _difference([statistic(np.ones((1, recordings))) for statistic in statistics])
    draws = [
        _difference([statistic(weights) for statistic in statistics]) for weights in resampling.weights(recordings)
    ]
    tail = (1 - resampling.confidence) / 2

    def interval(value: DoubleArray, samples: list[DoubleArray]) -> Interval:
        if recordings < 2:  # all draws are one and the same: they say nothing
            blank = np.full_like(value[0], np.nan)
            return Interval(value[0], blank, blank)
        ordered = np.sort(np.concatenate(samples), axis=0)  # NaN last
        return Interval(value[0], _quantile(ordered, tail), _quantile(ordered, 1 - tail))

    return Intervals(
        {name: interval(value, [draw.overall[name] for draw in draws]) for name, value in whole.overall.items()},
        {name: interval(value, [draw.per_class[name] for draw in draws]) for name, value in whole.per_class.items()},
    )


def _difference(figures: Sequence[Figures]) -> Figures:
    if len(figures) == 1:
        return figures[0]
    one, other = figures
    with np.errstate(invalid="ignore"):  # both may be infinite (d-prime); their difference is not defined then
        return Figures(
            {name: value - other.overall[name] for name, value in one.overall.items()},
            {name: value - other.per_class[name] for name, value in one.per_class.items()},
        )


def _quantile(ordered: DoubleArray, share: float) -> DoubleArray:
    """Quantile over the first axis, linear between neighbours, of what is not NaN; NaN where nothing is."""
    count = (~np.isnan(ordered)).sum(axis=0, keepdims=True)
    place = share * np.maximum(count - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = np.take_along_axis(ordered, below, axis=0), np.take_along_axis(ordered, above, axis=0)
    part = np.broadcast_to(place - below, low.shape)
    gap = np.subtract(high, low, out=np.zeros_like(low), where=high > low)  # an infinite d-prime may be among them
    return np.asarray((low + np.multiply(gap, part, out=np.zeros_like(low), where=part > 0))[0])
