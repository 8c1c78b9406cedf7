"""Figures on two halves, each decided by what was chosen on the other; and the operating point of both together.

Events are tuned for one objective and tags for another (`Aims`), which gate the events. A class whose tags are wrong
too often even so, on the recordings it was tuned on, keeps silent: better that than a list of wrong guesses.

The decisions on both halves are counted together, so every figure is of soundscapes that neither the model nor its
thresholds have met, made of recordings that are not in them. Intervals: bootstrap over soundscapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.decisions import OperatingPoint, decide_all, score_curve
from earmark.decisions.tuning import Tuned
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.tuning import Choice, tune
from earmark.metrics.bootstrap import Resampling
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.metrics.tagging import TaggingMetrics, tagging_metrics

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Aims:
    """What the operating point is chosen for."""

    events: str = "segment-f1"
    tags: str = "precision=0.9"
    method: Choice = "auto"
    seed: int = 0
    least: float = 0.5  # precision of tags below which a class keeps silent


@dataclass(frozen=True)
class Crossed:
    """Both halves one after the other."""

    scored: ScoredClips
    reference: BoolArray  # (clips, classes)
    estimated: BoolArray  # (clips, classes): tags given
    evaluation: Evaluation


def choose(scored: ScoredClips, aims: Aims, data: str) -> Tuned:
    """The operating point: events first, then the thresholds of tags."""
    events = tune_events(scored, aims, data)
    tuned = tune(scored, aims.tags, base=events.point, data=data, seed=aims.seed)
    return tuned._replace(point=silenced(tuned.point, scored, aims.least))


def silenced(point: OperatingPoint, scored: ScoredClips, least: float) -> OperatingPoint:
    """The point with tags that gate events, and none of labels that are right less often than `least`."""
    reference, scores = tagged_clips(scored)
    thresholds = np.array([point.of(label).tag_threshold for label in scored.labels], dtype=np.float32)
    given = scores >= thresholds
    precision = (given & reference).sum(axis=0) / np.maximum(given.sum(axis=0), 1)
    changes = {
        label: {"tag_gate": True, **({} if right >= least else {"tag_threshold": 1.0})}
        for label, right in zip(scored.labels, precision, strict=True)
    }
    classes = {label: point.of(label).model_copy(update=change) for label, change in changes.items()}
    return point.model_copy(update={"classes": classes})


def tagged_clips(scored: ScoredClips) -> tuple[BoolArray, npt.NDArray[np.float32]]:
    """True tags and clip scores, (clips, classes) each."""
    reference = np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])
    return reference, np.stack([scores.clip for scores in scored.scores])


def tune_events(scored: ScoredClips, aims: Aims, data: str) -> Tuned:
    """The part of `choose` that is the same whatever tags are tuned for."""
    return tune(scored, aims.events, method=aims.method, data=data, seed=aims.seed)


def together(halves: Sequence[ScoredClips]) -> ScoredClips:
    """One collection of several."""
    clips = tuple(clip for half in halves for clip in half.clips)
    scores = tuple(each for half in halves for each in half.scores)
    return ScoredClips(halves[0].labels, clips, scores, tuple(p for half in halves for p in half.problems))


def cross(halves: Sequence[ScoredClips], points: Sequence[OperatingPoint], resampling: Resampling | None) -> Crossed:
    """Each half decided by its point; `points` were chosen on the other half."""
    both = together(halves)
    pairs = list(zip(halves, points, strict=True))
    decisions = {each.recording: each for half, point in pairs for each in decide_all(half.scores, point)}
    reference = np.stack([both.labels.encode(clip.labels) for clip in both.clips])
    tags = [(label for label, _ in decisions[clip.name].tags) for clip in both.clips]
    estimated = np.stack([both.labels.encode(each) for each in tags])
    names = [clip.name for clip in both.clips]
    evaluation = evaluate(
        both.labels,
        reference=dict(zip(names, both.references(), strict=True)),
        estimated={name: decisions[name].events for name in names},
        reference_tags=reference,
        estimated_tags=estimated,
        clip_scores=np.stack([scores.clip for scores in both.scores]),
        scores=[score_curve(scores, point) for half, point in pairs for scores in half.scores],
        resampling=resampling,
    )
    return Crossed(both, reference, estimated, evaluation)


def compare_tags(
    halves: Sequence[ScoredClips], bases: Sequence[OperatingPoint], objectives: Sequence[str], aims: Aims
) -> dict[str, TaggingMetrics]:
    """What tags are worth when tuned for each objective; `bases` are the points of the other halves' events."""
    both, found = together(halves), {}
    reference, _ = tagged_clips(both)
    for objective in objectives:
        rows = []
        for half, other, base in zip(halves, halves[::-1], bases, strict=True):
            point = silenced(tune(other, objective, base=base, seed=aims.seed).point, other, aims.least)
            least = np.array([point.of(label).tag_threshold for label in both.labels], dtype=np.float32)
            rows.append(tagged_clips(half)[1] >= least)
        found[objective] = tagging_metrics(reference, both.labels, estimated=np.concatenate(rows))
    return found
