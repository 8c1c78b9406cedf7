"""A model on labelled recordings: scored once, then tuned or evaluated.

Clips that cannot be read, of which a part is missing, or that are too short to hold a sound are left out and listed;
they are never scored as silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earmark.data.doctor import SHORT
from earmark.data.records import Clip, Manifest, Problem
from earmark.decisions import OperatingPoint, decide_all
from earmark.decisions.tuning import Tuned, tune_detection, tune_from_tags
from earmark.errors import DataError
from earmark.events import Event
from earmark.inference.scorer import Job, Scorer
from earmark.labels import Labels
from earmark.metrics.evaluation import Evaluation, evaluate
from earmark.scores import Scores

Progress = Callable[[int, int], None]  # clips done, clips in all


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
    jobs = [Job(clip.name, clip.path) for clip in manifest.clips]
    clips, scores, problems = [], [], []
    for number, (clip, scored) in enumerate(zip(manifest.clips, scorer.score_all(jobs), strict=True), 1):
        if scored.scores is None or scored.problem is not None:
            problems.append(Problem("unreadable", clip.name, str(scored.error or scored.problem)))
        elif scored.scores.duration < SHORT:
            problems.append(Problem("short", clip.name, too_short(scored.scores.duration)))
        else:
            clips.append(clip)
            scores.append(scored.scores)
        if progress is not None:
            progress(number, len(jobs))
    if not clips:
        raise DataError(f"{manifest.source}: none of its {len(jobs)} clips can be read; the first: {problems[0]}")
    return ScoredClips(scorer.tagger.labels, tuple(clips), tuple(scores), tuple(problems))


def tune(
    scored: ScoredClips,
    objective: str | None = None,
    *,
    base: OperatingPoint | None = None,
    data: str = "",
    seed: int = 0,
) -> Tuned:
    """Choose the operating point: from events where they are known, else what tags alone support.

    `objective` None: segment-f1 with events, tagging-f1 without. Of `base`, the point so far, the calibrations are
    kept; and where it decides events otherwise than tags, tuning on tags leaves its events as they are.
    """
    about_tags = (objective or "").startswith(("tagging", "precision", "recall"))
    chosen = scored.strong
    if chosen and not about_tags:
        scores, reference = [scored.scores[index] for index in chosen], scored.references()
        return tune_detection(reference, scores, objective or "segment-f1", base=base, seed=seed, data=data)
    if objective is not None and not about_tags:
        raise DataError(
            f"objective {objective!r} needs strong labels (onset, offset), and {data or 'the data'} has none"
        )
    tags = np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])
    tuned = tune_from_tags(tags, scored.scores, objective or "tagging-f1", base=base, seed=seed, data=data)
    return tuned if base is None or _events_follow_tags(base) else _with_events_of(base, tuned)


def _events_follow_tags(point: OperatingPoint) -> bool:
    """Whether events have no settings of their own, as in a default point and in one tuned on tags."""
    return point.method == "threshold" and all(
        part.onset == part.offset == part.tag_threshold
        and not (part.median_seconds or part.min_duration_on or part.min_duration_off)
        for part in point.classes.values()
    )


def _with_events_of(base: OperatingPoint, tuned: Tuned) -> Tuned:
    """The tag thresholds of one point, the events of another."""
    classes = {
        label: part.model_copy(update={"tag_threshold": tuned.point.of(label).tag_threshold})
        for label, part in base.classes.items()
    }
    origin = f"tags {tuned.point.origin}; events {base.origin.rpartition('; events ')[2]}"
    note = "tuned on tags alone: tag thresholds are new, events are decided as before"
    report = replace(tuned.report, notes=(*tuned.report.notes[:-1], note))  # in place of the note on events
    return Tuned(base.model_copy(update={"classes": classes, "origin": origin}), report)


def evaluate_scored(scored: ScoredClips, point: OperatingPoint) -> tuple[Evaluation, dict[str, list[Event]]]:
    """Every metric the labels allow, and the events that were detected in each recording."""
    decisions = {decision.recording: decision for decision in decide_all(scored.scores, point)}
    reference_tags = np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])
    estimated_tags = np.stack(
        [scored.labels.encode(label for label, _ in decisions[clip.name].tags) for clip in scored.clips]
    )
    detected = {clip.name: decisions[clip.name].events for clip in scored.clips}
    strong = [scored.clips[index].name for index in scored.strong]
    evaluation = evaluate(
        scored.labels,
        reference=dict(zip(strong, scored.references(), strict=True)) if strong else None,
        estimated={name: detected[name] for name in strong} if strong else None,
        reference_tags=reference_tags,
        estimated_tags=estimated_tags,
        clip_scores=np.stack([scores.clip for scores in scored.scores]),
    )
    return evaluation, detected


def too_short(seconds: float) -> str:
    """What is said of a recording that is not scored for its length.

    >>> too_short(0.01)
    'lasts 10 ms, too short to hold a sound'
    """
    return f"lasts {1000 * seconds:.0f} ms, too short to hold a sound"


def within(events: Sequence[Event], duration: float) -> list[Event]:
    """Events cut at the end of the recording; those wholly beyond it are gone."""
    return [event._replace(offset=min(event.offset, duration)) for event in events if event.onset < duration]
