"""Calibrating clip and frame scores on labelled recordings, and measuring on others what that is worth.

Maps are fitted on all recordings; the figures come from maps fitted without the fold they are judged on. A frame
carries a label if its middle lies in an event. A label that fewer than `FEWEST` recordings carry, or lack, is
left as it is: one more positive would turn its map over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from earmark.arrays import BoolArray, FloatArray, IntArray
from earmark.decisions.calibration import Isotonic, Platt, Reliability, fit_isotonic, fit_platt, reliability
from earmark.decisions.operating_point import OperatingPoint
from earmark.decisions.tuning.report import CalibrationReport
from earmark.decisions.tuning.shrinkage import assign_folds
from earmark.errors import ConfigError, did_you_mean
from earmark.events import Event
from earmark.scores import Scores

FEWEST = 5


class Calibrated(NamedTuple):
    """A point that calibrates and decides nothing else anew, what that is worth, and what could not be done."""

    point: OperatingPoint
    report: CalibrationReport | None  # None where there is nothing to calibrate
    notes: tuple[str, ...]


def calibrate(
    point: OperatingPoint,
    tags: BoolArray,
    scores: Sequence[Scores],
    references: Sequence[Sequence[Event] | None],
    kind: str = "platt",
    *,
    folds: int = 5,
    seed: int = 0,
) -> Calibrated:
    """Give a point new calibrations, from tags (recordings, classes) and, where they are known, events.

    `point` has the labels of the scores, in their order; its own calibrations are dropped. `ConfigError` on an
    unknown kind.
    """
    bare = without_calibration(point)
    names, used = scores[0].labels.names, min(folds, len(scores))
    fold = assign_folds(tags, used, seed)
    carried = tags.sum(axis=0)
    known = [name for name, n in zip(names, carried.tolist(), strict=True) if FEWEST <= n <= len(tags) - FEWEST]
    rare = [name for name in names if name not in known]
    clip = np.stack([each.clip for each in scores])
    strong = [index for index, events in enumerate(references) if events is not None]
    made = with_calibration(bare, tags, clip, kind, only=known)
    before, after = _judge(bare, tags, clip, fold, folds=used, kind=kind, known=known)
    tables: tuple[tuple[Reliability, ...], ...] = ((), ())
    if strong:
        truth = np.concatenate([frame_tags(scores[i], references[i] or ()) for i in strong])
        frames = np.concatenate([scores[i].frames for i in strong])
        frame_fold = np.repeat(fold[strong], [len(scores[i].frames) for i in strong])
        made = with_calibration(made, truth, frames, kind, frames=True, only=known)
        tables = _judge(bare, truth, frames, frame_fold, folds=used, kind=kind, known=known)
    notes = [f"too few recordings to calibrate {', '.join(rare)}; their scores are left unchanged"] if rare else []
    return Calibrated(made, CalibrationReport(kind, before, after, *tables), tuple(notes))


def without_calibration(point: OperatingPoint) -> OperatingPoint:
    """The same point on scores as they are."""
    bare = {"clip_calibration": None, "frame_calibration": None}
    classes = {label: part.model_copy(update=bare) for label, part in point.classes.items()}
    return point.model_copy(update={"classes": classes})


def frame_tags(scores: Scores, events: Sequence[Event]) -> BoolArray:
    """Which frames carry which label (frames, classes)."""
    edges = scores.edges
    middle = (edges[:-1] + edges[1:]) / 2
    truth = np.zeros(scores.frames.shape, dtype=np.bool_)
    for event in events:
        if event.label in scores.labels:
            truth[:, scores.labels.index(event.label)] |= (event.onset <= middle) & (middle < event.offset)
    return truth


def _judge(
    point: OperatingPoint,
    truth: BoolArray,
    scores: FloatArray,
    fold: IntArray,
    *,
    folds: int,
    kind: str,
    known: list[str],
) -> tuple[tuple[Reliability, ...], tuple[Reliability, ...]]:
    """Reliability (of the known labels) of scores as they are, and through maps fitted on other folds."""
    mapped = scores.copy()
    for out in range(folds if folds > 1 else 0):
        rest, here = fold != out, fold == out
        for column, part in enumerate(
            with_calibration(point, truth[rest], scores[rest], kind, only=known).classes.values()
        ):
            if part.clip_calibration is not None:
                mapped[here, column] = part.clip_calibration.apply(scores[here, column])
    before, after = (reliability(truth, values, point.labels) for values in (scores, mapped))
    return tuple(row for row in before if row.label in known), tuple(row for row in after if row.label in known)


def with_calibration(
    point: OperatingPoint,
    reference: BoolArray,
    scores: FloatArray,
    kind: str = "platt",
    *,
    frames: bool = False,
    only: Iterable[str] | None = None,
) -> OperatingPoint:
    """An operating point that calibrates: maps fitted per label on clip scores (clips, classes) in its order.

    With `frames`, `reference` and `scores` are rows of frames instead and the frame maps are fitted; with
    `only`, maps of these labels alone. Thresholds act on calibrated scores, so calibrate first and tune after.
    `ConfigError` on an unknown kind.
    """
    fits: dict[str, Callable[[BoolArray, FloatArray], Platt | Isotonic]] = {
        "platt": fit_platt,
        "isotonic": fit_isotonic,
    }
    if kind not in fits:
        raise ConfigError(f"unknown calibration {kind!r}, expected platt or isotonic{did_you_mean(kind, fits)}")
    if reference.shape != scores.shape or reference.shape[1:] != (len(point.labels),):
        raise ValueError(f"{len(point.labels)} labels, but reference {reference.shape} and scores {scores.shape}")
    field = "frame_calibration" if frames else "clip_calibration"
    wanted = set(point.labels if only is None else only)
    classes = {
        label: part.model_copy(update={field: fits[kind](reference[:, c], scores[:, c])}) if label in wanted else part
        for c, (label, part) in enumerate(point.classes.items())
    }
    return point.model_copy(update={"classes": classes})
