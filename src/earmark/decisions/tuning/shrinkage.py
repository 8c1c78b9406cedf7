"""Choosing per class without overfitting the rare ones.

A class with one positive recording can have any threshold as its best one. So every class is chosen on its
own counts plus those of k pseudo-recordings of the average class:

    counts_c + k * (sum of all classes' counts) / (recordings * classes)

k = 0 leaves each class alone, k = infinity gives all classes one choice. A class with many positives hardly
notices a small k, a class with one follows the pool. k is chosen by cross-validation over recordings, as the
one whose choices do best on the folds they were not made on. The number reported for the chosen k is the best
of a few, so slightly optimistic. k = 0 is measured, to tell what shrinkage is worth, but is not among those tried:
where it wins it wins by chance and by little, and where it loses the rare classes do. (Unless a precision or recall is
asked for: false positives of the average class would swamp a class that has hardly any.) Nor is a k tried of more
pseudo-recordings than there are recordings: on 200 soundscapes k = 256 was taken by chance, and cost event F1 .02.

Counts are (folds, classes, choices, 3); choices are settings x thresholds, thresholds last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from earmark.arrays import BoolArray, IntArray
from earmark.decisions.tuning.aims import Aim, Counts

SHRINKAGES = (1.0, 4.0, 16.0, 64.0, 256.0, math.inf)  # pseudo-recordings tried
FOR_TARGETS = (0.0, 0.25, *SHRINKAGES)  # where a rate is asked for: a class meets it by its own counts or not at all
FALLBACK = 16.0  # where there are too few recordings to cross-validate
DEFAULT, SHRUNK = "default 0.5", "per class, shrunk"  # the plainest way of choosing, and the one taken


@dataclass(frozen=True, eq=False)
class Chosen:
    """The choice of each class, and what cross-validation said on the way."""

    choice: IntArray  # (classes,) index into settings x thresholds
    shrinkage: float
    held_out: dict[str, Counts]  # by way of choosing: counts (classes, 3) on the folds not chosen on
    by_fold: dict[str, IntArray]  # by way of choosing: choices (folds, classes), each made on the other folds


def assign_folds(reference: BoolArray, folds: int, seed: int) -> IntArray:
    """Fold of each recording (recordings,) from tags (recordings, classes): rare labels spread evenly first."""
    rng = np.random.default_rng(seed)
    fold = np.full(len(reference), -1)
    size = np.zeros(folds, dtype=np.int64)
    for label in np.argsort(reference.sum(axis=0), kind="stable").tolist():
        _deal(rng.permutation(np.flatnonzero(reference[:, label] & (fold < 0))), reference[:, label], fold, size)
    _deal(rng.permutation(np.flatnonzero(fold < 0)), np.ones(len(reference), dtype=np.bool_), fold, size)
    return fold


def _deal(recordings: IntArray, carries: BoolArray, fold: IntArray, size: IntArray) -> None:
    for recording in recordings.tolist():
        held = np.bincount(fold[carries & (fold >= 0)], minlength=len(size))
        to = int(np.lexsort((size, held))[0])  # the fold with fewest of this label, then fewest of all
        fold[recording] = to
        size[to] += 1


def choose(counts: Counts, aim: Aim, shrinkage: float, recordings: int, thresholds: int) -> IntArray:
    """The choice of each class (classes,) on counts (classes, choices, 3).

    Among equals the pool decides; then the simplest setting, and of its thresholds the middle one.
    """
    pool = counts.sum(axis=0, keepdims=True) / max(recordings * len(counts), 1)
    used = np.broadcast_to(pool, counts.shape) if math.isinf(shrinkage) else counts + shrinkage * pool
    values = aim.values(used) + 1e-6 * aim.values(pool)
    best = values.max(axis=1, keepdims=True)
    tied = (values >= best - 1e-10 * np.maximum(1, np.abs(best))).reshape(len(counts), -1, thresholds)
    setting = tied.any(axis=2).argmax(axis=1)
    rows = [np.flatnonzero(tied[c, s]) for c, s in enumerate(setting.tolist())]
    middle = np.array([row[len(row) // 2] for row in rows], dtype=np.int64)
    return np.asarray(setting * thresholds + middle)


def choose_by_cross_validation(
    counts: Counts,
    aim: Aim,
    fold: IntArray,
    thresholds: tuple[float, ...],
    shrinkages: tuple[float, ...] = SHRINKAGES,
) -> Chosen:
    """Pick the shrinkage on held-out folds, then choose on all; `fold` is that of each recording (recordings,)."""
    folds, classes = counts.shape[:2]
    flat = counts.reshape(folds, classes, -1, 3)
    total, count = flat.sum(axis=0), len(thresholds)
    if folds < 2:
        return Chosen(choose(total, aim, FALLBACK, len(fold), count), FALLBACK, {}, {})
    half = int(np.argmin(np.abs(np.array(thresholds) - 0.5)))
    ways: dict[str, list[IntArray]] = {DEFAULT: [], "one threshold": []}
    by_k: dict[float, list[IntArray]] = {k: [] for k in {*shrinkages, 0.0, math.inf}}
    for out in range(folds):
        rest, size = total - flat[out], int(np.sum(fold != out))
        ways[DEFAULT].append(np.full(classes, half))
        ways["one threshold"].append(choose(rest[:, :count], aim, math.inf, size, count))
        for k, choices in by_k.items():
            choices.append(choose(rest, aim, k, size, count))
    shrinkages = within(shrinkages, len(fold))
    sign = -1 if aim.lower_is_better else 1
    value = {k: sign * aim.overall(held_out_counts(flat, choices)) for k, choices in by_k.items()}
    best = max(shrinkages, key=lambda k: (value[k], k))  # of equals the stronger
    ways |= {"one setting": by_k[math.inf], "per class": by_k[0.0], SHRUNK: by_k[best]}
    held = {name: held_out_counts(flat, choices) for name, choices in ways.items()}
    by_fold = {name: np.stack(choices) for name, choices in ways.items()}
    return Chosen(choose(total, aim, best, len(fold), count), best, held, by_fold)


def within(shrinkages: tuple[float, ...], recordings: int) -> tuple[float, ...]:
    """Those of at most as many pseudo-recordings as there are recordings, and infinity; all where none is left.

    >>> within(SHRINKAGES, 40)
    (1.0, 4.0, 16.0, inf)
    """
    return tuple(k for k in shrinkages if k <= recordings or math.isinf(k)) or shrinkages


def held_out_counts(counts: Counts, choices: Iterable[IntArray]) -> Counts:
    """Counts (classes, 3) of what was chosen for each fold (folds, classes), from (folds, classes, choices, 3)."""
    rows = np.arange(counts.shape[1])
    return np.asarray(sum(fold[rows, choice] for fold, choice in zip(counts, choices, strict=True)))
