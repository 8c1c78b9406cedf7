"""Figures on two halves, each decided by what was chosen on the other; and the operating point of both together.

Events are tuned for one objective and tags for another (`Aims`). The decisions on both halves are counted together, so
every figure is of soundscapes that neither the model nor its thresholds have met, made of recordings that are not in
them. Intervals: bootstrap over soundscapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.data.manifest import read_manifest
from earmark.decisions import OperatingPoint, decide_all, score_curve
from earmark.decisions.tuning import Tuned
from earmark.inference.labelled import ScoredClips
from earmark.inference.score_cache import score_clips_cached
from earmark.inference.scorer import Scorer
from earmark.inference.tuning import Choice, tune
from earmark.metrics.bootstrap import Resampling
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.metrics.tagging import TaggingMetrics, tagging_metrics
from earmark.tagger import Tagger

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Aims:
    """What the operating point is chosen for."""

    events: str = "segment-f1"
    tags: str = "precision=0.8"
    method: Choice = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Crossed:
    """Both halves one after the other."""

    scored: ScoredClips
    reference: BoolArray  # (clips, classes)
    estimated: BoolArray  # (clips, classes): tags given
    evaluation: Evaluation


def score(model: Path, folder: Path) -> ScoredClips:
    """Scores of a folder of soundscapes, kept beside the model."""
    tagger = Tagger.from_pretrained(model)
    return score_clips_cached(Scorer(tagger), read_manifest(folder, labels=tagger.labels), model / "scores")


def choose(scored: ScoredClips, aims: Aims, data: str) -> Tuned:
    """The operating point: events first, then the thresholds of tags."""
    events = tune_events(scored, aims, data)
    return tune(scored, aims.tags, base=events.point, data=data, seed=aims.seed)


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
    halves: Sequence[ScoredClips], bases: Sequence[OperatingPoint], objectives: Sequence[str], seed: int
) -> dict[str, TaggingMetrics]:
    """What tags are worth when tuned for each objective; `bases` are the points of the other halves' events."""
    both, found = together(halves), {}
    reference = np.stack([both.labels.encode(clip.labels) for clip in both.clips])
    for objective in objectives:
        rows = []
        for half, other, base in zip(halves, halves[::-1], bases, strict=True):
            point = tune(other, objective, base=base, seed=seed).point
            least = np.array([point.of(label).tag_threshold for label in both.labels], dtype=np.float32)
            rows.append(np.stack([scores.clip for scores in half.scores]) >= least)
        found[objective] = tagging_metrics(reference, both.labels, estimated=np.concatenate(rows))
    return found
