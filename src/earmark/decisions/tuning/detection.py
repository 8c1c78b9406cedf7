"""The whole operating point, from recordings whose events are known.

Tag thresholds are always chosen for tagging F1 on the clip scores, an event of a label being its tag. Overlapping
reference events of one label count as annotated. Where a grid tries the gate (events only where the clip is tagged),
recordings are gated by thresholds chosen on other folds.

For the overall error rate (`OverallErrors`) classes are decided together, as a segment's substitutions tie them.
sed_eval counts a segment in which one class is missed and another reported as one substitution, not as a deletion and
an insertion. With Nref, Nsys, Ntp a segment's active classes in the reference, in the estimate and in both,

    substitutions + deletions + insertions = max(Nref, Nsys) - Ntp

which does not part into classes. So the choice made class by class (an upper bound, see `aims`) is the starting
point of a coordinate ascent: one class after the other takes the threshold that makes the least errors given all
others, until none moves. Smoothing stays as chosen. (Optimising all thresholds against the metric itself is the idea
of Kong et al. 2020, arXiv:1912.04761, who use gradients; here every threshold of the grid is tried.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, IntArray
from earmark.decisions.decide import calibrated, weighted
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.tuning.aims import Aim, ErrorRate, Unit, parse_objective
from earmark.decisions.tuning.counting import Counter, EventCounter, SegmentCounter
from earmark.decisions.tuning.report import TuningReport, make_report
from earmark.decisions.tuning.shrinkage import (
    SHRINKAGES,
    SHRUNK,
    Chosen,
    assign_folds,
    choose_by_cross_validation,
    held_out_counts,
)
from earmark.decisions.tuning.sweep import (
    FixedGrid,
    Grid,
    Method,
    Sweep,
    ThresholdGrid,
    method_of,
    runs_by_threshold,
    sweep,
)
from earmark.decisions.tuning.tagging import thresholds_by_fold, tune_tagging
from earmark.decisions.tuning.timeline import Timeline, lay_out
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

LIMIT = 2**28  # classes x thresholds x segments, beyond which the ascent is left out for its memory
_ROUNDS = 5


class OverallErrors:
    """Errors of any choice of settings and thresholds, all classes together."""

    def __init__(self, line: Timeline, counter: SegmentCounter, swept: Sweep, method: Method) -> None:
        self._line, self._counter, self._swept, self._method = line, counter, swept, method
        self._fold = np.repeat(line.fold, counter.sizes)  # (segments,)
        self._reference = counter.truth.sum(axis=0)  # (segments,)
        self._known: dict[tuple[int, int], BoolArray] = {}
        self._lines: dict[int, Timeline] = {}
        self._padded: dict[float, tuple[Timeline, SegmentCounter]] = {0.0: (line, counter)}

    @property
    def fits(self) -> bool:
        """Whether the ascent is small enough."""
        return self._counter.truth.size * len(self._swept.thresholds) <= LIMIT

    def rate(self, choices: IntArray) -> float:
        """Overall error rate of choices (folds, classes), each for the recordings of its fold."""
        outside = int(self._counter.outside.sum())  # missed, whatever is chosen
        wrong = outside
        for fold, choice in enumerate(choices):
            within = self._fold == fold
            active = np.stack([self._active(column, one) for column, one in enumerate(choice.tolist())])[:, within]
            hits = (active & self._counter.truth[:, within]).sum(axis=0)
            wrong += int((np.maximum(self._reference[within], active.sum(axis=0)) - hits).sum())
        return wrong / max(int(self._reference.sum()) + outside, 1)

    def improve(self, choice: IntArray, without: int | None = None) -> IntArray:
        """The ascent from a choice (classes,), on all recordings, or on those outside the fold `without`."""
        within = self._fold != without if without is not None else np.ones(len(self._fold), dtype=np.bool_)
        size, chosen = len(self._swept.thresholds), choice.copy()
        reference, truth = self._reference[within], self._counter.truth[:, within]
        found = sum(self._active(c, one)[within].astype(np.int64) for c, one in enumerate(choice.tolist()))
        for _ in range(_ROUNDS):
            before = chosen.copy()
            for column, one in enumerate(chosen.tolist()):
                options = self._options(column, one // size)[:, within]
                others = found - options[one % size]
                wrong = (np.maximum(reference, others + options) - (options & truth[column])).sum(axis=1)
                if wrong.min() < wrong[one % size]:
                    ties = np.flatnonzero(wrong == wrong.min())
                    best = int(ties[len(ties) // 2])
                    chosen[column] = one - one % size + best
                    found = others + options[best]
            if np.array_equal(chosen, before):
                break
        return chosen

    def _active(self, column: int, choice: int) -> BoolArray:
        size = len(self._swept.thresholds)
        active: BoolArray = self._options(column, choice // size)[choice % size]
        return active

    def _options(self, column: int, setting: int) -> BoolArray:
        """Active segments (thresholds, segments) of one class by one setting."""
        if (column, setting) not in self._known:
            fields: dict[str, Any] = dict(self._swept.settings[setting])
            share, gated = fields.pop("offset_share", 1.0), fields.pop("tag_gate", False)
            line = self._lines.setdefault(column, self._line.only(column))
            many = runs_by_threshold(line, [ClassPoint(**fields)], self._method, self._swept.thresholds, [share])
            rows: list[npt.NDArray[np.bool_]] = []
            later, counter = self._at(fields.get("pad_offset", 0.0))
            for runs in map(later.joined, many):
                kept = runs.where(line.passes[line.recording[runs.first], 0]) if gated else runs
                change = np.zeros(len(self._fold) + 1, dtype=np.int64)
                np.add.at(change, counter.first[kept.first], 1)
                np.add.at(change, counter.last[kept.last - 1], -1)
                rows.append(np.cumsum(change)[:-1] > 0)
            self._known[column, setting] = np.stack(rows)
        return self._known[column, setting]

    def _at(self, pad: float) -> tuple[Timeline, SegmentCounter]:
        if pad not in self._padded:
            later = self._line.later(pad)
            self._padded[pad] = later, self._counter.on(later)
        return self._padded[pad]


JOINT = "per class, then jointly"  # the way taken for the error rate


class Tuned(NamedTuple):
    """An operating point, and how it came about."""

    point: OperatingPoint
    report: TuningReport


def tune_detection(
    references: Sequence[Sequence[Event]],
    scores: Sequence[Scores],
    objective: str = "segment-f1",
    *,
    grid: Grid | None = None,
    base: OperatingPoint | None = None,
    folds: int = 5,
    seed: int = 0,
    shrinkages: tuple[float, ...] = SHRINKAGES,
    segment_seconds: float = 1.0,
    collar: float = 0.2,
    data: str = "",
) -> Tuned:
    """Threshold, smoothing and gate of each class, from the events of each recording.

    `objective` is segment-f1, event-f1 (each also with -micro) or error-rate. The kind of `grid` says the
    method: `ThresholdGrid` (default), `BoxGrid`, or `FixedGrid` for thresholds alone. Of `base` the calibrations are
    kept and applied first. `data` names the recordings in the result's origin. Events whose label the scores do not
    have are left out, and noted. `ValueError` where there is no recording, or not one reference each;
    `ConfigError` on another objective.
    """
    unit, aim = parse_objective(objective)
    if unit == "tags":
        raise ConfigError(f"objective {objective!r} is about tags; for events: segment-f1, event-f1, error-rate")
    if not scores or len(references) != len(scores):
        raise ValueError(f"{len(references)} references for {len(scores)} recordings")
    labels, grid = scores[0].labels, grid or ThresholdGrid()
    known = [[event for event in events if event.label in labels] for events in references]
    ready = [calibrated(each, base) for each in scores] if base else list(scores)
    if isinstance(grid, FixedGrid):
        parts = [grid.point.of(label) for label in labels]
        ready = [replace(each, frames=weighted(each, parts)) for each in ready]
    tags, clip = encode_tags(known, labels), np.stack([each.clip for each in ready])
    used = min(folds, len(scores))
    fold = assign_folds(tags, used, seed)
    gates = thresholds_by_fold(tags, clip, fold, used)
    line = lay_out(ready, known, fold, used, gates if any(grid.tag_gate) else None)
    counter = _counter(unit, line, segment_seconds, collar)
    swept = sweep(line, counter, grid)
    chosen = choose_by_cross_validation(swept.counts, aim, line.fold, swept.thresholds, shrinkages)
    chosen, overall = _jointly(line, counter, swept, grid, chosen, aim)
    report = make_report(
        objective,
        aim,
        chosen,
        dict(zip(labels, tags.sum(axis=0).tolist(), strict=True)),
        (len(scores), used, seed),
        _unknown(references, labels),
        method=method_of(grid),
        overall=overall,
    )
    thresholds = tune_tagging(tags, clip, labels, folds=folds, seed=seed, shrinkages=shrinkages).thresholds

    def made(choice: IntArray, tagged: Iterable[float]) -> OperatingPoint:
        fields = {
            label: {**_kept(grid, label), **swept.fields(one), "tag_threshold": tag}
            for label, one, tag in zip(labels, choice.tolist(), tagged, strict=True)
        }
        return point_of(fields, base, method_of(grid), report.origin(data))

    taken = [*chosen.by_fold.values()][-1:]  # the way taken; none where there were too few recordings
    by_fold = tuple(made(choice, gates[out].tolist()) for each in taken for out, choice in enumerate(each))
    return Tuned(made(chosen.choice, (thresholds[label] for label in labels)), replace(report, by_fold=by_fold))


def _counter(unit: Unit, line: Timeline, segment_seconds: float, collar: float) -> Counter:
    return EventCounter(line, collar) if unit == "events" else SegmentCounter(line, segment_seconds)


def _jointly(
    line: Timeline, counter: Counter, swept: Sweep, grid: Grid, chosen: Chosen, aim: Aim
) -> tuple[Chosen, dict[str, float] | None]:
    """For the error rate: choices improved jointly, and the overall rate of each way of choosing.

    The joint choice is taken where it is no worse on held-out recordings.
    """
    if not isinstance(aim, ErrorRate) or not isinstance(counter, SegmentCounter):
        return chosen, None
    errors = OverallErrors(line, counter, swept, method_of(grid))
    rates = {name: errors.rate(choices) for name, choices in chosen.by_fold.items()}
    if not rates or not errors.fits:
        return chosen, rates
    joint = np.stack([errors.improve(choice, out) for out, choice in enumerate(chosen.by_fold[SHRUNK])])
    rate = errors.rate(joint)
    if rate > rates[SHRUNK]:
        return chosen, rates
    counts = held_out_counts(swept.counts.reshape(*swept.counts.shape[:2], -1, 3), joint)
    better = replace(
        chosen,
        choice=errors.improve(chosen.choice),
        held_out={**chosen.held_out, JOINT: counts},
        by_fold={**chosen.by_fold, JOINT: joint},
    )
    return better, {**rates, JOINT: rate}


def encode_tags(references: Sequence[Sequence[Event]], labels: Labels) -> BoolArray:
    """Tags (recordings, classes) of recordings whose events are known."""
    return np.stack([labels.encode(event.label for event in events) for events in references])


def _unknown(references: Sequence[Sequence[Event]], labels: Labels) -> list[str]:
    strange = sorted({event.label for events in references for event in events} - set(labels))
    return [f"events with labels that the model does not have are left out: {', '.join(strange)}"] if strange else []


def _kept(grid: Grid, label: str) -> dict[str, Any]:
    """What a grid leaves as it is."""
    if not isinstance(grid, FixedGrid):
        return {}
    return grid.point.of(label).model_dump(exclude={"onset", "offset", "clip_calibration", "frame_calibration"})


def point_of(
    fields: dict[str, dict[str, Any]], base: OperatingPoint | None, method: Any, origin: str
) -> OperatingPoint:
    """A point of these `ClassPoint` fields by label, with the calibrations of `base`."""
    classes = {}
    for label, values in fields.items():
        old = base.of(label) if base else ClassPoint()
        classes[label] = ClassPoint(
            **values, clip_calibration=old.clip_calibration, frame_calibration=old.frame_calibration
        )
    return OperatingPoint(method=method, origin=origin, classes=classes)
