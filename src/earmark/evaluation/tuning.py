"""The one door to tuning: an objective in, an operating point and a report out.

    segment-f1, event-f1 (each also -micro), error-rate   threshold, smoothing, durations, gate     `decisions.tuning`
    psds1, psds2                                          smoothing; thresholds then for segment-f1  `psds_tuning`
    tagging-f1 (also -micro), precision=P, recall=R       tags; events by scaled defaults           `decisions.tuning`

The first two need clips whose events are known, the third takes tags; the events of a point that was tuned on events
stay as they are. Events are found by thresholds or by boxes;
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
from earmark.decisions.operating_point import ClassPoint, named_point
from earmark.decisions.tuning import (
    BoxGrid,
    FixedGrid,
    Grid,
    HeldOut,
    ThresholdGrid,
    Tuned,
    tune_detection,
    tune_from_tags,
    tune_tagging,
)
from earmark.decisions.tuning.aims import parse_objective
from earmark.decisions.tuning.calibrating import Calibrated, without_calibration
from earmark.decisions.tuning.calibrating import calibrate as fit_calibration
from earmark.decisions.tuning.detection import encode_tags
from earmark.decisions.tuning.from_tags import NOT_TUNED, TAGS_ALONE, TIMED_CLIPS, is_from_tags
from earmark.decisions.tuning.shrinkage import assign_folds
from earmark.decisions.tuning.sweep import Method
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.evaluation.few_timed import ANEW, BEFORE, keep
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.psds_tuning import Smoothing, tune_smoothing
from earmark.events import Event
from earmark.metrics.psds import PSDS1, PSDS2
from earmark.scores import Scores

FOLDS = 5
PSDS = {"psds1": PSDS1, "psds2": PSDS2}
WORKING_POINT = "segment-f1"  # what thresholds are chosen for where the objective needs none
UNTUNED = (
    "the operating point is the default one: nothing was tuned; 'earmark tune MODEL DATA' chooses a better one on "
    "clips that were not trained on, and their tags are enough"
)
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
    ("none"); None keeps those of `base`, the point so far. Where the events of `base` were tuned on times, tuning on
    tags leaves them as they are. `data` names the clips in the point's origin. `ConfigError` on an
    unknown objective, method or calibration; `DataError` where the objective needs events and none are known.
    """
    check_options(objective, method, calibrate)
    about_tags = objective is not None and objective not in PSDS and parse_objective(objective)[0] == "tags"
    if objective is not None and not about_tags and not scored.strong:
        raise DataError(
            f"objective {objective!r} needs strong labels (onset, offset), and {data or 'the data'} has none"
        )
    start = base or OperatingPoint.plain(scored.labels)
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


def advice(point: OperatingPoint) -> tuple[str, ...]:
    """What of a point was not tuned, and what to do about it; nothing where it was tuned on timed events."""
    if is_from_tags(point):
        return NOT_TUNED, TIMED_CLIPS
    return (UNTUNED,) if _is_default(point) else ()


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
    tuned = Tuned(tuned.point, replace(tuned.report, methods=figures))
    return or_before(tuned, scored, objective, base, data=data, seed=seed)


def or_before(
    tuned: Tuned, scored: ScoredClips, objective: str, base: OperatingPoint, *, data: str = "", seed: int = 0
) -> Tuned:
    """The point that tags gave before, as it is or scaled, unless the timed clips show that their own is better.

    `tuned` is what `objective` made of the timed clips of `scored`. Where `base` was tuned on times, it is returned.
    """
    if not (is_from_tags(base) or _is_default(base)):
        return tuned
    scores, references = _strong(scored)
    labels = scored.labels
    known = [[event for event in events if event.label in labels] for events in references]
    fold = assign_folds(encode_tags(known, labels), min(FOLDS, len(scores)), seed)
    kept = keep(objective, references, scores, fold, before=base, anew=tuned, seed=seed)
    note = kept.note(objective, len(scores))
    if kept.name == ANEW:
        return Tuned(tuned.point, replace(tuned.report, notes=(*tuned.report.notes, note)))
    where = f" of {data}" if data else ""
    how = "kept" if kept.name == BEFORE else "scaled"
    before = base.origin.rpartition("; before: ")[2]
    origin = f"{how} after a comparison for {objective} on {len(scores)} timed clips{where}; before: {before}"
    point = kept.point.model_copy(update={"origin": origin})
    return Tuned(point, replace(tuned.report, notes=(*tuned.report.notes, note)))


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
    """For an objective about tags; events are chosen anew where no times were used for those of `start`."""
    made = _calibrate(scored, start, calibration, seed, frames=False)
    base = start
    if made is not None:
        frames = {label: {"frame_calibration": part.frame_calibration} for label, part in start.classes.items()}
        classes = {label: part.model_copy(update=frames[label]) for label, part in made.point.classes.items()}
        base = start.model_copy(update={"classes": classes})
    chosen_on_times = not (is_from_tags(start) or _events_follow_tags(start) or _is_default(start))
    tune_on_tags = _tune_tags_alone if chosen_on_times else tune_from_tags
    tuned = tune_on_tags(_tags(scored), scored.scores, objective, base=base, folds=FOLDS, seed=seed, data=data)
    return _with_calibration(tuned, made)


def _events_follow_tags(point: OperatingPoint) -> bool:
    """Whether events have no settings of their own, as in a plain point and in one that version 0.1 tuned on tags."""
    return point.method == "threshold" and all(
        part.onset == part.offset == part.tag_threshold
        and not (part.median_seconds or part.min_duration_on or part.min_duration_off)
        and not (part.tag_gate or part.tag_weight)
        for part in point.classes.values()
    )


def _is_default(point: OperatingPoint) -> bool:
    """Whether a point decides as the one named "default", calibrations aside."""
    return without_calibration(point).classes == named_point("default", point.labels).classes


def _tune_tags_alone(
    reference: BoolArray,
    scores: Sequence[Scores],
    objective: str,
    *,
    base: OperatingPoint,
    folds: int,
    seed: int,
    data: str,
) -> Tuned:
    """New tag thresholds; the events of `base`."""
    clip = np.stack([calibrated(each, base).clip for each in scores])
    thresholds, report = tune_tagging(reference, clip, scores[0].labels, objective, folds=folds, seed=seed)
    classes = {
        label: part.model_copy(update={"tag_threshold": thresholds[label]}) for label, part in base.classes.items()
    }
    origin = f"tags {report.origin(data)}{TAGS_ALONE}; events {base.origin.rpartition('; events ')[2]}"
    note = "tuned on tags alone: the tag thresholds are new, the decisions on events are unchanged"
    point = base.model_copy(update={"classes": classes, "origin": origin})
    return Tuned(point, replace(report, notes=(*report.notes, note)))
