"""Few timed clips and an operating point from tags: which decides better, that point, a scaled one, or one tuned anew.

A choice of threshold, smoothing and gate for every class needs many timed events; ten clips with some twenty events do
not bear it, and the point that tags alone gave is then the better one. So three are compared, from plain to elaborate:

before   the point there is, as it is
scaled   the same with the odds of all onsets and offsets times one number, and all durations times another
anew     the point that `tune_detection` makes of the timed clips

each on clips that it was not chosen on: by cross-validation over the timed clips, in the folds of the tuning. A more
elaborate one is taken where the paired bootstrap over these clips says in at least `SURE` of the draws that it is
better than what would be taken otherwise. Few clips leave the draws undecided, and the plainer stands; with more of
them the better one wins. Of very few clips the draws are too much alike to say anything: fewer than `LEAST` change
nothing, and fewer than `LEAST_ANEW` at most scale the point.

The tags of the timed clips may have taken part in the point before; what that flatters is little beside the times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from earmark.arrays import DoubleArray, IntArray
from earmark.decisions import OperatingPoint, decide
from earmark.decisions.tuning import Tuned
from earmark.decisions.tuning.aims import parse_objective
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Figures, Resampling, counts_statistic, event_metrics, segment_metrics
from earmark.metrics.bootstrap import Statistic
from earmark.scores import Scores

SURE = 0.95  # share of the draws in which what is taken in place of something plainer is better
DRAWS = 1000
LEAST = 10  # timed clips to scale a point by
LEAST_ANEW = 40  # timed clips to choose for every label by
ODDS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times those of all onsets and offsets
DURATIONS = (0.5, 1.0, 2.0)  # times all durations
BEFORE, SCALED, ANEW = "the point before", "the point before, scaled", "tuned anew"


@dataclass(frozen=True)
class Kept:
    """What was taken: the point, its name among the three, and what each reached on held-out clips."""

    point: OperatingPoint
    name: str
    reached: dict[str, float]  # the objective, by name

    def note(self, objective: str, clips: int) -> str:
        """What was taken and why, for people."""
        if not self.reached:
            return f"kept for events: {self.name}; {clips} timed clips are too few to choose by (from {LEAST} on)"
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.reached.items())
        why = {
            BEFORE: "the timed clips do not show that another choice is better",
            SCALED: "its thresholds and durations were scaled, all alike; tuning anew was not surely better",
            ANEW: "it is surely better than what was there",
        }[self.name]
        return f"kept for events: {self.name}; {why} ({objective} on {clips} timed clips, held out: {figures})"


def keep(
    objective: str,
    references: Sequence[Sequence[Event]],
    scores: Sequence[Scores],
    fold: IntArray,
    *,
    before: OperatingPoint,
    anew: Tuned,
    seed: int = 0,
) -> Kept:
    """Choose among the three; `fold` (recordings,) is that of the tuning, whose report has the points by fold.

    Of fewer than `LEAST` recordings the point before stays.
    """
    if not anew.report.by_fold or len(scores) < LEAST:
        return Kept(before, BEFORE, {})
    judge = _Judge(objective, references, scores)
    grid = [scaled(before, odds, durations) for odds, durations in product(ODDS, DURATIONS)]
    tried = [judge.statistic([point] * len(scores)) for point in grid]
    folds = range(int(fold.max()) + 1)
    picks = [_best(tried, judge, fold != out) for out in folds]
    candidates = {
        BEFORE: (before, judge.statistic([before] * len(scores))),
        SCALED: (
            grid[_best(tried, judge, np.ones(len(scores), dtype=np.bool_))],
            judge.statistic([grid[picks[out]] for out in fold.tolist()]),
        ),
        ANEW: (anew.point, judge.statistic([anew.report.by_fold[out] for out in fold.tolist()])),
    }
    weights = np.concatenate(list(Resampling(DRAWS, seed=seed).weights(len(scores))))
    values = {name: judge.values(statistic, weights) for name, (_, statistic) in candidates.items()}
    name = BEFORE
    for other in (SCALED, ANEW) if len(scores) >= LEAST_ANEW else (SCALED,):
        if np.mean(values[other] > values[name]) >= SURE:
            name = other
    once = np.ones((1, len(scores)))
    sign = -1 if judge.lower else 1
    reached = {each: sign * float(judge.values(way, once)[0]) for each, (_, way) in candidates.items()}
    return Kept(candidates[name][0], name, reached)


def scaled(point: OperatingPoint, odds: float, durations: float) -> OperatingPoint:
    """A point with the odds of its onsets and offsets, and its durations, times one number each.

    >>> from earmark.labels import Labels
    >>> part = scaled(OperatingPoint.plain(Labels(["dog"])), 3.0, 1.0).of("dog")
    >>> part.onset, part.offset
    (0.75, 0.75)
    """
    classes = {}
    for label, part in point.classes.items():
        fields = {name: _times(getattr(part, name), odds) for name in ("onset", "offset")}
        for name in ("median_seconds", "min_duration_on", "min_duration_off"):
            fields[name] = round(getattr(part, name) * durations, 3)
        classes[label] = part.model_copy(update=fields)
    return point.model_copy(update={"classes": classes})


def _times(probability: float, factor: float) -> float:
    """The probability of so many times the odds."""
    return round(factor * probability / (1 - probability + factor * probability), 6)


def _best(tried: Iterable[Statistic], judge: _Judge, chosen: np.ndarray) -> int:
    """Which of them is best on the chosen recordings (recordings,); of equals the one that changes least."""
    weights = chosen.astype(np.float64)[None]
    values = [float(judge.values(statistic, weights)[0]) for statistic in tried]
    changes = [abs(np.log(odds)) + abs(np.log(durations)) for odds, durations in product(ODDS, DURATIONS)]
    return max(range(len(values)), key=lambda place: (values[place], -changes[place]))


class _Judge:
    """An objective, on recordings whose events are known."""

    def __init__(self, objective: str, references: Sequence[Sequence[Event]], scores: Sequence[Scores]) -> None:
        unit, aim = parse_objective(objective)
        self.lower = aim.lower_is_better
        self.micro = objective.endswith("-micro") or self.lower
        self._metric = event_metrics if unit == "events" else segment_metrics
        self._labels: Labels = scores[0].labels
        self._scores = scores
        self._reference = {
            str(place): [event for event in events if event.label in self._labels]
            for place, events in enumerate(references)
        }

    def statistic(self, points: Sequence[OperatingPoint]) -> Statistic:
        """The figures of the recordings, each decided by its own point."""
        found = {
            str(place): decide(scores, point).events
            for place, (scores, point) in enumerate(zip(self._scores, points, strict=True))
        }
        return counts_statistic(self._metric, self._reference, found, self._labels)[0]

    def values(self, statistic: Statistic, weights: DoubleArray) -> DoubleArray:
        """The objective of draws (draws, recordings), higher is better: (draws,)."""
        figures: Figures = statistic(weights)
        if self.lower:
            return -np.nan_to_num(figures.overall["error_rate"], nan=np.inf)
        if self.micro:
            return np.nan_to_num(figures.overall["f1"])
        there = ~np.isnan(figures.per_class["recall"])
        total = np.where(there, np.nan_to_num(figures.per_class["f1"]), 0.0).sum(axis=1)
        return np.asarray(total / np.maximum(there.sum(axis=1), 1))
