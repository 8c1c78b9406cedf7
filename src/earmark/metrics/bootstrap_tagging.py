"""Tagging figures of weighted clips, to be resampled.

A class is sorted once by score; a draw then only weighs the clips. With the clips of one score taken together, at
group g of falling scores, P and N the weights of positives and negatives, p_g and n_g those in the group:

    AP  = sum over g of p_g / P * (p_1 + ... + p_g) / (p_1 + ... + p_g + n_1 + ... + n_g)
    AUC = sum over g of p_g / P * (n_g / 2 + n_{g+1} + n_{g+2} + ...) / N

which for weights 1 are the numbers of `tagging`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.metrics.bootstrap import Figures, Statistic
from earmark.metrics.bootstrap_counts import divide, mean_of_known
from earmark.metrics.columns import FloatArray
from earmark.metrics.tagging import d_prime


def tagging_statistic(
    reference: npt.NDArray[Any],
    *,
    scores: npt.NDArray[Any] | None = None,
    estimated: npt.NDArray[Any] | None = None,
) -> tuple[Statistic, int]:
    """The figures of `tagging_metrics`, to be resampled; and the number of clips. Arrays are (clips, classes)."""
    truth = np.asarray(reference).astype(np.float64)

    def statistic(weights: FloatArray) -> Figures:
        overall, per_class = dict[str, FloatArray](), dict[str, FloatArray]()
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


def _rankings(truth: FloatArray, scores: npt.NDArray[Any], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """AP and AUC, each (resamples, classes)."""
    ap, auc = np.empty((2, len(weights), truth.shape[1]))
    for column in range(truth.shape[1]):
        order = np.argsort(-scores[:, column], kind="stable")
        ordered = scores[order, column]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])
        drawn = weights[:, order]
        claimed = np.cumsum(drawn, axis=1)[:, ends]
        found = np.cumsum(drawn * truth[order, column], axis=1)[:, ends]
        false = claimed - found
        positive, negative = found[:, -1:], false[:, -1:]
        gained = np.diff(found, axis=1, prepend=0)
        precision = np.divide(found, claimed, out=np.zeros_like(found), where=claimed > 0)
        ap[:, column] = divide((gained * precision).sum(axis=1), positive[:, 0])
        beaten = negative - false + np.diff(false, axis=1, prepend=0) / 2
        auc[:, column] = divide((gained * beaten).sum(axis=1), (positive * negative)[:, 0])
    return ap, auc
