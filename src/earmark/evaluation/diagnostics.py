"""What a model does with labelled recordings, in more depth than its figures: curves, confusions, hard recordings.

`curves` computes what the charts of a report are drawn of, `hardest` finds the recordings that a model fails on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earmark.arrays import BoolArray, FloatArray
from earmark.decisions import OperatingPoint
from earmark.decisions.calibration import reliability
from earmark.decisions.decide import calibrated, score_curve
from earmark.evaluation.labelled import ScoredClips
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics.psds import PSDS1, PSDS2, Psds, psds
from earmark.metrics.segment import SegmentMetrics, segment_metrics
from earmark.metrics.tagging import average_precision
from earmark.report.study import PrecisionRecall, Study, confuse

_SURE = 1e-6  # scores are kept this far from 0 and 1 in the loss, so that one sure mistake is not infinite
_TOLD = 3  # labels named in a sentence


@dataclass(frozen=True)
class Hard:
    """A recording that the model finds hard."""

    index: int  # among the scored clips
    loss: float  # mean cross-entropy of its clip scores, nats a label
    errors: float | None  # sounds mistaken, missed or invented, a second; None where its events are not known
    note: str  # a sentence: what went wrong


def curves(scored: ScoredClips, point: OperatingPoint, found: Mapping[str, Psds] | None = None) -> Study:
    """What the charts need, from the scores that the operating point's thresholds meet.

    `found` are PSDS already computed, by name; None computes PSDS1 and PSDS2 where events are known. Reliability is
    of the clip scores as the model gives them, and beside them calibrated where the operating point does so.
    """
    reference = _reference(scored)
    raw = np.stack([scores.clip for scores in scored.scores])  # (clips, classes)
    # frames are of no concern here, and calibrating them would take long
    clip = np.stack([calibrated(replace(scores, frames=scores.frames[:0]), point).clip for scores in scored.scores])
    given = clip >= np.array([point.of(label).tag_threshold for label in scored.labels], dtype=np.float32)
    maps = any(point.of(label).clip_calibration for label in scored.labels)
    return Study(
        precision_recall=precision_recall(reference, clip, given, scored.labels),
        psds=_psds(scored, point) if found is None else found,
        confusion=confuse(reference, given, scored.labels),
        reliability=reliability(reference, raw, scored.labels),
        calibrated=reliability(reference, clip, scored.labels) if maps else (),
    )


def precision_recall(
    reference: BoolArray, scores: FloatArray, given: BoolArray, labels: Labels
) -> dict[str, PrecisionRecall]:
    """The curve of each class that has positives; arrays (clips, classes), `given` the tags decided on.

    >>> truth, scores = np.array([[True], [False], [True]]), np.float32([[0.9], [0.8], [0.7]])
    >>> found = precision_recall(truth, scores, scores > 0.85, Labels(["dog"]))["dog"]
    >>> found.recall.tolist(), found.precision.round(2).tolist(), found.at
    ([0.5, 1.0], [1.0, 0.67], (0.5, 1.0))
    """
    areas = average_precision(reference, scores)
    found = {}
    for column, label in enumerate(labels):
        truth, reported = reference[:, column], given[:, column]
        positive = np.sort(scores[truth, column])[::-1]
        if not len(positive):
            continue
        # at the score of each positive clip, those that tie with it included
        tp = np.searchsorted(-positive, -positive, side="right")
        negative = np.sort(scores[~truth, column])
        fp = len(negative) - np.searchsorted(negative, positive, side="left")
        right, total = int((truth & reported).sum()), int(reported.sum())
        found[label] = PrecisionRecall(
            recall=tp / len(positive),
            precision=tp / (tp + fp),
            ap=float(areas[column]),
            positives=len(positive),
            at=(right / len(positive), right / total) if total else None,
        )
    return found


def hardest(
    scored: ScoredClips, detected: Mapping[str, Sequence[Event]], count: int, longest: float = 60.0
) -> list[Hard]:
    """The recordings that the model does worst on, worst first; none longer than `longest` seconds.

    Where events are known: most segment errors a second (slices of 1 s, see `metrics.segment`), ties by the loss
    of the clip scores. Without any events: by that loss. `detected`: events by recording.
    """
    losses = _losses(scored)
    strong = scored.strong
    references = dict(zip(strong, scored.references(), strict=True))
    found = []
    for index in strong or range(len(scored.clips)):
        name, duration = scored.clips[index].name, scored.scores[index].duration
        if duration > longest:
            continue
        if index not in references:
            found.append(Hard(index, losses[index], None, _tag_note(scored, index)))
            continue
        one = segment_metrics(
            {name: references[index]}, {name: detected[name]}, scored.labels, durations={name: duration}
        )
        errors = (one.substitutions + one.deletions + one.insertions) / max(duration, 1.0)
        found.append(Hard(index, losses[index], errors, _event_note(one)))
    found.sort(key=lambda hard: (-(hard.errors or 0.0), -hard.loss, hard.index))
    return found[:count]


def _reference(scored: ScoredClips) -> BoolArray:
    return np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])


def _losses(scored: ScoredClips) -> list[float]:
    """Mean binary cross-entropy of each clip's scores."""
    truth = _reference(scored)
    score = np.stack([scores.clip for scores in scored.scores]).astype(np.float64).clip(_SURE, 1 - _SURE)
    return [float(value) for value in -np.where(truth, np.log(score), np.log1p(-score)).mean(axis=1)]


