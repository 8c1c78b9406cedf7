"""The operating point from tags alone: no recording says when its events are.

Tag thresholds are chosen as always (see `tagging`). Events follow from what tags and the model's own curves
tell:

gate        An event is reported only where its tag is given, and where the clip score also reaches the threshold at
            which all tags together have the best F1: in doubt about the label, no event.
level       A clip that carries a label and passes its gate is a confident one. With the median m of the largest frame
            score (smoothed) over all confident clips and labels, and odds(x) = x / (1 - x),

                odds(onset) = odds(m) / 15        odds(offset) = odds(onset) / 20

            so thresholds follow the scale of a model's frame scores, whatever its pooling and training. The offset of
            a label is never below the 90 % quantile of its frame scores in clips that do not carry it (its floor), or
            an event of a model with little contrast would last as long as its clip.
durations   With d the median time for which the curve of a label is active in its confident clips: a median filter of
            d / 20, gaps filled up to d (at most 2 s), events shorter than d / 10 dropped; but none that is as long as
            half the median length of a single active stretch, or a bark apart from others would be lost for the many
            barks in most clips. log d of a label, and log of that length, are shrunk towards the mean of all labels by
            4 pseudo-clips, or as many stretches.
tail        Events end 0.12 s later than their curve, which falls before the tail of a sound has died away.

The shares and limits (`TagsAloneOptions`) are defaults, fitted once on held-out soundscapes of the bundled model's
classes, where times are known; benchmarks/accuracy/decisions.py measures what they are worth on other recordings, and
docs/results.md has its table. A level for each label, instead of one for all, was tried and did not help.

Without times only labels can be judged: the report says how many clips have an event of a label that they do not carry,
by cross-validation over recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from earmark.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from earmark.decisions.decide import calibrated, decide
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import find_runs, pad_curve
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.decisions.tuning.aims import PooledF1
from earmark.decisions.tuning.detection import Tuned, point_of
from earmark.decisions.tuning.shrinkage import assign_folds
from earmark.decisions.tuning.sweep import TAIL
from earmark.decisions.tuning.tagging import thresholds_by_fold, tune_tagging
from earmark.scores import Scores

TAGS_ALONE = ", tags alone"  # the end of the origin of a point that was tuned without times
NOT_TUNED = (
    "tuned on tags alone: the tag thresholds and the gate of the events are tuned; onset, offset and durations are "
    "defaults scaled by the model's own frame scores, because no event with times was given"
)
TIMED_CLIPS = (
    "clips with timed events measure how good the events are, and 'earmark tune' takes a better choice from them where "
    "they show one; on the scapes benchmark two hundred of them did for event F1 (docs/results.md)"
)
_NEAREST = 1e-4  # scores nearer to 0 or 1 are taken for this far from it
_STEPS = 1000  # in which frame scores are counted


@dataclass(frozen=True)
class TagsAloneOptions:
    """How events follow from tags and curves; fitted once, see the module."""

    onset_odds: float = 15.0  # odds of a typical peak over those of the onset threshold
    offset_odds: float = 20.0  # odds of the onset threshold over those of the offset threshold
    floor_quantile: float = 0.9  # of a label's frame scores in clips without it: the least offset threshold
    peak_seconds: float = 0.2  # median filter over frame scores before peaks and active times are taken
    median_share: float = 0.05  # of the typical active time: the median filter
    gap_share: float = 1.0  # of the same: shorter gaps are filled
    shortest_share: float = 0.1  # of the same: shorter events are dropped ...
    stretch_share: float = 0.5  # ... unless they are longer than this share of a typical active stretch
    tail: float = TAIL  # seconds that events end later than the curve
    longest: float = 2.0  # seconds; no gap longer than this is filled; median filter and shortest event: half of it
    shrinkage: float = 4.0  # pseudo-clips of the average label added to each label's active time


@dataclass(frozen=True, eq=False)
class Curves:
    """What the curves of a model tell."""

    onset: DoubleArray  # (classes,) thresholds ...
    offset: DoubleArray  # (classes,) ... by the typical peak and the floors
    seconds: DoubleArray  # (classes,) for which a label is active in a clip, shrunk
    stretch: DoubleArray  # (classes,) seconds that a single active stretch lasts, shrunk
    clips: IntArray  # (classes,) that the active time of each label rests on


def tune_from_tags(
    reference: BoolArray,
    scores: Sequence[Scores],
    objective: str = "tagging-f1",
    *,
    options: TagsAloneOptions | None = None,
    base: OperatingPoint | None = None,
    folds: int = 5,
    seed: int = 0,
    shrinkages: tuple[float, ...] | None = None,
    data: str = "",
) -> Tuned:
    """Tag thresholds for an objective, and events, from tags (recordings, classes).

    `objective` is one of tags: tagging-f1, tagging-f1-micro, precision=P or recall=R; another is a `ConfigError`. Of
    `base` the calibrations are kept and applied first. `data` names the recordings in the result's origin.
    `ValueError` where there is no recording, or shapes disagree.
    """
    if not scores:
        raise ValueError("no recording to tune on")
    options = options or TagsAloneOptions()
    ready = [calibrated(each, base) for each in scores] if base else list(scores)
    labels, clip = scores[0].labels, np.stack([each.clip for each in ready])
    common: dict[str, Any] = {"folds": folds, "seed": seed}
    tags, report = tune_tagging(reference, clip, labels, objective, **common, shrinkages=shrinkages)
    least = tune_tagging(reference, clip, labels, "tagging-f1-micro", **common).thresholds
    tag, gate = (np.array([each[label] for label in labels]) for each in (tags, least))
    fields = event_fields(reference, ready, tag, gate, options)
    worth = _worth(reference, ready, clip, options, report.folds, seed)
    complete = replace(report, notes=(*report.notes, NOT_TUNED, *worth, TIMED_CLIPS))
    named = dict(zip(labels, fields, strict=True))
    return Tuned(point_of(named, base, "threshold", f"{complete.origin(data)}{TAGS_ALONE}"), complete)


def is_from_tags(point: OperatingPoint) -> bool:
    """Whether the events of a point were chosen from tags alone."""
    return point.origin.endswith(TAGS_ALONE)


def event_fields(
    reference: BoolArray, scores: Sequence[Scores], tag: DoubleArray, gate: DoubleArray, options: TagsAloneOptions
) -> list[dict[str, Any]]:
    """The `ClassPoint` fields of each class, from tags (recordings, classes) and two thresholds of each class.

    Events need a clip score of `gate`, and never less than `tag` (classes,) each.
    """
    gate = np.maximum(gate, tag)
    found = read_curves(reference, scores, gate, options)
    rows = []
    levels_of = (tag, gate, found.onset.round(6), found.offset.round(6), found.seconds, found.stretch)
    for own, least, onset, offset, seconds, stretch in zip(*(each.tolist() for each in levels_of), strict=True):
        shortest = min(options.shortest_share * seconds, options.stretch_share * stretch, options.longest / 2)
        levels = {"tag_threshold": own, "tag_gate": True if least <= own else least, "onset": onset, "offset": offset}
        durations = {
            "median_seconds": round(min(options.median_share * seconds, options.longest / 2), 3),
            "min_duration_on": round(shortest, 3),
            "min_duration_off": round(min(options.gap_share * seconds, options.longest), 3),
            "pad_offset": options.tail,
        }
        rows.append({**levels, **durations})
    return rows


def read_curves(reference: BoolArray, scores: Sequence[Scores], gate: DoubleArray, options: TagsAloneOptions) -> Curves:
    """Peaks and active times are those of the clips that carry a label and score at least `gate` (classes,) for it.

    Where there is none, peaks of 0.5 and active times of 2 s are assumed.
    """
    confident = reference & (np.stack([each.clip for each in scores]) >= gate.astype(np.float32))
    recording, column = np.nonzero(confident)
    peaks = [_smooth(scores[i], column[recording == i], options).max(axis=0) for i in np.unique(recording)]
    peak = float(np.median(np.concatenate(peaks))) if peaks else 0.5
    level = _divided(peak, options.onset_odds)
    offset = np.maximum(_divided(level, options.offset_odds), floors(reference, scores, options.floor_quantile))
    onset = np.maximum(level, offset)
    seconds = np.zeros(reference.shape)
    stretches: list[list[float]] = [[] for _ in range(reference.shape[1])]
    for i in np.unique(recording):
        columns = column[recording == i]
        curves = _smooth(scores[i], columns, options)
        active = _stretches(scores[i], curves, onset[columns], offset[columns])
        for label, lengths in zip(columns.tolist(), active, strict=True):
            seconds[i, label] = lengths.sum()
            stretches[label] += lengths.tolist()
    count = (seconds > 0).sum(axis=0)
    medians = [np.median(each[each > 0]) if n else 1.0 for each, n in zip(seconds.T, count, strict=True)]
    lasting = [np.median(each) if len(each) else 1.0 for each in stretches]
    return Curves(
        onset,
        offset,
        _shrunk(np.array(medians), count, options.shrinkage),
        _shrunk(np.array(lasting), np.array([len(each) for each in stretches]), options.shrinkage),
        count,
    )


def _shrunk(seconds: DoubleArray, count: IntArray, shrinkage: float) -> DoubleArray:
    """Durations (classes,) from so many observations each, their logarithms pulled towards the mean of all.

    Where nothing was observed, 2 s.
    """
    own = np.log(seconds)
    pool = float(count @ own / count.sum()) if count.any() else np.log(2.0)
    return np.asarray(np.exp((count * own + shrinkage * pool) / np.maximum(count + shrinkage, 1e-9)))


def floors(reference: BoolArray, scores: Sequence[Scores], quantile: float) -> DoubleArray:
    """A quantile of each label's frame scores in the recordings that do not carry it: (classes,).

    0 for a label that every recording carries. Counted in steps of the scores' fourth roots, which are fine where
    scores are low: 0.00001 at 0.0004, 0.002 at 0.5.
    """
    classes = reference.shape[1]
    counts = np.zeros((classes, _STEPS + 1), dtype=np.int64)
    for carried, each in zip(reference, scores, strict=True):
        absent = np.flatnonzero(~carried)
        place = (np.sqrt(np.sqrt(each.frames[:, absent])) * _STEPS).astype(np.int64) + absent * (_STEPS + 1)
        counts += np.bincount(place.ravel(), minlength=counts.size).reshape(counts.shape)
    below = counts.cumsum(axis=1)
    floor = ((below >= quantile * below[:, -1:]).argmax(axis=1) / _STEPS) ** 4
    return np.asarray(floor, dtype=np.float64)


def _smooth(scores: Scores, columns: IntArray, options: TagsAloneOptions) -> FloatArray:
    """Smoothed frame scores (frames, columns)."""
    length = odd_frames(options.peak_seconds, scores.clock.step)
    return median_filter(scores.frames[:, columns], [length] * len(columns))


def _stretches(scores: Scores, frames: FloatArray, onset: DoubleArray, offset: DoubleArray) -> list[DoubleArray]:
    """How long each active stretch of each column of a curve (frames, columns) is: by column, in seconds."""
    runs = find_runs(pad_curve(frames), onset.astype(np.float32), offset.astype(np.float32))
    lengths = (runs.last - runs.first) * float(scores.clock.step)
    return [np.asarray(lengths[runs.column == column]) for column in range(frames.shape[1])]


def _worth(
    reference: BoolArray,
    scores: Sequence[Scores],
    clip: FloatArray,
    options: TagsAloneOptions,
    folds: int,
    seed: int,
) -> list[str]:
    """On held-out recordings: clips with an event of a label they do not carry, with this choice and without it."""
    if folds < 2:
        return []
    labels, fold = scores[0].labels, assign_folds(reference, folds, seed)
    by_tag = thresholds_by_fold(reference, clip, fold, folds)
    by_all = thresholds_by_fold(reference, clip, fold, folds, PooledF1())
    wrong = {"this": 0, "plain": 0}
    for out in range(folds):
        rest = np.flatnonzero(fold != out).tolist()
        tag, gate = by_tag[out].astype(np.float64), by_all[out].astype(np.float64)
        chosen = event_fields(reference[rest], [scores[i] for i in rest], tag, gate, options)
        plain = [{"tag_threshold": x, "onset": x, "offset": x} for x in tag.tolist()]
        for way, fields in (("this", chosen), ("plain", plain)):
            classes = {label: ClassPoint(**each) for label, each in zip(labels, fields, strict=True)}
            point = OperatingPoint(classes=classes)
            for i in np.flatnonzero(fold == out).tolist():
                reported = labels.encode({event.label for event in decide(scores[i], point).events})
                wrong[way] += bool((reported & ~reference[i]).any())
    this, plain_share = (f"{wrong[way] / len(scores):.0%}" for way in ("this", "plain"))
    return [
        f"held out, {this} of the clips have an event of a label they do not carry; {plain_share} would if the tag "
        "thresholds served for events too"
    ]


def _divided(value: float, factor: float) -> float:
    """The probability whose odds are those of `value` divided by a factor.

    >>> round(_divided(0.5, 10), 3)
    0.091
    """
    value = min(max(value, _NEAREST), 1 - _NEAREST)
    odds = value / (1 - value) / factor
    return odds / (1 + odds)
