"""Thresholds of the clip tags.

References and scores are (clips, classes). The grid of thresholds is shared by all classes and fine enough (a
step of at most 0.005, finer towards 0 and 1) that nothing is lost against trying every score; counts of all
thresholds come from one histogram a class and fold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, FloatArray, IntArray
from earmark.decisions.tuning.aims import Aim, AtLeast, ClassF1, Counts, parse_objective
from earmark.decisions.tuning.report import TuningReport, make_report
from earmark.decisions.tuning.shrinkage import (
    FOR_TARGETS,
    SHRINKAGES,
    Chosen,
    assign_folds,
    choose,
    choose_by_cross_validation,
)
from earmark.decisions.tuning.sweep import spread_thresholds
from earmark.errors import ConfigError


class TunedTags(NamedTuple):
    """Thresholds by label, and how they came about."""

    thresholds: dict[str, float]
    report: TuningReport


def tune_tagging(
    reference: BoolArray,
    scores: FloatArray,
    labels: Iterable[str],
    objective: str = "tagging-f1",
    *,
    folds: int = 5,
    seed: int = 0,
    shrinkages: tuple[float, ...] | None = None,
) -> TunedTags:
    """One threshold a label, from clips (clips, classes) of known tags.

    `objective` is tagging-f1, tagging-f1-micro, precision=P or recall=R; another is a `ConfigError`.
    `shrinkages` None: those that suit it.
    `ValueError` where shapes disagree or there is no clip.

    >>> heard = np.array([[True], [False]] * 20)
    >>> tune_tagging(heard, np.where(heard, 0.4, 0.2).astype(np.float32), ["dog"]).thresholds
    {'dog': 0.2991}
    """
    names = list(labels)
    if reference.shape != scores.shape or reference.shape[1:] != (len(names),) or not len(reference):
        raise ValueError(f"{len(names)} labels, but reference {reference.shape} and scores {scores.shape}")
    unit, aim = parse_objective(objective)
    if unit != "tags":
        raise ConfigError(f"objective {objective!r} needs events with times; for tags: tagging-f1, precision=0.9 ...")
    used = min(folds, len(reference))
    fold = assign_folds(reference, used, seed)
    grid = tag_thresholds()
    counts = count_tags(reference, scores, fold, used, grid)
    tried = shrinkages or (FOR_TARGETS if isinstance(aim, AtLeast) else SHRINKAGES)
    chosen = choose_by_cross_validation(counts, aim, fold, grid, tried)
    notes = _missed(aim, counts.sum(axis=0), chosen, names) if isinstance(aim, AtLeast) else []
    positives = dict(zip(names, reference.sum(axis=0).tolist(), strict=True))
    report = make_report(objective, aim, chosen, positives, (len(reference), used, seed), notes)
    return TunedTags(dict(zip(names, (grid[i] for i in chosen.choice.tolist()), strict=True)), report)


def thresholds_by_fold(
    reference: BoolArray, scores: FloatArray, fold: IntArray, folds: int, aim: Aim | None = None
) -> FloatArray:
    """Tag thresholds for each fold's clips (folds, classes), chosen on the clips of the others.

    So a gate is tried on clips that had no part in choosing it. With one fold: chosen on its own clips. `aim` None:
    the F1 of each class.
    """
    grid, aim = tag_thresholds(), aim or ClassF1()
    counts = count_tags(reference, scores, fold, folds, grid)
    shrinkage = choose_by_cross_validation(counts, aim, fold, grid).shrinkage
    total = counts.sum(axis=0)
    rest = [total - counts[out] if folds > 1 else total for out in range(folds)]
    choices = [choose(each, aim, shrinkage, len(fold), len(grid)) for each in rest]
    return np.array(grid, dtype=np.float32)[np.stack(choices)]


def tag_thresholds() -> tuple[float, ...]:
    """The shared grid, rising; 0 (every clip is tagged) makes any recall reachable."""
    even = np.linspace(0.005, 0.995, 199).round(4).tolist()
    return tuple(sorted({0.0, *even, *spread_thresholds(161, 0.0002)}))


def count_tags(
    reference: BoolArray, scores: FloatArray, fold: IntArray, folds: int, thresholds: tuple[float, ...]
) -> Counts:
    """Counts of clips (folds, classes, thresholds, 3)."""
    classes, size = reference.shape[1], len(thresholds) + 1
    # The first `passed` thresholds are at or below the score, so the clip counts as tagged at each of them.
    passed = np.searchsorted(np.array(thresholds, dtype=np.float32), scores, side="right")
    cell = (fold[:, None] * classes + np.arange(classes)) * size + passed

    def tagged(which: BoolArray) -> npt.NDArray[np.float64]:
        table = np.bincount(cell[which], minlength=folds * classes * size).reshape(folds, classes, size)
        return table[..., ::-1].cumsum(axis=-1)[..., ::-1].astype(np.float64)  # [..., i]: passed at least i

    hits, false = tagged(reference), tagged(~reference)
    return np.stack([hits[..., 1:], false[..., 1:], hits[..., :1] - hits[..., 1:]], axis=-1)


def _missed(aim: AtLeast, counts: Counts, chosen: Chosen, names: list[str]) -> list[str]:
    asked, _ = aim.rates(counts[np.arange(len(counts)), chosen.choice])
    short = [name for name, rate in zip(names, asked.tolist(), strict=True) if rate < aim.target - 1e-9]
    return [f"{aim.what} {aim.target:g} is not reached by {', '.join(short)}"] if short else []
