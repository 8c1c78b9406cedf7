"""From steps to curves: the PSD-ROC of each class, their mean, and the area beneath.

    eFPR = false positives per unit of time + alpha_ct * mean over other classes of (cross triggers per unit of that
           class's reference time)
    TPR  = events found / reference events
    mean curve: effective TPR = max(0, mean over classes - alpha_st * standard deviation over classes)
    PSDS = area beneath the mean curve up to max_efpr, divided by max_efpr

An operating point is a score that the threshold falls below. Curves are staircases: the TPR at an eFPR is the best
of all operating points that have no more. All arrays (points,), eFPR rising.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray
from earmark.metrics.psd_curves import Truth, Values
from earmark.metrics.rates import sum_by
from earmark.metrics.threshold_steps import CROSS, FALSE, TRUE, Steps

_CELLS_AT_ONCE = 2**22  # bounds memory where all curves are read at all their corners
_SAME = 1e-12  # of the largest rate: sums of cross trigger weights nearer than this are the same number


@dataclass(frozen=True)
class PsdsOptions:
    """Which PSDS; the defaults are those of PSDS1."""

    dtc: float = 0.7  # detection tolerance criterion
    gtc: float = 0.7  # ground truth intersection criterion
    cttc: float = 0.3  # cross trigger tolerance criterion; without effect where alpha_ct is 0
    alpha_ct: float = 0.0  # weight of cross triggers
    alpha_st: float = 1.0  # weight of the standard deviation over classes
    max_efpr: float = 100.0  # effective false positives per unit of time up to which the area is taken
    unit: float = 3600.0  # seconds in a unit of time

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in (self.dtc, self.gtc, self.cttc)):
            raise ValueError(f"criteria are shares above 0 and up to 1, got {self}")
        if not (self.alpha_ct >= 0 and self.alpha_st >= 0 and 0 < self.max_efpr < np.inf and 0 < self.unit < np.inf):
            raise ValueError(f"weights must be 0 or more, max_efpr and unit finite and above 0, got {self}")


PSDS1 = PsdsOptions()
PSDS2 = PsdsOptions(dtc=0.1, gtc=0.1, alpha_ct=0.5)


@dataclass(frozen=True, eq=False)
class Roc:
    """The corners of a staircase."""

    efpr: DoubleArray  # effective false positives per unit of time
    tpr: DoubleArray  # share of events found; effective TPR in the mean curve
    threshold: DoubleArray  # score that the threshold has to fall below; empty in the mean curve

    def area(self, max_efpr: float) -> float:
        """Area up to `max_efpr`, divided by it: 1 for a curve that is 1 from the start.

        >>> Roc(np.array([0.0, 50]), np.array([0.2, 0.8]), np.zeros(0)).area(100)
        0.5
        """
        if not len(self.tpr):
            return float("nan")
        widths = np.diff(np.minimum(self.efpr, max_efpr), append=max_efpr)
        return float(self.tpr @ widths) / max_efpr


@dataclass(frozen=True, eq=False)
class Rates:
    """What counts are divided by; arrays (columns,)."""

    events: DoubleArray  # reference events
    seconds: DoubleArray  # of reference events
    duration: float  # seconds of all recordings
    unit: float  # seconds
    alpha_ct: float

    def cross_weights(self) -> DoubleArray:
        """What one cross trigger with each class adds to the eFPR."""
        there = self.events > 0
        weights = np.zeros(len(self.events))
        weights[there] = self.alpha_ct / max(int(there.sum()) - 1, 1) / self.seconds[there] * self.unit
        return weights


def order_steps(steps: Steps) -> Steps:
    """By column, then from the highest score down."""
    return steps.where(np.lexsort((-steps.score, steps.column)))


def class_rocs(
    steps: Steps, truth: Truth, options: PsdsOptions, duration: float, weights: DoubleArray | None = None
) -> list[Roc | None]:
    """The curve of each of the truth's classes up to `options.max_efpr`; None for one without events.

    `steps` must be in the order of `order_steps`. `duration`: seconds of all recordings together. `weights`
    (recordings,) says how often each recording counts, its steps and its events (`duration` then must be that of the
    weighted recordings); None: each once.
    """
    columns, label = len(truth.labels), truth.events.label
    drawn = np.ones(len(label)) if weights is None else weights[truth.events.recording]
    count, seconds = sum_by(label, drawn, columns), sum_by(label, drawn * truth.seconds, columns)
    amount = steps.amount if weights is None else steps.amount * weights[steps.recording]
    rates = Rates(count, seconds, duration, options.unit, options.alpha_ct)
    bounds = np.searchsorted(steps.column, np.arange(columns + 1))
    rocs = list[Roc | None]()
    for column in range(columns):
        of = slice(bounds[column], bounds[column + 1])
        roc = class_roc(steps.score[of], steps.kind[of], amount[of], count[column], rates) if count[column] else None
        rocs.append(roc and cut(roc, options.max_efpr))
    return rocs


def class_roc(
    score: Values, kind: npt.NDArray[np.integer], amount: npt.NDArray[np.number], events: float, rates: Rates
) -> Roc:
    """The curve of one class from its steps (steps,), highest score first; `events` is how many it has."""
    ends = np.flatnonzero(np.append(score[1:] != score[:-1], True)[: len(score)])
    true = np.cumsum(np.where(kind == TRUE, amount, 0))[ends]
    false = np.cumsum(np.where(kind == FALSE, amount, 0))[ends]
    efpr = false / rates.duration * rates.unit
    if rates.alpha_ct:
        weights = np.concatenate((np.zeros(CROSS), rates.cross_weights()))
        cross = np.cumsum(weights[kind] * amount)[ends]
        efpr = efpr + np.where(cross > _SAME * weights.max(), cross, 0.0)
    return _staircase(
        np.append(0.0, efpr), np.append(0.0, true / max(events, 1)), np.append(np.inf, score[ends]).astype(np.float64)
    )


def _staircase(efpr: DoubleArray, tpr: DoubleArray, threshold: DoubleArray) -> Roc:
    """Operating points -> those that find more than all with no more false positives."""
    order = np.lexsort((tpr, efpr))
    efpr, tpr, threshold = efpr[order], tpr[order], threshold[order]
    best = np.maximum.accumulate(tpr)
    rises = np.append(True, best[1:] > best[:-1])
    efpr, tpr, threshold = efpr[rises], tpr[rises], threshold[rises]
    last = np.append(efpr[1:] != efpr[:-1], True)
    return Roc(efpr[last], tpr[last], threshold[last])


def cut(roc: Roc, max_efpr: float) -> Roc:
    """The corners up to `max_efpr`."""
    stop = int(np.searchsorted(roc.efpr, max_efpr, side="right"))
    return Roc(roc.efpr[:stop], roc.tpr[:stop], roc.threshold[:stop])


def mean_roc(curves: Iterable[Roc | None], alpha_st: float) -> Roc:
    """The mean curve over the classes that have one, less what they differ; none without classes."""
    rocs = [roc for roc in curves if roc is not None]
    efpr = np.unique(np.concatenate([np.zeros(0), *(roc.efpr for roc in rocs)]))
    tpr = np.empty(len(efpr))
    block = max(1, _CELLS_AT_ONCE // max(len(rocs), 1))
    for first in range(0, len(efpr), block):
        at = efpr[first : first + block]
        read = np.array([roc.tpr[np.searchsorted(roc.efpr, at, side="right") - 1] for roc in rocs])
        tpr[first : first + block] = np.maximum(read.mean(axis=0) - alpha_st * read.std(axis=0), 0.0)
    return Roc(efpr, tpr, np.zeros(0))
