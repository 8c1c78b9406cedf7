"""Statistics to resample that are made of sums of counts by recording: segment, event, intersection.

The counts of a recording are what the metric says of that recording alone, over the labels that occur in it. Sums of
counts over the recordings of a draw are one matrix product, weights @ counts; over all recordings, each once, they
are the counts of the metric itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from earmark.labels import Labels
from earmark.metrics.bootstrap import Figures, Statistic
from earmark.metrics.columns import EventLists, FloatArray, Unknown, pair
from earmark.metrics.event import EventMetrics
from earmark.metrics.intersection import IntersectionMetrics, intersection_metrics
from earmark.metrics.segment import SegmentMetrics

Metrics = SegmentMetrics | EventMetrics | IntersectionMetrics


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts by recording; the columns of `overall` and the last axis of `per_class` are found, claimed, reference,
    errors.

    `claimed` is what precision divides by: found plus false.
    """

    overall: FloatArray  # (recordings, 4)
    per_class: FloatArray  # (recordings, classes, 4)


def counts_statistic(
    metric: Callable[..., Metrics],
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    *,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
    **options: Any,
) -> tuple[Statistic, int]:
    """F1, precision, recall and error rate of a metric, to be resampled; and the number of recordings.

    `metric`: `segment_metrics`, `event_metrics` or `intersection_metrics` (macro and micro F1), with its `options`.

    >>> from earmark.events import Event
    >>> from earmark.metrics.segment import segment_metrics
    >>> events = {"a": [Event(0.0, 1.0, "dog")], "b": []}
    >>> statistic, recordings = counts_statistic(segment_metrics, events, events, Labels(["dog"]))
    >>> statistic(np.array([[2.0, 0.0], [0.0, 2.0]])).overall["f1"]
    array([ 1., nan])
    """
    unknown = {"unknown_labels": unknown_labels, "unknown_recordings": unknown_recordings}
    names = pair(reference, estimated, labels, unknown_labels, unknown_recordings).recordings
    one = partial(metric, **options, **unknown)
    counts = _counts(one, reference, estimated, labels, names)
    figures = _intersection_figures if metric is intersection_metrics else _figures
    return lambda weights: figures(counts, weights), len(names)


def _counts(
    one: Callable[..., Metrics],
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    names: tuple[str, ...],
) -> Counts:
    overall = np.zeros((len(names), 4))
    per_class = np.zeros((len(names), len(labels), 4))
    for row, name in enumerate(names):
        sides = reference.get(name, ()), estimated.get(name, ())
        heard = {event.label for side in sides for event in side}
        if not heard:
            continue
        here = Labels(label for label in labels if label in heard)
        found = one({name: sides[0]}, {name: sides[1]}, here)
        substitutions = 0 if isinstance(found, IntersectionMetrics) else found.substitutions
        true = found.reference - found.deletions - substitutions
        false = found.insertions + substitutions
        overall[row] = true, true + false, found.reference, found.deletions + false
        for label, part in found.per_class.items():
            true = part.reference - part.deletions
            errors = part.deletions + part.insertions
            per_class[row, labels.index(label)] = true, true + part.insertions, part.reference, errors
    return Counts(overall, per_class)


def _sums(counts: Counts, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Summed counts (4, resamples) and (4, resamples, classes)."""
    classes = counts.per_class.shape[1]
    per_class = weights @ counts.per_class.reshape(len(counts.overall), -1)
    return (weights @ counts.overall).T, np.moveaxis(per_class.reshape(len(weights), classes, 4), -1, 0)


def _rates(sums: FloatArray) -> dict[str, FloatArray]:
    found, claimed, reference, errors = sums
    f1 = divide(2 * found, np.where((claimed > 0) & (reference > 0), claimed + reference, 0))
    return {
        "f1": f1,
        "precision": divide(found, claimed),
        "recall": divide(found, reference),
        "error_rate": divide(errors, reference),
    }


def _figures(counts: Counts, weights: FloatArray) -> Figures:
    return Figures(*(_rates(sums) for sums in _sums(counts, weights)))


def _intersection_figures(counts: Counts, weights: FloatArray) -> Figures:
    """A class that is there and never reported has F1 0 here."""
    parts = []
    for sums in _sums(counts, weights):
        found, claimed, reference, _ = sums
        parts.append(_rates(sums) | {"f1": divide(2 * found, np.where(reference > 0, claimed + reference, 0))})
    overall, per_class = parts
    macro = mean_of_known(per_class["f1"])
    return Figures({"macro_f1": macro, "micro_f1": overall.pop("f1"), **overall}, per_class)


def divide(part: FloatArray, whole: FloatArray) -> FloatArray:
    """The quotient part / whole; NaN where there is no whole."""
    quotient = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient


def mean_of_known(values: FloatArray) -> FloatArray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))
