"""DCASE2017 task 4, counted as its own scorers count: A is tagging, B is detection.

Task A (`task_a`), after the published `TaskAEvaluate.py`. Of every clip that both sides name:

- over all (micro, the ranking score): each estimated label that meets a reference label not yet met is a true positive,
  any other a false positive (so a label given twice is one), each reference label not met a false negative;
- per class: each reference label is a true positive where the clip is given that label at all, else a false negative;
  each estimated label that the clip's reference lacks is a false positive (so here a label given twice costs nothing);
- over classes (macro): the mean precision and the mean recall of all classes that occur on either side, and the F1 of
  the two means. A class that only the estimate knows is a class of zeros.

What has no denominator is 0. Clips that the estimate does not name are not counted as missed, and clips that the
reference does not name are not counted at all.

Task B (`task_b`) is sed_eval's segment-based F1 and error rate in seconds (`segment`), as the published
`task4_subtaskB_evaluation.py` calls it: over the recordings of the reference (those the estimate lacks are missed,
those it has beyond them left out), over the labels of the reference (another one in the estimate is refused), to the
last event of either side. Macro figures are sed_eval's: means over the classes where they are defined.

Shares and rates lie in [0, 1] (an error rate may exceed 1); the published scripts print a hundred times as much.
Sources: docs/papers/xu2018.md, sections 6 and 10.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from earmark.errors import DataError, did_you_mean
from earmark.formats.dcase2017 import in_class_order
from earmark.labels import Labels
from earmark.metrics.columns import EventLists
from earmark.metrics.rates import to_json
from earmark.metrics.segment import SegmentMetrics, segment_metrics


@dataclass(frozen=True)
class TagScore:
    """Precision, recall and F1 of tags, with the counts they come from."""

    precision: float
    recall: float
    f1: float
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True)
class TagAverage:
    """Means over classes; F1 is that of the two means."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class TaskA:
    """Task A: tagging."""

    micro: TagScore  # the ranking score
    macro: TagAverage
    per_class: dict[str, TagScore]
    classes: int  # of either side: the macro figures are their means
    files: int  # 'Number of Audio Files' of the published script: those estimated
    scored: int  # clips of both sides
    unknown: tuple[str, ...]  # clips of the estimate alone: not counted
    missing: tuple[str, ...]  # clips of the reference alone: not counted
    repeated: int  # labels given again to a clip that has them: false positives, though not per class

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists and numbers."""
        return {"protocol": "dcase2017-a", **cast(dict[str, Any], to_json(self))}


@dataclass(frozen=True)
class SegmentAverage:
    """Means over classes of segment-based figures."""

    f1: float
    precision: float
    recall: float
    error_rate: float


@dataclass(frozen=True)
class TaskB:
    """Task B: detection."""

    micro: SegmentMetrics  # the ranking score is its error rate; `per_class` is in it
    macro: SegmentAverage
    classes: int  # of the reference: macro recall and error rate are their means
    reported: int  # of these, classes that the estimate reports: macro F1 and precision are the means of these
    scored: int  # recordings of the reference
    unknown: tuple[str, ...]  # recordings of the estimate alone: not counted
    missing: tuple[str, ...]  # recordings of the reference alone: all that they hold is missed

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists and numbers; NaN becomes None."""
        found = cast(dict[str, Any], to_json(self))
        per_class = found["micro"].pop("per_class")
        return {"protocol": "dcase2017-b", **found, "per_class": per_class}


def task_a(
    reference: Mapping[str, Sequence[str]], estimate: Mapping[str, Sequence[str]], *, files: int | None = None
) -> TaskA:
    """Score tags by clip; `files` where the file scored counts them otherwise. `DataError` where no clip is common.

    >>> found = task_a({"a": ["Car"], "b": ["Bus"]}, {"a": ["Car", "Train"]})
    >>> found.micro.precision, found.micro.recall, round(found.macro.f1, 3), found.missing
    (0.5, 1.0, 0.5, ('b',))
    """
    common = [clip for clip in estimate if clip in reference]
    _check_common(common, reference, estimate)
    hits, claims, truths = 0, 0, 0
    tp, fp, fn = Counter[str](), Counter[str](), Counter[str]()
    for clip in common:
        truth, found = Counter(reference[clip]), Counter(estimate[clip])
        hits, claims, truths = hits + (truth & found).total(), claims + found.total(), truths + truth.total()
        tp.update({label: number for label, number in truth.items() if label in found})
        fn.update({label: number for label, number in truth.items() if label not in found})
        fp.update({label: number for label, number in found.items() if label not in truth})
    classes = in_class_order([*tp, *fn, *fp])
    per_class = {label: _score(tp[label], fp[label], fn[label]) for label in classes}
    precision = sum(score.precision for score in per_class.values()) / max(len(classes), 1)
    recall = sum(score.recall for score in per_class.values()) / max(len(classes), 1)
    return TaskA(
        micro=_score(hits, claims - hits, truths - hits),
        macro=TagAverage(precision, recall, _f1(precision, recall)),
        per_class=per_class,
        classes=len(classes),
        files=len(estimate) if files is None else files,
        scored=len(common),
        unknown=tuple(clip for clip in estimate if clip not in reference),
        missing=tuple(clip for clip in reference if clip not in estimate),
        repeated=sum(len(estimate[clip]) - len(set(estimate[clip])) for clip in common),
    )


def task_b(reference: EventLists, estimate: EventLists) -> TaskB:
    """Score events by recording, seconds. `DataError` for a label that the reference lacks, or no common recording.

    >>> from earmark.events import Event
    >>> found = task_b({"a": [Event(0.2, 3.0, "Car")]}, {"a": [Event(1.0, 4.0, "Car")]})
    >>> round(found.micro.f1, 3), round(found.micro.error_rate, 3)
    (0.667, 0.667)
    """
    _check_common([name for name in reference if name in estimate], reference, estimate)
    labels = Labels(in_class_order(event.label for events in reference.values() for event in events))
    micro = segment_metrics(reference, estimate, labels, segment_length=1.0, unknown_recordings="ignore")
    rows = list(micro.per_class.values())
    return TaskB(
        micro=micro,
        macro=SegmentAverage(
            f1=_mean(row.f1 for row in rows),
            precision=_mean(row.precision for row in rows),
            recall=_mean(row.recall for row in rows),
            error_rate=_mean(row.error_rate for row in rows),
        ),
        classes=len(rows),
        reported=sum(not math.isnan(row.f1) for row in rows),
        scored=len(reference),
        unknown=tuple(name for name in estimate if name not in reference),
        missing=tuple(name for name in reference if name not in estimate),
    )


def _check_common(common: Sequence[str], reference: Mapping[str, object], estimate: Mapping[str, object]) -> None:
    if estimate and not common:
        first = next(iter(estimate), "")
        raise DataError(f"the estimate has no clip of the reference (first {first!r}){did_you_mean(first, reference)}")


def _score(tp: int, fp: int, fn: int) -> TagScore:
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    return TagScore(precision, recall, _f1(precision, recall), tp, fp, fn)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
