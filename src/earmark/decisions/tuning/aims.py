"""What tuning aims at: small strategies over counts.

Counts end in an axis of three: true positives, false positives, false negatives (of clips, segments or
events). An `Aim` says what each class maximises (`values`) and by what number held-out data judge a choice
(`overall`).

`ClassF1`    each class its own F1; judged by their mean over classes that occur ("macro")
`PooledF1`   the F1 of all counts together ("micro", the headline of sed_eval)
`ErrorRate`  (false negatives + false positives) / reference. Class by class, so a confusion of two classes
             counts as a deletion and an insertion: an upper bound of sed_eval's overall error rate, which
             calls it one substitution
`AtLeast`    a precision (recall) to be reached, with as much recall (precision) as that leaves
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from earmark.errors import ConfigError, did_you_mean

Counts = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]
Unit = Literal["tags", "segments", "events"]


class Aim(Protocol):
    """One way to say that a choice is good."""

    @property
    def lower_is_better(self) -> bool:
        """Of `overall`."""

    def values(self, counts: Counts) -> Values:
        """What each class (classes, choices, 3) maximises: (classes, choices)."""

    def overall(self, counts: Counts) -> float:
        """How good the counts (classes, 3) of the classes' choices are together."""


def f1(counts: Counts) -> Values:
    """F1 of counts (..., 3): (...); 0 where there is nothing to find and nothing found."""
    hits, false, missed = counts[..., 0], counts[..., 1], counts[..., 2]
    return np.asarray(2 * hits / np.maximum(2 * hits + false + missed, 1e-300))


def macro_f1(counts: Counts) -> float:
    """Mean F1 over the classes (classes, 3) that occur in the reference; 0 if none does."""
    occurs = counts[:, 0] + counts[:, 2] > 0
    return float(f1(counts[occurs]).mean()) if occurs.any() else 0.0


def micro_f1(counts: Counts) -> float:
    """F1 of all classes' counts (classes, 3) together."""
    return float(f1(counts.sum(axis=0)))


@dataclass(frozen=True)
class ClassF1:
    """F1 of each class alone."""

    lower_is_better: bool = False

    def values(self, counts: Counts) -> Values:
        """F1 (classes, choices)."""
        return f1(counts)

    def overall(self, counts: Counts) -> float:
        """Macro F1."""
        return macro_f1(counts)


@dataclass(frozen=True)
class PooledF1:
    """F1 of all classes together.

    max over choices of 2 TP / (2 TP + FP + FN), sums over classes. With F its value, the choice that
    maximises the sum of 2 tp - F (2 tp + fp + fn) is the best one (Dinkelbach 1967), and that sum parts into
    classes.
    """

    lower_is_better: bool = False

    def values(self, counts: Counts) -> Values:
        """2 tp - F (2 tp + fp + fn) at the best F, (classes, choices)."""
        hits, size = 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2]
        best, rows = -1.0, np.arange(len(counts))
        reached = 0.0
        while reached > best:  # F rises in each round and takes finitely many values
            best = reached
            choice = np.argmax(hits - best * size, axis=1)
            reached = float(hits[rows, choice].sum() / max(size[rows, choice].sum(), 1e-300))
        return np.asarray(hits - best * size)

    def overall(self, counts: Counts) -> float:
        """Micro F1."""
        return micro_f1(counts)


@dataclass(frozen=True)
class ErrorRate:
    """Wrong over reference, class by class."""

    lower_is_better: bool = True

    def values(self, counts: Counts) -> Values:
        """Minus the wrong ones (classes, choices)."""
        return np.asarray(-(counts[..., 1] + counts[..., 2]))

    def overall(self, counts: Counts) -> float:
        """All wrong ones over all reference ones."""
        hits, false, missed = counts.sum(axis=0)
        return float((false + missed) / max(hits + missed, 1e-300))


@dataclass(frozen=True)
class AtLeast:
    """A precision or recall of at least `target`; where out of reach, the nearest to it."""

    what: Literal["precision", "recall"]
    target: float
    lower_is_better: bool = False

    def rates(self, counts: Counts) -> tuple[Values, Values]:
        """The rate asked for and the other one, (...) each; 0 where nothing is found."""
        found = np.maximum(counts[..., 0] + counts[..., 1], 1e-300)
        there = np.maximum(counts[..., 0] + counts[..., 2], 1e-300)
        precision, recall = counts[..., 0] / found, counts[..., 0] / there
        return (precision, recall) if self.what == "precision" else (recall, precision)

    def values(self, counts: Counts) -> Values:
        """1 + the other rate where the target is met, else the rate itself."""
        asked, other = self.rates(counts)
        return np.where(asked >= self.target - 1e-9, 1 + other, asked)

    def overall(self, counts: Counts) -> float:
        """Mean over occurring classes of the other rate, less the mean shortfall from the target."""
        asked, other = self.rates(counts[counts[:, 0] + counts[:, 2] > 0])
        return float((other - np.maximum(self.target - asked, 0)).mean()) if len(asked) else 0.0


_NAMED: dict[str, tuple[Unit, Aim]] = {
    "tagging-f1": ("tags", ClassF1()),
    "tagging-f1-micro": ("tags", PooledF1()),
    "segment-f1": ("segments", ClassF1()),
    "segment-f1-micro": ("segments", PooledF1()),
    "event-f1": ("events", ClassF1()),
    "event-f1-micro": ("events", PooledF1()),
    "error-rate": ("segments", ErrorRate()),
}


def parse_objective(text: str, also: Iterable[str] = ()) -> tuple[Unit, Aim]:
    """What is counted and what is aimed at; `ConfigError` with a guess when the name is unknown.

    `also` names further objectives of the caller, for the error message.

    >>> parse_objective("precision=0.9")
    ('tags', AtLeast(what='precision', target=0.9, lower_is_better=False))
    """
    name, equals, number = text.partition("=")
    if equals and name in ("precision", "recall"):
        try:
            target = float(number)
        except ValueError:
            target = -1.0
        if not 0 < target <= 1:
            raise ConfigError(f"objective {text!r}: expected a number above 0 and up to 1, as in {name}=0.9")
        return "tags", AtLeast("precision" if name == "precision" else "recall", target)
    if text not in _NAMED:
        known = [*_NAMED, *also, "precision=0.9", "recall=0.9"]
        raise ConfigError(f"unknown objective {text!r}{did_you_mean(text, known)}; known: {', '.join(known)}")
    return _NAMED[text]
