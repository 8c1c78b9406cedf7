"""What verdicts of a person on detected events say of a threshold: precision at each, with intervals, and calibration.

Scores (events,) are those of all events of one label; verdicts are True (right), False (wrong) or None (not judged).
As an event's score is the largest value of its curve, an `onset` of t keeps exactly the events that score t or more.

Few of many events are judged, and not evenly over the scores. So the events are cut by score into strata of about
equal size, and each judged event stands for its share of its stratum: weight N_h / n_h (post-stratification; Cochran,
"Sampling Techniques", 1977, section 5A.9). The precision is the weighted share of right events, its interval is
Wilson's (1927) with Kish's effective number of events (sum w)^2 / sum w^2 (L. Kish, "Survey Sampling", 1965). Where all
events are judged the weights are 1 and the interval is Wilson's own.

`spread`        an order in which the judged events lie evenly over all scores, wherever one stops
`precision`     the precision of the events from a threshold up
`curve`         the same at every threshold worth asking
`threshold_for` the lowest threshold that reaches a precision
`trust`         bins of scores with the share of right events, and a calibration map
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earmark.arrays import DoubleArray
from earmark.decisions.calibration import Platt, fit_platt

STRATA = 8  # at most
_EACH = 5  # judged events that a stratum should hold
_Z = 1.959964  # of a 95 % interval
_CURVE = 60  # thresholds of a curve at most

Verdict = bool | None


@dataclass(frozen=True)
class Precision:
    """Of the events that score `threshold` or more: how many there are, were judged, were right, and the precision."""

    threshold: float
    events: int
    judged: int
    right: int
    value: float | None = None  # None: nothing was judged
    low: float | None = None  # of the 95 % interval
    high: float | None = None


@dataclass(frozen=True)
class Bin:
    """Judged events between two scores."""

    low: float
    high: float
    judged: int
    score: float  # mean
    share: float  # of right events
    share_low: float  # Wilson's interval
    share_high: float


def spread(count: int) -> list[int]:
    """The ranks 0 .. count - 1 in an order whose every beginning is spread evenly (van der Corput, 1935, base 2).

    >>> spread(5)
    [0, 4, 2, 1, 3]
    """
    if count < 3:
        return list(range(count))
    order, seen = [0, count - 1], {0, count - 1}
    width = 1
    while len(order) < count:
        width *= 2
        for part in range(1, width, 2):
            rank = round(part * (count - 1) / width)
            if rank not in seen:
                seen.add(rank)
                order.append(rank)
        if width > 4 * count:
            order += [rank for rank in range(count) if rank not in seen]
            break
    return order[:count]


def precision(scores: Sequence[float], verdicts: Sequence[Verdict], threshold: float = 0.0) -> Precision:
    """The precision of the events that score `threshold` or more.

    >>> found = precision([0.9, 0.8, 0.3], [True, True, False], 0.5)
    >>> found.judged, found.value, round(found.low, 3)
    (2, 1.0, 0.342)
    """
    kept = [(score, verdict) for score, verdict in zip(scores, verdicts, strict=True) if score >= threshold]
    kept.sort(key=lambda each: each[0])
    judged = [(place, bool(verdict)) for place, (_, verdict) in enumerate(kept) if verdict is not None]
    right = sum(verdict for _, verdict in judged)
    if not judged:
        return Precision(threshold, len(kept), 0, 0)
    weights = _weights(len(kept), [place for place, _ in judged])
    value = float(weights @ np.array([verdict for _, verdict in judged], np.float64) / weights.sum())
    low, high = wilson(value, float(weights.sum() ** 2 / (weights**2).sum()))
    return Precision(threshold, len(kept), len(judged), right, value, low, high)


def _weights(count: int, judged: Sequence[int]) -> DoubleArray:
    """How many of `count` events each judged one stands for; `judged` are places by rising score, ascending."""
    strata = max(1, min(STRATA, len(judged) // _EACH))
    groups = np.array_split(np.asarray(judged), strata)  # cut where the judged events lie, so that none is empty
    ends = [
        0,
        *((int(one[-1]) + int(other[0]) + 1) // 2 for one, other in itertools.pairwise(groups)),
        count,
    ]
    return np.concatenate(
        [
            np.full(len(group), (last - first) / len(group))
            for group, (first, last) in zip(groups, itertools.pairwise(ends), strict=True)
        ]
    )


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share of `count` trials.

    >>> [round(end, 3) for end in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def curve(scores: Sequence[float], verdicts: Sequence[Verdict]) -> list[Precision]:
    """The precision at the scores of the judged events, by rising threshold; at most some sixty of them."""
    judged = sorted({score for score, verdict in zip(scores, verdicts, strict=True) if verdict is not None})
    if len(judged) > _CURVE:
        judged = [judged[place] for place in np.linspace(0, len(judged) - 1, _CURVE).round().astype(int)]
    return [precision(scores, verdicts, threshold) for threshold in judged]


def threshold_for(scores: Sequence[float], verdicts: Sequence[Verdict], wanted: float = 0.9) -> Precision | None:
    """The lowest threshold from which the precision is `wanted` or more and stays so; None where none is.

    >>> threshold_for([0.9, 0.8, 0.7, 0.6], [True, True, False, False]).threshold
    0.8
    """
    best = None
    for point in reversed(curve(scores, verdicts)):
        if point.value is None or point.value < wanted:
            break
        best = point
    return best


def trust(scores: Sequence[float], verdicts: Sequence[Verdict], bins: int = 8) -> tuple[list[Bin], Platt | None]:
    """Bins of judged events, about as many in each, and a logistic map from scores to the chance to be right.

    The map is None where all judged events agree, or none was judged.
    """
    judged = sorted((score, verdict) for score, verdict in zip(scores, verdicts, strict=True) if verdict is not None)
    if not judged:
        return [], None
    score = np.array([each for each, _ in judged], np.float32)
    right = np.array([each for _, each in judged], bool)
    found = []
    for part in np.array_split(np.arange(len(judged)), max(1, min(bins, len(judged) // _EACH))):
        share = float(right[part].mean())
        ends = wilson(share, len(part))
        mean = float(score[part].mean())
        found.append(Bin(float(score[part[0]]), float(score[part[-1]]), len(part), mean, share, *ends))
    return found, fit_platt(right, score) if right.any() and not right.all() else None
