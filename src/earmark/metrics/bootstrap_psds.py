"""PSDS of weighted recordings, to be resampled.

The steps of all recordings are found and sorted once; a draw weighs them (a recording drawn twice counts its
steps, its events and its duration twice), the sums and the curves follow anew. Classes without reference events in
a draw take no part in it.

Steps are kept above a floor that allows for twice the false positives (see `psds`). A draw that would need more,
because it happens to miss the recordings with false positives, is noticed, and all steps are then found without a
floor.

A PSDS that subtracts the standard deviation over classes (alpha_st > 0) tends to come out lower in a draw than in all
recordings, as classes differ more in a draw: the percentile interval leans down, most where events are few. A
paired difference of two systems leans much less, as both do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from earmark.labels import Labels
from earmark.metrics.bootstrap import Figures, Statistic
from earmark.metrics.columns import EventLists, FloatArray
from earmark.metrics.intersection import sum_by
from earmark.metrics.psd_curves import CurveSource, EventSource, ScoreSource
from earmark.metrics.psd_roc import Rates, class_roc, cut, mean_roc, order_steps
from earmark.metrics.psd_steps import Found, collect_steps
from earmark.metrics.psds import PSDS1, PSDS2, PsdsOptions
from earmark.metrics.truth import truth_of
from earmark.scores import Scores


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

    def statistic(weights: FloatArray) -> Figures:
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
        raise ValueError("scores to be resampled must be walked twice; a bare iterator cannot be")
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

    def statistic(weights: FloatArray) -> Figures:
        if not _floor_holds(found[-1], weights, most_false):
            found.append(collect(np.inf))
        drawn = np.array([_of_draw(found[-1], row, labels, options) for row in weights])
        return Figures({"psds": drawn[:, 0]}, {"psds": drawn[:, 1:]})

    return statistic, len(truth.recordings)


def _floor_holds(found: Found, weights: FloatArray, most_false: float) -> bool:
    """Whether in every draw more false positives than allowed are sure at the floor."""
    cut_columns = np.isfinite(found.floor)
    absent = np.ones(found.best.shape, dtype=np.bool_)
    absent[found.truth.events.recording, found.truth.events.label] = False
    sure = weights @ (absent & (found.best >= found.floor))[:, cut_columns].astype(np.float64)  # (resamples, columns)
    return bool(np.all(sure > (weights @ found.lengths * most_false)[:, None]))


def _of_draw(found: Found, weights: FloatArray, labels: Labels, options: PsdsOptions) -> list[float]:
    """PSDS of a draw, then of each of `labels`."""
    truth, steps = found.truth, found.steps
    columns = len(truth.labels)
    drawn = weights[truth.events.recording]
    count = sum_by(truth.events.label, drawn, columns)
    seconds = sum_by(truth.events.label, drawn * truth.seconds, columns)
    amount = steps.amount * weights[steps.recording]
    rates = Rates(count, seconds, float(weights @ found.lengths), options.unit, options.alpha_ct)
    bounds = np.searchsorted(steps.column, np.arange(columns + 1))
    rocs = {}
    for column, name in enumerate(truth.labels):
        of = slice(bounds[column], bounds[column + 1])
        if count[column]:
            roc = class_roc(steps.score[of], steps.kind[of], amount[of], count[column], rates)
            rocs[name] = cut(roc, options.max_efpr)
    whole = mean_roc(list(rocs.values()), options.alpha_st).area(options.max_efpr)
    return [whole, *(rocs[name].area(options.max_efpr) if name in rocs else np.nan for name in labels)]
