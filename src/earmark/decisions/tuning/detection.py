"""The whole operating point, from recordings whose events are known (or, weakly, only their tags).

Both tunings give `Tuned(point, report)`. Tag thresholds are always chosen for tagging F1 on the clip scores,
an event of a label being its tag. Overlapping reference events of one label count as annotated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from earmark.decisions.decide import calibrated
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import BoolArray
from earmark.decisions.tuning.aims import Unit, parse_objective
from earmark.decisions.tuning.counting import Counter, EventCounter, SegmentCounter
from earmark.decisions.tuning.report import TuningReport, make_report
from earmark.decisions.tuning.shrinkage import SHRINKAGES, assign_folds, choose_by_cross_validation
from earmark.decisions.tuning.sweep import BoxGrid, Sweep, ThresholdGrid, sweep_boxes, sweep_thresholds
from earmark.decisions.tuning.tagging import tune_tagging
from earmark.decisions.tuning.timeline import Timeline, lay_out
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores


class Tuned(NamedTuple):
    """An operating point, and how it came about."""

    point: OperatingPoint
    report: TuningReport


def tune_detection(
    references: Sequence[Sequence[Event]],
    scores: Sequence[Scores],
    objective: str = "segment-f1",
    *,
    grid: ThresholdGrid | BoxGrid | None = None,
    base: OperatingPoint | None = None,
    folds: int = 5,
    seed: int = 0,
    shrinkages: tuple[float, ...] = SHRINKAGES,
    segment_seconds: float = 1.0,
    collar: float = 0.2,
    data: str = "",
) -> Tuned:
    """Threshold and smoothing of each class, from the events of each recording.

    `objective` is segment-f1, event-f1 (each also with -micro) or error-rate. The kind of `grid` says the
    method: `ThresholdGrid` (default) or `BoxGrid`. Of `base` the calibrations are kept and applied first.
    `data` names the recordings in the result's origin. Events whose label the scores do not have are left
    out, and noted. `ValueError` where there is no recording, or not one reference each; `ConfigError` on
    another objective.
    """
    unit, aim = parse_objective(objective)
    if unit == "tags":
        raise ConfigError(f"objective {objective!r} is about tags; for events: segment-f1, event-f1, error-rate")
    if not scores or len(references) != len(scores):
        raise ValueError(f"{len(references)} references for {len(scores)} recordings")
    labels = scores[0].labels
    known = [[event for event in events if event.label in labels] for events in references]
    ready = [calibrated(each, base) for each in scores] if base else list(scores)
    tags = _tags(known, labels)
    used = min(folds, len(scores))
    line = lay_out(ready, known, assign_folds(tags, used, seed), used)
    counter = _counter(unit, line, segment_seconds, collar)
    sweep = _sweep(line, counter, grid or ThresholdGrid())
    chosen = choose_by_cross_validation(sweep.counts, aim, line.fold, sweep.thresholds, shrinkages)
    positives = dict(zip(labels, tags.sum(axis=0).tolist(), strict=True))
    notes = _unknown(references, labels)
    report = make_report(objective, aim, chosen, positives, (len(scores), used, seed), notes)
    clip = np.stack([each.clip for each in ready])
    thresholds = tune_tagging(tags, clip, labels, folds=folds, seed=seed, shrinkages=shrinkages).thresholds
    parts = [sweep.fields(choice) for choice in chosen.choice.tolist()]
    fields = {label: {**part, "tag_threshold": thresholds[label]} for label, part in zip(labels, parts, strict=True)}
    return Tuned(
        _point(fields, base, "boxes" if isinstance(grid, BoxGrid) else "threshold", report.origin(data)), report
    )


def tune_from_tags(
    reference: BoolArray,
    scores: Sequence[Scores],
    objective: str = "tagging-f1",
    *,
    base: OperatingPoint | None = None,
    folds: int = 5,
    seed: int = 0,
    shrinkages: tuple[float, ...] = SHRINKAGES,
    data: str = "",
) -> Tuned:
    """What tags alone (recordings, classes) can support: one threshold a class, used for tags and events.

    Median filter, durations and the thresholds of frames proper need events with times; the report says so.
    """
    if not scores:
        raise ValueError("no recording to tune on")
    ready = [calibrated(each, base) for each in scores] if base else list(scores)
    clip = np.stack([each.clip for each in ready])
    options: dict[str, Any] = {"folds": folds, "seed": seed, "shrinkages": shrinkages}
    thresholds, report = tune_tagging(reference, clip, scores[0].labels, objective, **options)
    note = (
        "tuned on tags alone: the tag thresholds serve for events too; the best threshold for frames, median filter, "
        "shortest event and shortest gap need events with times and were left as they are"
    )
    fields = {label: {"tag_threshold": x, "onset": x, "offset": x} for label, x in thresholds.items()}
    told = TuningReport(**{**vars(report), "notes": (*report.notes, note)})
    return Tuned(_point(fields, base, "threshold", f"{told.origin(data)}, tags alone"), told)


def _counter(unit: Unit, line: Timeline, segment_seconds: float, collar: float) -> Counter:
    return EventCounter(line, collar) if unit == "events" else SegmentCounter(line, segment_seconds)


def _sweep(line: Timeline, counter: Counter, grid: ThresholdGrid | BoxGrid) -> Sweep:
    return sweep_boxes(line, counter, grid) if isinstance(grid, BoxGrid) else sweep_thresholds(line, counter, grid)


def _tags(references: Sequence[Sequence[Event]], labels: Labels) -> BoolArray:
    return np.stack([labels.encode(event.label for event in events) for events in references])


def _unknown(references: Sequence[Sequence[Event]], labels: Labels) -> list[str]:
    strange = sorted({event.label for events in references for event in events} - set(labels))
    return [f"events left out, as the model does not know their labels: {', '.join(strange)}"] if strange else []


def _point(fields: dict[str, dict[str, Any]], base: OperatingPoint | None, method: Any, origin: str) -> OperatingPoint:
    classes = {}
    for label, values in fields.items():
        old = base.of(label) if base else ClassPoint()
        classes[label] = ClassPoint(
            **values, clip_calibration=old.clip_calibration, frame_calibration=old.frame_calibration
        )
    return OperatingPoint(method=method, origin=origin, classes=classes)
