"""Choosing the smoothing of each class for PSDS.

PSDS looks at all thresholds, so what there is to choose is what comes before them: whether frame scores are weighted
by the clip score, and the length of the median filter or the settings of the boxes. Every setting is tried on all
recordings once; its curves become steps by recording (see `metrics.threshold_steps`), and any set of recordings, or
any mixture of settings, is then scored from steps alone (`psds_trials`).

Each class takes the setting with the largest area beneath its own curve. So that one lucky event does not choose, that
area is shrunk towards the mean over all classes,

    n_c * area_c(setting) + k * mean over classes of area(setting),    n_c = recordings that carry the class

with k chosen by cross-validation: every recording is smoothed by what was chosen without its fold, and all recordings
together give one PSDS, the held-out figure. (Choosing by class does not see the part of PSDS1 that penalises how much
classes differ; the held-out figure is the PSDS itself.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from earmark.arrays import BoolArray, DoubleArray, IntArray
from earmark.decisions.tuning import BoxGrid
from earmark.decisions.tuning.shrinkage import FALLBACK, SHRINKAGES, SHRUNK
from earmark.decisions.tuning.sweep import Method, Setting
from earmark.evaluation.psds_trials import Trials
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics.psds import PsdsOptions
from earmark.scores import Scores

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
