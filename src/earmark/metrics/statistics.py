"""Figures of weighted recordings: what the bootstrap resamples (see `bootstrap`).

`counts_statistic`   segment-, event- and intersection-based figures
`tagging_statistic`  F1s, mAP, mAUC, d-prime
`psds_statistic`     PSDS of frame scores; also `psds_metrics_statistic` (PSDS1 and PSDS2), `psds_of_events_statistic`

Counts. The counts of a recording are what the metric says of that recording alone, over the labels that occur in it.
Sums of counts over the recordings of a draw are one matrix product, weights @ counts; over all recordings, each once,
they are the counts of the metric itself.

Tags. A class is sorted once by score; a draw then only weighs the clips. With the clips of one score taken together,
at group g of falling scores, P and N the weights of positives and negatives, p_g and n_g those in the group:

    AP  = sum over g of p_g / P * (p_1 + ... + p_g) / (p_1 + ... + p_g + n_1 + ... + n_g)
    AUC = sum over g of p_g / P * (n_g / 2 + n_{g+1} + n_{g+2} + ...) / N

which for weights 1 are the numbers of `tagging`.

PSDS. The steps of all recordings are found and sorted once; a draw weighs them (a recording drawn twice counts its
steps, its events and its duration twice), the sums and the curves follow anew. Classes without reference events in a
draw take no part in it.

Steps are kept above a floor that allows for twice the false positives (see `psds`). A draw that would need more,
because it happens to miss the recordings with false positives, is noticed, and all steps are then found without a
floor.

A PSDS that subtracts the standard deviation over classes (alpha_st > 0) tends to come out lower in a draw than in all
recordings, as classes differ more in a draw: the percentile interval leans down, most where events are few. A paired
difference of two systems leans much less, as both do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray, IntArray
from earmark.labels import Labels
from earmark.metrics.bootstrap import Figures, Statistic
from earmark.metrics.columns import EventLists, Unknown, pair
from earmark.metrics.event import EventMetrics, event_metrics
from earmark.metrics.intersection import IntersectionMetrics, intersection_metrics
from earmark.metrics.psd_curves import CurveSource, EventSource, ScoreSource, truth_of
from earmark.metrics.psd_roc import PSDS1, PSDS2, PsdsOptions, class_rocs, mean_roc, order_steps
from earmark.metrics.psds import Found, collect_steps
from earmark.metrics.rates import divide, mean_of_known
from earmark.metrics.segment import SegmentMetrics
from earmark.metrics.tagging import d_prime
from earmark.scores import Scores

_DRAWS_AT_ONCE = 32  # rows of that many weights stay in the processor's cache
_EXACT = 2**24  # whole numbers below are exact in float32

Metrics = SegmentMetrics | EventMetrics | IntersectionMetrics


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts by recording; the columns of `overall` and the last axis of `per_class` are found, claimed, reference,
    errors.

    `claimed` is what precision divides by: found plus false.
    """

    overall: DoubleArray  # (recordings, 4)
    per_class: DoubleArray  # (recordings, classes, 4)


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
    figures = {intersection_metrics: _intersection_figures, event_metrics: _event_figures}.get(metric, _figures)
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
        occurring = {event.label for side in sides for event in side}
        if not occurring:
            continue
        here = Labels(label for label in labels if label in occurring)
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