def _psds(scored: ScoredClips, point: OperatingPoint) -> dict[str, Psds]:
    """PSDS1 and PSDS2 by name; none without events."""
    if not scored.strong:
        return {}
    names = [scored.clips[index].name for index in scored.strong]
    reference = dict(zip(names, scored.references(), strict=True))
    scores = [score_curve(scored.scores[index], point) for index in scored.strong]
    return {
        name: psds(scores, reference, scored.labels, options=options)
        for name, options in (("PSDS1", PSDS1), ("PSDS2", PSDS2))
    }


def _event_note(one: SegmentMetrics) -> str:
    """What was missed and invented, in slices of a second.

    >>> from earmark.events import Event
    >>> reference, estimated = [Event(0.0, 3.0, "dog")], [Event(2.0, 3.0, "dog"), Event(5.0, 6.0, "cat")]
    >>> _event_note(segment_metrics({"a": reference}, {"a": estimated}, Labels(["cat", "dog"])))
    'Missed: dog 2 s. Invented: cat 1 s.'
    """
    missed = {label: part.deletions for label, part in one.per_class.items() if part.deletions}
    invented = {label: part.insertions for label, part in one.per_class.items() if part.insertions}
    return " ".join(f"{what}: {_listed(sums)}." for what, sums in (("Missed", missed), ("Invented", invented)) if sums)


def _listed(sums: Mapping[str, int]) -> str:
    order = sorted(sums, key=lambda label: -sums[label])
    rest = [f"{len(order) - _TOLD} more"] if len(order) > _TOLD else []
    return ", ".join([f"{label} {sums[label]} s" for label in order[:_TOLD]] + rest)


def _tag_note(scored: ScoredClips, index: int) -> str:
    """The labels whose clip scores are furthest from the truth."""
    clip, scores = scored.clips[index], scored.scores[index].clip
    truth = scored.labels.encode(clip.labels)
    wrong = np.abs(truth - scores)
    worst = [column for column in np.argsort(-wrong, kind="stable")[:_TOLD] if wrong[column] > 0.5]
    kinds = (
        ("Scored low although present", [column for column in worst if truth[column]]),
        ("Scored high although absent", [column for column in worst if not truth[column]]),
    )
    return " ".join(
        f"{what}: {', '.join(f'{scored.labels.names[column]} {scores[column]:.2f}' for column in columns)}."
        for what, columns in kinds
        if columns
    )
