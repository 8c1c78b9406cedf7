"""Choosing the smoothing of each class for PSDS.

PSDS looks at all thresholds, so what there is to choose is what comes before them: whether frame scores are weighted
by the clip score, and the length of the median filter or the settings of the boxes. Every setting is tried on all
recordings once; its curves become steps by recording (see `metrics.threshold_steps`), and any set of recordings, or
any mixture of settings, is then scored from steps alone (`Trials`).

Each class takes the setting with the largest area beneath its own curve. So that one lucky event does not choose, that
area is shrunk towards the mean over all classes,

    n_c * area_c(setting) + k * mean over classes of area(setting),    n_c = recordings that carry the class

with k chosen by cross-validation: every recording is smoothed by what was chosen without its fold, and all recordings
together give one PSDS, the held-out figure. (Choosing by class does not see the part of PSDS1 that penalises how much
classes differ; the held-out figure is the PSDS itself.)

Curves are compared with the reference once a setting. Operating points with more false positives than PSDS looks at
need not be known; which these are has to hold for every set of recordings and every mixture of settings that is
asked for. With b(r) the least, over all settings, of the best score in recording r (one without the class), any mixture
gives a false positive in r at a threshold below b(r). So the K-th largest b, K = 1 + the false positives allowed, is a
floor for a set of recordings (compare `metrics.psds`), and the least of these floors is one for all sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.decisions import ClassPoint, OperatingPoint, score_curve
from earmark.decisions.tuning import BoxGrid
from earmark.decisions.tuning.shrinkage import FALLBACK, SHRINKAGES, SHRUNK
from earmark.decisions.tuning.sweep import Method, Setting
from earmark.events import Event
from earmark.labels import Labels
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


PLAIN = "no smoothing"
MEDIANS = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0)  # seconds
_TIE = 1e-9  # of areas: nearer than this, the simpler setting is taken


@dataclass(frozen=True)
class Smoothing:
    """What was chosen, and the PSDS that each way of choosing reaches on recordings not chosen on."""

    method: Method
    settings: dict[str, Setting]  # by label
    shrinkage: float
    held_out: dict[str, float]  # from plain to elaborate; empty with a single fold

    @property
    def reached(self) -> float | None:
        """The held-out PSDS of the way taken."""
        return self.held_out.get(SHRUNK)


def settings_of(method: Method) -> tuple[Setting, ...]:
    """The settings tried, from simple to elaborate."""
    grid = BoxGrid()
    if method == "threshold":
        axes: dict[str, tuple[float, ...]] = {"tag_weight": (False, True), "median_seconds": MEDIANS}
    else:
        names = ("step_seconds", "merge_absolute", "merge_relative")
        axes = {"tag_weight": (False, True), **{name: getattr(grid, name) for name in names}}
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def tune_smoothing(
    references: Sequence[Sequence[Event]],
    scores: Sequence[Scores],
    options: PsdsOptions,
    method: Method,
    fold: IntArray,
    shrinkages: Sequence[float] = SHRINKAGES,
) -> Smoothing:
    """The smoothing of each class; `fold` is that of each recording (recordings,). Labels must be known to the scores.

    A class that no recording carries follows the others.
    """
    settings, plain = settings_of(method), {"tag_weight": False, "median_seconds": 0.0}
    tried: list[tuple[Method, Setting]] = [(method, each) for each in settings]
    if method != "threshold":
        tried.append(("threshold", plain))
    trials = Trials(references, scores, options, tried, fold)
    folds, named = int(fold.max()) + 1, trials.truth.labels
    best, held = FALLBACK, dict[str, float]()
    if folds > 1 and len(named):
        parts = [_choosable(trials, fold != out, len(settings)) for out in range(folds)]
        reached = {
            k: trials.mixed(np.stack([choose(areas, carriers, k) for areas, carriers in parts]))
            for k in {*shrinkages, 0.0, math.inf}
        }
        best = max(shrinkages, key=lambda k: (reached[k], k))  # of equals the stronger
        held = {
            PLAIN: trials.mixed(np.full((folds, len(named)), tried.index(("threshold", plain)))),
            "one setting": reached[math.inf],
            "per class": reached[0.0],
            SHRUNK: reached[best],
        }
    return Smoothing(method, _by_label(trials, settings, scores[0].labels, best), best, held)


def choose(areas: DoubleArray, carriers: DoubleArray, shrinkage: float) -> IntArray:
    """Setting of each class (columns,) from areas (settings, columns) and recordings with it (columns,).

    A class without recordings follows the mean; of equals the first is taken.

    >>> areas = np.array([[0.5, 0.5], [0.6, 0.45]])
    >>> [choose(areas, np.array([9.0, 1.0]), k).tolist() for k in (0.0, 16.0, np.inf)]
    [[1, 0], [1, 1], [1, 1]]
    """
    mean = (areas @ (carriers > 0) / max((carriers > 0).sum(), 1))[:, None]
    own = carriers / np.maximum(carriers + shrinkage, 1) if shrinkage < math.inf else 0 * carriers
    values = areas * own + mean * (1 - own)
    return np.asarray((values >= values.max(axis=0) - _TIE).argmax(axis=0))


def _choosable(trials: Trials, keep: BoolArray, settings: int) -> tuple[DoubleArray, DoubleArray]:
    """On some recordings: areas (settings, columns) of what can be chosen, and how many carry each class (columns,)."""
    return trials.areas(keep)[:settings], trials.carriers(keep)


def _by_label(trials: Trials, settings: tuple[Setting, ...], labels: Labels, shrinkage: float) -> dict[str, Setting]:
    named = trials.truth.labels
    if not len(named):
        return dict.fromkeys(labels, settings[0])
    everything = _choosable(trials, np.ones(len(trials.fold), dtype=np.bool_), len(settings))
    shared, own = settings[choose(*everything, math.inf)[0]], choose(*everything, shrinkage).tolist()
    return {label: settings[own[named.index(label)]] if label in named else shared for label in labels}
