"""Settings tried for PSDS: steps of every setting by recording, from which any recordings and any mixture are scored.

Curves are compared with the reference once a setting. Operating points with more false positives than PSDS looks at
need not be known; which these are has to hold for every set of recordings and every mixture of settings that is
asked for. With b(r) the least, over all settings, of the best score in recording r (one without the class), any mixture
gives a false positive in r at a threshold below b(r). So the K-th largest b, K = 1 + the false positives allowed, is a
floor for a set of recordings (compare `metrics.psds`), and the least of these floors is one for all sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.decisions import ClassPoint, OperatingPoint, score_curve
from earmark.decisions.tuning.sweep import Method, Setting
from earmark.events import Event
from earmark.metrics.psd_curves import Curve, ScoreSource, Values, truth_of
from earmark.metrics.psd_roc import PsdsOptions, Roc, class_rocs, mean_roc, order_steps
from earmark.metrics.threshold_steps import Steps, find_steps, join_steps, no_steps
from earmark.scores import Scores

_CURVES_AT_ONCE = 64


class Trials:
    """Settings on recordings; `fold` (recordings,) groups those that are left out together.

    Columns are the labels that have events, `truth.labels`.
    """

    def __init__(
        self,
        references: Sequence[Sequence[Event]],
        scores: Sequence[Scores],
        options: PsdsOptions,
        settings: Sequence[tuple[Method, Setting]],
        fold: IntArray,
    ) -> None:
        self.options, self.fold = options, fold
        self.truth = truth_of({str(i): events for i, events in enumerate(references)}, scores[0].labels)
        self.lengths = np.array([each.duration for each in scores])
        self._absent = np.ones((len(scores), len(self.truth.labels)), dtype=np.bool_)
        self._absent[self.truth.events.recording, self.truth.events.label] = False
        curves = [self._curves(scores, *setting) for setting in settings]
        floor = self._floor(np.min([[curve.values.max(axis=0) for curve in each] for each in curves], axis=0))
        self._steps = [order_steps(self._find(each, floor)) for each in curves]

    def carriers(self, keep: BoolArray) -> DoubleArray:
        """Recordings (of those kept) that carry each class; (columns,)."""
        return np.asarray(np.sum(~self._absent[keep], axis=0), dtype=np.float64)

    def areas(self, keep: BoolArray) -> DoubleArray:
        """Area beneath each class's own curve (settings, columns), on some recordings; 0 for one without events."""
        found = [self._rocs(steps.where(keep[steps.recording]), keep) for steps in self._steps]
        return np.array([[roc.area(self.options.max_efpr) if roc else 0.0 for roc in rocs] for rocs in found])

    def mixed(self, choices: IntArray) -> float:
        """PSDS of all recordings, those of each fold by its own settings; `choices` (folds, columns)."""
        parts = [
            steps.where(choices[self.fold[steps.recording], steps.column] == number)
            for number, steps in enumerate(self._steps)
        ]
        rocs = self._rocs(order_steps(join_steps(parts)), np.ones(len(self.lengths), dtype=np.bool_))
        return mean_roc(rocs, self.options.alpha_st).area(self.options.max_efpr)

    def _rocs(self, steps: Steps, keep: BoolArray) -> list[Roc | None]:
        """The curve of each class from ordered steps of the recordings kept; None where it has no events."""
        weights = keep.astype(np.float64)
        return class_rocs(steps, self.truth, self.options, float(self.lengths[keep].sum()), weights)

    def _curves(self, scores: Sequence[Scores], method: Method, setting: Setting) -> list[Curve]:
        labels = scores[0].labels
        point = OperatingPoint(method=method, classes=dict.fromkeys(labels, ClassPoint(**setting)))
        smooth = [replace(score_curve(each, point), recording=str(i)) for i, each in enumerate(scores)]
        return [curve for curve, _ in ScoreSource(smooth, labels, None, "error").curves(self.truth)]

    def _find(self, curves: list[Curve], floor: Values) -> Steps:
        options = self.options
        cttc = options.cttc if options.alpha_ct else None
        parts = [
            find_steps(curves[i : i + _CURVES_AT_ONCE], self.truth, floor, dtc=options.dtc, gtc=options.gtc, cttc=cttc)
            for i in range(0, len(curves), _CURVES_AT_ONCE)
        ]
        return join_steps([no_steps(floor.dtype), *parts])

    def _floor(self, best: Values) -> Values:
        """Scores (columns,) at or below which nothing can matter; `best` (recordings, columns)."""
        floors = []
        for keep in self._sets():
            alone = np.where(self._absent[keep], best[keep], -np.inf)
            rank = int(self.options.max_efpr / self.options.unit * self.lengths[keep].sum() * (1 + 1e-9)) + 1
            if rank >= len(alone):
                return np.full(best.shape[1], -np.inf, dtype=best.dtype)
            floors.append(np.partition(alone, len(alone) - rank, axis=0)[len(alone) - rank])
        return np.asarray(np.min(floors, axis=0), dtype=best.dtype)

    def _sets(self) -> Iterator[BoolArray]:
        """Everything, and everything but one fold."""
        return (self.fold != out for out in range(-1, int(self.fold.max()) + 1))
