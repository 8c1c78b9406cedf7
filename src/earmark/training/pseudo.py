"""Pseudo labels: the frames in which each label of a clip is active, by a teacher's scores.

    active(k, t)  where the clip carries label k, and  median(p(k, .))(t) > threshold,
                  in a stretch that passes `onset` somewhere; gaps shorter than `gap_seconds` are filled

on the clip as it is, not augmented, whole (in overlapping windows, where it is longer than the model's). The weak label
is beyond doubt, so the threshold can be low: it has to tell where in the clip, not whether. Of a clip without labels
the teacher says first which it carries: those whose clip score passes its operating point's threshold. A clip in which
none does is one without sounds.

After Ebbers and Haeb-Umbach 2021, "Self-trained audio tagging and sound event detection in domestic environments";
filter and threshold are one for all classes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from earmark.data.store import ClipStore
from earmark.data.targets import Found, FrameTargets, Targets
from earmark.decisions import OperatingPoint
from earmark.decisions.decide import calibrated
from earmark.decisions.segments import fill_gaps, find_runs, pad_curve, whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.reporter import Progress
from earmark.runtime.scorer import Embeddings, Job, Scorer, Waveform
from earmark.scores import Scores
from earmark.training.options import SelfTrainingOptions


def pseudo_labels(
    scorer: Scorer,
    clips: ClipStore,
    labels: Targets,
    options: SelfTrainingOptions,
    *,
    unlabelled: ClipStore | None = None,
    point: OperatingPoint | None = None,
    progress: Progress | None = None,
) -> FrameTargets:
    """Frame labels of `clips`, whose weak labels are known, and then of `unlabelled`, whose tags `point` decides.

    Columns are those of the scorer's labels. `ValueError` where there are unlabelled clips and no point.
    """
    engine = scorer.engines[0]
    total = len(clips) + len(unlabelled or ())

    def found() -> Iterator[Found]:
        for number, scores in enumerate(_scores(scorer, clips)):
            columns = labels.columns[labels.first[number] : labels.first[number + 1]].tolist()
            yield active_frames(scores, columns, options)
        if unlabelled is not None:
            if point is None:
                raise ValueError("an operating point is needed to give labels to unlabelled clips")
            for scores in _scores(scorer, unlabelled):
                yield active_frames(scores, tags(scores, point), options)

    def counted() -> Iterator[Found]:
        for done, each in enumerate(found(), 1):
            yield each
            if progress is not None:
                progress(done, total)

    return FrameTargets.of(counted(), len(scorer.labels), engine.clock.step * clips.rate)


def active_frames(scores: Scores, columns: Sequence[int], options: SelfTrainingOptions) -> Found:
    """When the labels in these columns are active."""
    frames, count = scores.frames[:, columns], len(columns)
    smooth = median_filter(frames, [odd_frames(options.median_seconds, scores.clock.step)] * count)
    levels = [np.full(count, above(level)) for level in (max(options.onset, options.threshold), options.threshold)]
    shortest = np.full(count, whole_frames(options.gap_seconds, scores.clock.step))
    runs = fill_gaps(find_runs(pad_curve(smooth), *levels), shortest)
    active = np.zeros((count, len(frames)), bool)
    for column, first, last in zip(runs.column, runs.first, runs.last, strict=True):
        active[column, first:last] = True
    return columns, active


def above(level: float) -> np.float32:
    """The least number above a level, for what reaches the one and so passes the other."""
    return np.float32(np.nextafter(np.float32(level), np.float32(1)))


def tags(scores: Scores, point: OperatingPoint) -> list[int]:
    """Columns of the labels whose clip score reaches the threshold of the operating point."""
    thresholds = np.array([point.of(label).tag_threshold for label in scores.labels], np.float32)
    found: list[int] = np.flatnonzero(calibrated(scores, point).clip >= thresholds).tolist()
    return found


def _scores(scorer: Scorer, clips: ClipStore) -> Iterator[Scores]:
    """Scores of every clip of a store, in order; the error of one that cannot be read any more is raised."""
    kind, rate = (Embeddings if scorer.engines[0].takes == "embeddings" else Waveform), scorer.engines[0].rate
    jobs = (Job(clip.name, kind(clips.read(n), rate)) for n, clip in enumerate(clips.clips))
    for scored in scorer.score_all(jobs):
        if scored.error is not None or scored.scores is None:
            raise scored.error or ValueError(f"{scored.job.name} has no scores")
        yield scored.scores
