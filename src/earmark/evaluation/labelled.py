"""A model on labelled recordings: scored once, then tuned or evaluated.

Clips that cannot be read, of which a part is missing, or that are too short to hold a sound are left out and listed;
they are never scored as silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from earmark.audio import SHORT, Source, too_short
from earmark.data.datasets.embeddings import RATE, WIDTH, check_kind, read_vectors, to_numbers
from earmark.data.records import Clip, Manifest, Problem
from earmark.decisions import OperatingPoint, decide_all
from earmark.decisions.decide import calibrated, score_curve
from earmark.errors import DataError
from earmark.events import Event, beyond_end
from earmark.labels import Labels
from earmark.metrics.bootstrap import Resampling
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.metrics.event import Collars
from earmark.metrics.intersection import Criteria
from earmark.reporter import Progress
from earmark.runtime.scorer import Embeddings, Job, Scorer
from earmark.scores import Scores


@dataclass(frozen=True)
class ScoredClips:
    """Labelled clips with a model's scores, in one order."""

    labels: Labels
    clips: tuple[Clip, ...]
    scores: tuple[Scores, ...]
    problems: tuple[Problem, ...]  # clips left out, and why

    @property
    def strong(self) -> list[int]:
        """Indices of the clips whose events are known."""
        return [index for index, clip in enumerate(self.clips) if clip.events is not None]

    def references(self) -> list[Sequence[Event]]:
        """Events of the strongly labelled clips, within each recording's end."""
        return [within(self.clips[index].events or (), self.scores[index].duration) for index in self.strong]


def score_clips(scorer: Scorer, manifest: Manifest, progress: Progress | None = None) -> ScoredClips:
    """Score every clip of a manifest. `DataError` when none could be read."""
    for engine in scorer.engines:
        check_kind(manifest, engine.takes, engine.rate)
    jobs = (Job(clip.name, source(clip)) for clip in manifest.clips)
    clips, scores, problems = [], [], []
    for number, (clip, scored) in enumerate(zip(manifest.clips, scorer.score_all(jobs), strict=True), 1):
        if scored.scores is None or scored.problem is not None:
            problems.append(Problem("unreadable", clip.name, str(scored.error or scored.problem)))
        elif scored.scores.duration < SHORT:
            problems.append(Problem("short", clip.name, too_short(scored.scores.duration)))
        else:
            clips.append(clip)
            scores.append(scored.scores)
            if (line := beyond_end(clip.events or (), scored.scores.duration, entirely=True)) is not None:
                problems.append(Problem("outside", clip.name, line))
        if progress is not None:
            progress(number, len(manifest))
    if not clips:
        raise DataError(f"{manifest.source}: none of its {len(manifest)} clips can be read; the first: {problems[0]}")
    return ScoredClips(scorer.labels, tuple(clips), tuple(scores), tuple(problems))


def source(clip: Clip) -> Source | Embeddings:
    """Where a scorer finds a clip: its file, or its embeddings."""
    return clip.path if clip.record is None else Embeddings(to_numbers(read_vectors(clip)), RATE * WIDTH)


@dataclass(frozen=True)
class Measuring:
    """How the metrics are taken."""

    segment_length: float = 1.0  # seconds
    collars: Collars = field(default_factory=Collars)
    resampling: Resampling | None = None  # confidence intervals, where asked for
    thorough: bool = False  # intersection-based F1 and PSDS as well


def evaluate_scored(
    scored: ScoredClips, point: OperatingPoint, measuring: Measuring | None = None
) -> tuple[Evaluation, dict[str, list[Event]]]:
    """Every metric the labels allow, and the events that were detected in each recording."""
    measuring = measuring or Measuring()
    decisions = {decision.recording: decision for decision in decide_all(scored.scores, point)}
    reference_tags = np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])
    estimated_tags = np.stack(
        [scored.labels.encode(label for label, _ in decisions[clip.name].tags) for clip in scored.clips]
    )
    detected = {clip.name: decisions[clip.name].events for clip in scored.clips}
    strong = [scored.clips[index].name for index in scored.strong]
    curves = [score_curve(scored.scores[index], point) for index in scored.strong] if measuring.thorough else None
    evaluation = evaluate(
        scored.labels,
        reference=dict(zip(strong, scored.references(), strict=True)) if strong else None,
        estimated={name: detected[name] for name in strong} if strong else None,
        reference_tags=reference_tags,
        estimated_tags=estimated_tags,
        clip_scores=np.stack([calibrated(scores, point).clip for scores in scored.scores]),
        scores=curves or None,
        segment_length=measuring.segment_length,
        collars=measuring.collars,
        criteria=Criteria() if measuring.thorough else None,
        resampling=measuring.resampling,
    )
    return evaluation, detected


def within(events: Sequence[Event], duration: float) -> list[Event]:
    """Events cut at the end of the recording; those wholly beyond it are gone."""
    return [event._replace(offset=min(event.offset, duration)) for event in events if event.onset < duration]
