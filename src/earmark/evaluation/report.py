"""What a report shows of a model on labelled recordings: a few of them, with sound and pictures, and its thresholds."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio import read_audio
from earmark.decisions import OperatingPoint
from earmark.decisions.decide import decide, score_curve
from earmark.evaluation.diagnostics import curves, hardest
from earmark.evaluation.labelled import ScoredClips, within
from earmark.events import Event
from earmark.report.charts import charts
from earmark.report.comparison import Comparison
from earmark.report.lanes import RecordingView
from earmark.report.page import Report
from earmark.report.points import calibration_text, method_text, point_table
from earmark.report.spectrogram import log_mel
from earmark.runtime.tagger import Tagger

LONGEST = 60.0  # seconds; longer recordings are not shown


def choose_clips(scored: ScoredClips, count: int) -> list[int]:
    """Clips worth looking at: short enough, together covering as many labels as they can, strong labels first."""
    usable = [index for index, scores in enumerate(scored.scores) if scores.duration <= LONGEST]
    strong = set(scored.strong)
    seen: set[str] = set()
    chosen: list[int] = []
    while usable and len(chosen) < count:
        best = max(usable, key=lambda index: (index in strong, len(set(scored.clips[index].labels) - seen), -index))
        usable.remove(best)
        chosen.append(best)
        seen |= set(scored.clips[best].labels)
    return chosen


def recording_views(
    rate: int, scored: ScoredClips, detected: Mapping[str, Sequence[Event]], point: OperatingPoint, count: int
) -> list[RecordingView]:
    """Log-mel, scores, reference and detected events, and the sound at `rate` Hz of a few recordings."""
    return [_view(rate, scored, index, detected, point) for index in choose_clips(scored, count)]


def _view(
    rate: int, scored: ScoredClips, index: int, detected: Mapping[str, Sequence[Event]], point: OperatingPoint
) -> RecordingView:
    clip, scores = scored.clips[index], scored.scores[index]
    audio = read_audio(clip.path, rate)
    picture = log_mel(audio.samples, rate)
    curve = score_curve(scores, point)
    return RecordingView(
        scores=curve,  # what the thresholds meet
        logmel=picture.values,
        logmel_clock=picture.clock,
        detected=detected[clip.name],
        reference=None if clip.events is None else within(clip.events, scores.duration),
        thresholds={label: part.onset for label, part in point.classes.items()},
        band_hz=picture.band_hz,
        waveform=audio.samples,
        rate=rate,
        raw=None if np.array_equal(curve.frames, scores.frames) else scores,
        truth=clip.labels,
        answer=decide(replace(scores, frames=scores.frames[:0]), point).tags,
    )


@dataclass(frozen=True, eq=False)
class Measured:
    """A model on labelled recordings: the content of the page of `earmark evaluate`."""

    name: Path
    tagger: Tagger
    scored: ScoredClips
    metrics: Mapping[str, Mapping[str, Any]]
    detected: Mapping[str, Sequence[Event]]


def evaluation_report(
    measured: Measured,
    *,
    data: Path,
    against: Measured | None = None,
    shown: int = 4,
    sounds: bool = True,
    comparison: Comparison | None = None,
    problems: Sequence[str] = (),
) -> Report:
    """The page of `earmark evaluate --report`: of one model, or of the second of two that are compared.

    `against` is the first of two.
    """
    rate = measured.tagger.rate
    point, scored = measured.tagger.operating_point, measured.scored
    if any(clip.record is not None for clip in scored.clips):
        shown = 0  # embeddings alone: nothing to show or play
    hard = hardest(scored, measured.detected, shown, LONGEST)
    views = [replace(_view(rate, scored, one.index, measured.detected, point), note=one.note) for one in hard]
    usual = [index for index in choose_clips(scored, shown) if index not in {one.index for one in hard}]
    names = comparison.names if comparison else (measured.name.name,)
    paths = [str(each.name) for each in (against, measured) if each is not None]
    return Report(
        title=f"{' and '.join(names)} on {data.name}",
        summary=f"{len(scored.clips)} recordings, {len(scored.labels)} labels, "
        f"{len(scored.strong)} of them with known events.",
        facts=_facts(measured, against, data),
        metrics=measured.metrics,
        comparison=comparison,
        history=read_log(measured.name / "log.csv"),
        operating_point=point_table(point),
        decisions=[method_text(point), calibration_text(point)],
        recordings=[_view(rate, scored, index, measured.detected, point) for index in usual],
        hardest=views,
        sounds=sounds,
        charts=charts(curves(scored, point)),
        problems=problems,
        command=shlex.join(["earmark", "evaluate", *paths, str(data), "--report"]) + " DIR",
    )


def _facts(measured: Measured, against: Measured | None, data: Path) -> dict[str, str]:
    """What was measured on what: of two models, each fact for both."""
    if against is None:
        return {"model": str(measured.name), "data": str(data), **_about(measured)}
    both = {f"{which} model": str(each.name) for which, each in (("first", against), ("second", measured))}
    about = {
        name: first if first == second else f"{first} (first), {second} (second)"
        for (name, first), second in zip(_about(against).items(), _about(measured).values(), strict=True)
    }
    return {**both, "data": str(data), **about}


def _about(measured: Measured) -> dict[str, str]:
    return {
        "parameters": f"{measured.tagger.model.parameters:,}",
        "operating point": measured.tagger.operating_point.origin,
        "computed in": measured.tagger.scorer.arithmetic,
    }


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a training log; none where there is no log."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
