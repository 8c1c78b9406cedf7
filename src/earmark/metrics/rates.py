"""Precision, recall, F1 and error rate from counts; what has no denominator is NaN.

With `tp` true positives among `estimated` that were claimed and `reference` that were there:

    precision = tp / estimated    recall = tp / reference    F1 = 2 precision recall / (precision + recall)
    error rate = (substitutions + deletions + insertions) / reference

As in sed_eval, F1 is NaN where precision or recall is: an empty estimate has no precision, and so no F1, while
its error rate is 1. Paper: Mesaros, Heittola, Virtanen 2016, "Metrics for polyphonic sound event detection",
Applied Sciences 6(6):162.

`divide`, `mean_of_known` and `sum_by` are the same over arrays.
"""

from __future__ import annotations

import math
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray


def ratio(part: float, whole: float) -> float:
    """The quotient part / whole; NaN where there is no whole."""
    return part / whole if whole else math.nan


def f1_score(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; 0 where both are 0, NaN where either is.

    >>> f1_score(0.5, 1.0), f1_score(0.0, 0.0), f1_score(math.nan, 0.0)
    (0.6666666666666666, 0.0, nan)
    """
    if precision == 0 and recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def class_rates(tp: int, reference: int, estimated: int) -> tuple[float, float, float, float, int, int, int, int]:
    """F1, precision, recall, error rate, deletions, insertions, reference and estimated of one class.

    A class alone has no substitutions.
    """
    precision, recall = ratio(tp, estimated), ratio(tp, reference)
    deletions, insertions = reference - tp, estimated - tp
    error_rate = ratio(deletions + insertions, reference)
    return f1_score(precision, recall), precision, recall, error_rate, deletions, insertions, reference, estimated


def divide(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> DoubleArray:
    """The quotients part / whole, broadcast; NaN where there is no whole."""
    quotient = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient


def mean_of_known(values: DoubleArray) -> DoubleArray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def sum_by(index: npt.NDArray[np.int64], values: DoubleArray, size: int) -> DoubleArray:
    """Sums (size,) of the values of each index."""
    return np.asarray(np.bincount(index, weights=values, minlength=size), dtype=np.float64)


def to_json(value: object) -> object:
    """A result as plain dicts, lists and numbers that JSON can hold: NaN and infinity become null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
