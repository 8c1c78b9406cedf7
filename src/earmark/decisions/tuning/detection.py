"""The whole operating point, from recordings whose events are known.

Tag thresholds are always chosen for tagging F1 on the clip scores,
an event of a label being its tag. Overlapping reference events of one label count as annotated. Where a grid tries
the gate (events only where the clip is tagged), recordings are gated by thresholds chosen on other folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from earmark.arrays import BoolArray, IntArray
from earmark.decisions.decide import calibrated, weighted
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.tuning.aims import Aim, ErrorRate, Unit, parse_objective
from earmark.decisions.tuning.counting import Counter, EventCounter, SegmentCounter
from earmark.decisions.tuning.error_rate import OverallErrors
from earmark.decisions.tuning.report import TuningReport, make_report
from earmark.decisions.tuning.shrinkage import (
    SHRINKAGES,
    SHRUNK,
    Chosen,
    assign_folds,
    choose_by_cross_validation,
    held_out_counts,
)
from earmark.decisions.tuning.sweep import FixedGrid, Grid, Sweep, ThresholdGrid, method_of, sweep
from earmark.decisions.tuning.tagging import thresholds_by_fold, tune_tagging
from earmark.decisions.tuning.timeline import Timeline, lay_out
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

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
