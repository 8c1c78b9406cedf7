"""The one door to tuning: an objective in, an operating point and a report out.

    segment-f1, event-f1 (each also -micro), error-rate   threshold, smoothing, durations, gate     `decisions.tuning`
    psds1, psds2                                          smoothing; thresholds then for segment-f1  `psds_tuning`
    tagging-f1 (also -micro), precision=P, recall=R       thresholds of the tags                    `decisions.tuning`

The first two need clips whose events are known, the third takes tags. Events are found by thresholds or by boxes;
`method="auto"` tries both and keeps the one that does better on recordings it was not tuned on. Calibrations come
first: all else acts on calibrated scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from earmark.arrays import BoolArray
from earmark.decisions import OperatingPoint
from earmark.decisions.decide import calibrated
from earmark.decisions.operating_point import ClassPoint
from earmark.decisions.tuning import (
    BoxGrid,
    FixedGrid,
    Grid,
    HeldOut,
    ThresholdGrid,
    Tuned,
    tune_detection,
    tune_from_tags,
)
from earmark.decisions.tuning.aims import parse_objective
from earmark.decisions.tuning.calibrating import Calibrated, without_calibration
from earmark.decisions.tuning.calibrating import calibrate as fit_calibration
from earmark.decisions.tuning.detection import encode_tags
from earmark.decisions.tuning.shrinkage import assign_folds
from earmark.decisions.tuning.sweep import Method
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.psds_tuning import Smoothing, tune_smoothing
from earmark.events import Event
from earmark.metrics.psds import PSDS1, PSDS2
from earmark.scores import Scores

FOLDS = 5
PSDS = {"psds1": PSDS1, "psds2": PSDS2}
WORKING_POINT = "segment-f1"  # what thresholds are chosen for where the objective needs none
Calibration = Literal["platt", "isotonic", "none"]
Choice = Literal["auto", "threshold", "boxes"]


def tune(
    scored: ScoredClips,
    objective: str | None = None,
    *,
    method: Choice = "auto",
    calibrate: Calibration | None = None,
    base: OperatingPoint | None = None,
    data: str = "",
    seed: int = 0,
) -> Tuned:
    """Choose the operating point: from events if they are known, otherwise from tags alone.

    `objective` None: segment-f1 with events, tagging-f1 without. `calibrate` fits new calibrations, or drops them
    ("none"); None keeps those of `base`, the point so far. Where `base` decides events otherwise than tags, tuning
    on tags leaves its events as they are. `data` names the clips in the point's origin. `ConfigError` on an
    unknown objective, method or calibration; `DataError` where the objective needs events and none are known.
    """
    check_options(objective, method, calibrate)
    about_tags = objective is not None and objective not in PSDS and parse_objective(objective)[0] == "tags"
    if objective is not None and not about_tags and not scored.strong:
        raise DataError(
            f"objective {objective!r} needs strong labels (onset, offset), and {data or 'the data'} has none"
        )
    start = base or OperatingPoint.default(scored.labels)
    if about_tags or not scored.strong:
        return _tune_tags(scored, objective or "tagging-f1", calibrate, start, data, seed)
    made = _calibrate(scored, start, calibrate, seed, frames=True)
    wanted: tuple[Method, ...] = ("threshold", "boxes") if method == "auto" else (method,)
    tune_events = _tune_psds if objective in PSDS else _tune_counted
    tuned = tune_events(scored, objective or "segment-f1", wanted, made.point if made else start, data, seed)
    return _with_calibration(tuned, made)


def check_options(objective: str | None, method: str = "auto", calibration: str | None = None) -> None:
    """`ConfigError` with a guess for what `tune` does not know."""
    if objective is not None and objective not in PSDS:
        parse_objective(objective, also=PSDS)
    for what, given, known in (
        ("method", method, get_args(Choice)),
        ("calibration", calibration, get_args(Calibration)),
    ):
        if given is not None and given not in known:
            raise ConfigError(f"unknown {what} {given!r}{did_you_mean(given, known)}; known: {', '.join(known)}")


def _tune_counted(
    scored: ScoredClips, objective: str, methods: Sequence[Method], base: OperatingPoint, data: str, seed: int
) -> Tuned:
    """For an objective that counts segments or events."""
    grids: dict[Method, Grid] = {"threshold": ThresholdGrid(), "boxes": BoxGrid()}
    scores, references = _strong(scored)
    options: dict[str, Any] = {"base": base, "folds": FOLDS, "seed": seed, "data": data}
    tried = {method: tune_detection(references, scores, objective, grid=grids[method], **options) for method in methods}
    reached = {method: tuned.report.reached for method, tuned in tried.items()}
    best, figures = _better(reached, tried[methods[0]].report.lower_is_better)
    tuned = tried[best]
    return Tuned(tuned.point, replace(tuned.report, methods=figures))


def _tune_psds(
    scored: ScoredClips, objective: str, methods: Sequence[Method], base: OperatingPoint, data: str, seed: int
) -> Tuned:
    """Smoothing for PSDS, then thresholds to report events by."""
    scores, references = _strong(scored)
    labels = scored.labels
    known = [[event for event in events if event.label in labels] for events in references]
    ready = [calibrated(each, base) for each in scores]
    fold = assign_folds(encode_tags(known, labels), min(FOLDS, len(scores)), seed)
    tried: dict[Method, Smoothing] = {
        method: tune_smoothing(known, ready, PSDS[objective], method, fold) for method in methods
    }
    best, figures = _better({method: smoothing.reached for method, smoothing in tried.items()}, False)
    smoothing = tried[best]
    fixed = OperatingPoint(
        method=best, classes={label: ClassPoint(**setting) for label, setting in smoothing.settings.items()}
    )
    tuned = tune_detection(
        references, scores, WORKING_POINT, grid=FixedGrid(fixed), base=base, folds=FOLDS, seed=seed, data=data
    )
    reached = f" ({tuned.report.reached:.3f} held out)" if tuned.report.reached is not None else ""
    note = (
        f"{objective} covers all thresholds, so it does not choose any; the thresholds for reporting events were "
        f"chosen for {WORKING_POINT}{reached}"
    )
    report = replace(
        tuned.report,
        objective=objective,
        lower_is_better=False,
        shrinkage=smoothing.shrinkage,
        held_out={name: HeldOut(value) for name, value in smoothing.held_out.items()},
        notes=(*tuned.report.notes, note),
        methods=figures,
    )
    origin = f"{report.origin(data)}; thresholds for {WORKING_POINT}"
    return Tuned(tuned.point.model_copy(update={"origin": origin}), report)


def _better(reached: dict[Method, float | None], lower: bool) -> tuple[Method, dict[str, float] | None]:
    """The method that does better on held-out recordings, and the figures of both; of equals the first."""
    figures: dict[Method, float] = {method: value for method, value in reached.items() if value is not None}
    if len(figures) < 2:
        return next(iter(reached)), None
    best = max(figures, key=lambda method: -figures[method] if lower else figures[method])
    return best, {str(method): value for method, value in figures.items()}


def _strong(scored: ScoredClips) -> tuple[list[Scores], list[Sequence[Event]]]:
    return [scored.scores[index] for index in scored.strong], scored.references()


def _calibrate(
    scored: ScoredClips, point: OperatingPoint, calibration: Calibration | None, seed: int, *, frames: bool
) -> Calibrated | None:
    """New calibrations where they are asked for, of frames only with events."""
    if calibration is None:
        return None
    if calibration == "none":
        return Calibrated(without_calibration(point), None, ())
    references: list[Sequence[Event] | None] = [None] * len(scored.clips)
    if frames:
        for index, events in zip(scored.strong, scored.references(), strict=True):
            references[index] = events
    return fit_calibration(point, _tags(scored), scored.scores, references, calibration, folds=FOLDS, seed=seed)


def _with_calibration(tuned: Tuned, made: Calibrated | None) -> Tuned:
    if made is None or made.report is None:
        return tuned
    notes = (*tuned.report.notes, *made.notes)
    return Tuned(tuned.point, replace(tuned.report, calibration=made.report, notes=notes))


def _tags(scored: ScoredClips) -> BoolArray:
    return np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])


def _tune_tags(
    scored: ScoredClips, objective: str, calibration: Calibration | None, start: OperatingPoint, data: str, seed: int
) -> Tuned:
    """For an objective about tags; frames take their clip's map where events follow tags, else keep their own."""
    made = _calibrate(scored, start, calibration, seed, frames=False)
    follow = _events_follow_tags(start)
    base = start
    if made is not None:
        classes = {
            label: part.model_copy(
                update={"frame_calibration": part.clip_calibration if follow else start.of(label).frame_calibration}
            )
            for label, part in made.point.classes.items()
        }
        base = start.model_copy(update={"classes": classes})
    tuned = tune_from_tags(_tags(scored), scored.scores, objective, base=base, folds=FOLDS, seed=seed, data=data)
    return _with_calibration(tuned if follow else _with_events_of(base, tuned), made)


def _events_follow_tags(point: OperatingPoint) -> bool:
    """Whether events have no separate settings, as in a default point and in one tuned on tags."""
    return point.method == "threshold" and all(
        part.onset == part.offset == part.tag_threshold
        and not (part.median_seconds or part.min_duration_on or part.min_duration_off)
        and not (part.tag_gate or part.tag_weight)
        for part in point.classes.values()
    )


def _with_events_of(base: OperatingPoint, tuned: Tuned) -> Tuned:
    """The tag thresholds of one point, the events of another."""
    classes = {
        label: part.model_copy(update={"tag_threshold": tuned.point.of(label).tag_threshold})
        for label, part in base.classes.items()
    }
    origin = f"tags {tuned.point.origin}; events {base.origin.rpartition('; events ')[2]}"
    note = "tuned on tags alone: the tag thresholds are new, the decisions on events are unchanged"
    report = replace(tuned.report, notes=(*tuned.report.notes[:-1], note))  # in place of the note on events
    return Tuned(base.model_copy(update={"classes": classes, "origin": origin}), report)