def _sums(counts: Counts, weights: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Summed counts (4, resamples) and (4, resamples, classes)."""
    classes = counts.per_class.shape[1]
    per_class = weights @ counts.per_class.reshape(len(counts.overall), -1)
    return (weights @ counts.overall).T, np.moveaxis(per_class.reshape(len(weights), classes, 4), -1, 0)


def _rates(sums: DoubleArray) -> dict[str, DoubleArray]:
    found, claimed, reference, errors = sums
    f1 = divide(2 * found, np.where((claimed > 0) & (reference > 0), claimed + reference, 0))
    return {
        "f1": f1,
        "precision": divide(found, claimed),
        "recall": divide(found, reference),
        "error_rate": divide(errors, reference),
    }


def _figures(counts: Counts, weights: DoubleArray) -> Figures:
    return Figures(*(_rates(sums) for sums in _sums(counts, weights)))


def _event_figures(counts: Counts, weights: DoubleArray) -> Figures:
    """With the mean of classes: a class that is there and never reported counts as 0."""
    found = _figures(counts, weights)
    reference, f1 = _sums(counts, weights)[1][2], found.per_class["f1"]
    macro = mean_of_known(np.where(reference > 0, np.nan_to_num(f1), np.nan))
    return Figures({**found.overall, "macro_f1": macro}, found.per_class)


def _intersection_figures(counts: Counts, weights: DoubleArray) -> Figures:
    """A class that is there and never reported has F1 0 here."""
    parts = []
    for sums in _sums(counts, weights):
        found, claimed, reference, _ = sums
        parts.append(_rates(sums) | {"f1": divide(2 * found, np.where(reference > 0, claimed + reference, 0))})
    overall, per_class = parts
    macro = mean_of_known(per_class["f1"])
    return Figures({"macro_f1": macro, "micro_f1": overall.pop("f1"), **overall}, per_class)


def tagging_statistic(
    reference: npt.NDArray[Any],
    *,
    scores: npt.NDArray[Any] | None = None,
    estimated: npt.NDArray[Any] | None = None,
) -> tuple[Statistic, int]:
    """The figures of `tagging_metrics`, to be resampled; and the number of clips. Arrays are (clips, classes)."""
    truth = np.asarray(reference).astype(np.float64)

    def statistic(weights: DoubleArray) -> Figures:
        overall, per_class = dict[str, DoubleArray](), dict[str, DoubleArray]()
        if scores is not None:
            ap, auc = _rankings(truth, np.asarray(scores), weights)
            mauc = mean_of_known(auc)
            dprime = np.array([d_prime(area) for area in mauc.tolist()])
            overall |= {"map": mean_of_known(np.where(np.isnan(auc), np.nan, ap)), "mauc": mauc, "dprime": dprime}
            per_class |= {"ap": ap, "auc": auc}
        if estimated is not None:
            given = np.asarray(estimated).astype(np.float64)
            hits, claimed, there = weights @ (truth * given), weights @ given, weights @ truth
            per_class |= {
                "f1": divide(2 * hits, np.where(there > 0, there + claimed, 0)),
                "precision": divide(hits, claimed),
                "recall": divide(hits, there),
            }
            overall |= {
                "micro_f1": divide(2 * hits.sum(axis=1), (there + claimed).sum(axis=1)),
                "macro_f1": mean_of_known(per_class["f1"]),
                "precision": divide(hits.sum(axis=1), claimed.sum(axis=1)),
                "recall": divide(hits.sum(axis=1), there.sum(axis=1)),
            }
        return Figures(overall, per_class)

    return statistic, len(truth)


def _rankings(truth: DoubleArray, scores: npt.NDArray[Any], weights: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """AP and AUC, each (resamples, classes)."""
    whole = bool(np.all(weights == np.rint(weights))) and weights.sum(axis=1).max(initial=0) < _EXACT
    blocks: list[npt.NDArray[np.floating[Any]]] = [
        np.ascontiguousarray(weights[first : first + _DRAWS_AT_ONCE].T, dtype=np.float32 if whole else np.float64)
        for first in range(0, len(weights), _DRAWS_AT_ONCE)
    ]  # (clips, draws) each
    ap, auc = np.full((2, len(weights), truth.shape[1]), np.nan)
    for column in range(truth.shape[1]):
        held = truth[:, column] > 0
        if held.any():
            ranking = _Ranking.of(held, scores[:, column])
            both = [ranking.areas(block) for block in blocks]
            ap[:, column], auc[:, column] = (np.concatenate(part) for part in zip(*both, strict=True))
    return ap, auc


@dataclass(frozen=True, eq=False)
class _Ranking:
    """A class sorted once, from the highest score down.

    Only groups of equal scores that hold a positive clip matter (groups,): a draw needs the weight of each, of its
    positives, and of all that lies between two of them. So what is summed are stretches of clips, of many draws at
    once, a row a clip.
    """

    order: IntArray  # (clips,)
    starts: IntArray  # (stretches,) where each begins, in the order
    first: IntArray  # (groups,) stretches before the group
    last: IntArray  # (groups,) and up to its end
    positive: IntArray  # (positives,) clips, in the order
    heads: IntArray  # (groups,) where each group begins among the positives

    @classmethod
    def of(cls, held: npt.NDArray[np.bool_], scores: npt.NDArray[Any]) -> _Ranking:
        order = np.argsort(-scores)
        ordered, held = scores[order], held[order]
        edges = np.append(np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])), len(order))
        group = np.searchsorted(edges, np.flatnonzero(held), side="right") - 1  # of each positive
        groups, heads = np.unique(group, return_index=True)
        begins, ends = edges[groups], edges[groups + 1]
        starts = np.unique(np.concatenate(([0], begins, ends)))
        starts = starts[starts < len(order)]
        first, last = np.searchsorted(starts, begins), np.searchsorted(starts, ends)
        return cls(order, starts, first, last, order[held], heads)

    def areas(self, weights: npt.NDArray[np.floating[Any]]) -> tuple[DoubleArray, DoubleArray]:
        """AP and AUC of draws, `weights` (clips, draws); (draws,) each."""
        drawn = np.take(weights, self.order, axis=0, mode="clip")  # "clip" is the fast way; all are in range
        sums = np.add.reduceat(drawn, self.starts, axis=0)
        total = np.cumsum(np.concatenate((np.zeros_like(sums[:1]), sums)), axis=0, dtype=np.float64)
        gained = np.add.reduceat(weights[self.positive], self.heads, axis=0).astype(np.float64)  # (groups, draws)
        claimed, found = total[self.last], np.cumsum(gained, axis=0)
        false, tied = claimed - found, claimed - total[self.first] - gained
        positive, negative = found[-1], total[-1] - found[-1]
        precision = np.divide(found, claimed, out=np.zeros_like(found), where=claimed > 0)
        ap = divide((gained * precision).sum(axis=0), positive)
        return ap, divide((gained * (negative - false + tied / 2)).sum(axis=0), positive * negative)


def psds_statistic(
    scores: Iterable[Scores],
    reference: EventLists,
    labels: Labels,
    *,
    options: PsdsOptions = PSDS1,
    durations: Mapping[str, float] | None = None,
) -> tuple[Statistic, int]:
    """`psds` to be resampled (figure `psds`), and the number of recordings.

    `scores` must be something that can be walked again; recordings that the reference does not know are left out.
    """
    return _statistic(ScoreSource(scores, labels, durations, "ignore"), reference, labels, options)


def psds_of_events_statistic(
    events: EventLists,
    reference: EventLists,
    labels: Labels,
    durations: Mapping[str, float],
    *,
    options: PsdsOptions = PSDS1,
) -> tuple[Statistic, int]:
    """`psds_of_events` to be resampled; what the reference does not know is left out."""
    source = EventSource(events, labels, durations, "ignore", "ignore")
    return _statistic(source, reference, labels, options)


def psds_metrics_statistic(
    scores: Iterable[Scores],
    reference: EventLists,
    labels: Labels,
    *,
    durations: Mapping[str, float] | None = None,
) -> tuple[Statistic, int]:
    """`psds_metrics` to be resampled (figures `psds1`, `psds2`), and the number of recordings."""
    names = {"psds1": PSDS1, "psds2": PSDS2}
    parts = {
        name: psds_statistic(scores, reference, labels, options=options, durations=durations)[0]
        for name, options in names.items()
    }

    def statistic(weights: DoubleArray) -> Figures:
        found = {name: part(weights) for name, part in parts.items()}
        return Figures(
            {name: figures.overall["psds"] for name, figures in found.items()},
            {name: figures.per_class["psds"] for name, figures in found.items()},
        )

    return statistic, len(reference)


def _statistic(
    source: CurveSource, reference: EventLists, labels: Labels, options: PsdsOptions
) -> tuple[Statistic, int]:
    if not source.again:
        raise ValueError("scores to be resampled are iterated twice; pass a sequence instead of an iterator")
    truth = truth_of(reference, labels)

    def collect(most_false: float) -> Found:
        cttc = options.cttc if options.alpha_ct else None
        found = collect_steps(
            source,
            truth,
            dtc=options.dtc,
            gtc=options.gtc,
            cttc=cttc,
            most_false=most_false,
            by_recording=True,
        )
        return Found(truth, order_steps(found.steps), found.floor, found.best, found.lengths, found.duration)

    most_false = options.max_efpr / options.unit
    found = [collect(most_false)]

    def statistic(weights: DoubleArray) -> Figures:
        if not _floor_holds(found[-1], weights, most_false):
            found.append(collect(np.inf))
        drawn = np.array([_of_draw(found[-1], row, labels, options) for row in weights])
        return Figures({"psds": drawn[:, 0]}, {"psds": drawn[:, 1:]})

    return statistic, len(truth.recordings)


def _floor_holds(found: Found, weights: DoubleArray, most_false: float) -> bool:
    """Whether in every draw more false positives than allowed are sure at the floor."""
    cut_columns = np.isfinite(found.floor)
    absent = np.ones(found.best.shape, dtype=np.bool_)
    absent[found.truth.events.recording, found.truth.events.label] = False
    sure = weights @ (absent & (found.best >= found.floor))[:, cut_columns].astype(np.float64)  # (resamples, columns)
    return bool(np.all(sure > (weights @ found.lengths * most_false)[:, None]))


def _of_draw(found: Found, weights: DoubleArray, labels: Labels, options: PsdsOptions) -> list[float]:
    """PSDS of a draw, then of each of `labels`."""
    curves = class_rocs(found.steps, found.truth, options, float(weights @ found.lengths), weights)
    rocs = {name: roc for name, roc in zip(found.truth.labels, curves, strict=True) if roc}
    whole = mean_roc(curves, options.alpha_st).area(options.max_efpr)
    return [whole, *(rocs[name].area(options.max_efpr) if name in rocs else np.nan for name in labels)]
