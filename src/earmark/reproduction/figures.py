"""The figures: Xu et al. 2018, Fig. 2 (where the events are, reference above, prediction below) and Hong et al. 2020,
Fig. 3 (the weights of each head along time beside those of plain attention).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from earmark.audio import read_audio
from earmark.data.records import Clip
from earmark.errors import ConfigError, did_you_mean
from earmark.features import log_mel_in
from earmark.files import write_aside
from earmark.inference.fusion import taggers_of
from earmark.inference.labelled import evaluate_scored, score_clips
from earmark.inference.pipeline import Pipeline
from earmark.inference.showing import recording_views
from earmark.report.canvas import png
from earmark.report.recording import recording_figure
from earmark.report.trajectories import trajectories_figure
from earmark.reproduction.run import Reproduction

_SHOWN = 3  # clips, where none is chosen


def write_figures(reproduction: Reproduction, seed: int, names: Sequence[str] = ()) -> list[Path]:
    """Draw the study's figure for clips of the first test part: those named, else a few that carry much.

    Written beside the tables; nothing while the models are not there. `ConfigError` for a clip that is not.
    """
    study = reproduction.study
    trained = {outcome.recipe for outcome in reproduction.outcomes() if outcome.seed == seed}
    recipes = [name for name in study.figure_recipes if name in trained]
    if not recipes:
        return []
    clips = _choose(reproduction, names)
    if study.figure == "localisation":
        return list(_localisation(reproduction, recipes[0], seed, clips))
    return list(_weights(reproduction, recipes, seed, clips))


def _choose(reproduction: Reproduction, names: Sequence[str]) -> list[Clip]:
    manifest = next(iter(reproduction.material.tests.values()))
    known = {clip.name: clip for clip in manifest.clips}
    for name in names:
        if name not in known:
            raise ConfigError(f"no test clip {name!r}{did_you_mean(name, known)}")
    if names:
        return [known[name] for name in names]
    rich = sorted(manifest.clips, key=lambda clip: -len(set(clip.labels)))
    return rich[:_SHOWN]


def _localisation(reproduction: Reproduction, recipe: str, seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    pipeline = reproduction.pipeline(recipe, seed)
    manifest = next(iter(reproduction.material.tests.values())).with_clips(clips).with_labels(pipeline.labels)
    scored = score_clips(pipeline.scorer, manifest)
    _, detected = evaluate_scored(scored, pipeline.operating_point)
    tagger = taggers_of(pipeline.model)[0]
    for view in recording_views(tagger, scored, detected, pipeline.operating_point, len(clips)):
        figure = recording_figure(
            view.logmel, view.logmel_clock, view.scores, view.reference, view.detected, view.thresholds, view.band_hz
        )
        yield _write(reproduction.folder / f"figure-2-{Path(view.scores.recording).stem}.png", png(figure))


def _weights(reproduction: Reproduction, recipes: Sequence[str], seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    pipelines = {name: reproduction.pipeline(name, seed) for name in recipes}
    for clip in clips:
        title = f"{clip.name}: {', '.join(dict.fromkeys(clip.labels)) or 'nothing'}"
        found = {name: _heads(pipeline, clip) for name, pipeline in pipelines.items()}
        tagger = taggers_of(next(iter(pipelines.values())).model)[0]
        audio = read_audio(clip.path, tagger.rate)
        front = log_mel_in(tagger.front_end) or tagger.front_end
        with torch.no_grad():
            logmel = front(torch.from_numpy(audio.samples)[None])[0].numpy()
        figure = trajectories_figure(title, logmel, front.clock, found, len(audio.samples) / tagger.rate)
        yield _write(reproduction.folder / f"figure-3-{Path(clip.name).stem}.png", png(figure))


@torch.no_grad()
def _heads(pipeline: Pipeline, clip: Clip):  # type: ignore[no-untyped-def]
    """Weights (steps, heads) of a clip's bag with their clock; poolings without heads have one."""
    tagger = taggers_of(pipeline.model)[0]
    pooled = tagger(torch.from_numpy(read_audio(clip.path, tagger.rate).samples)[None])
    weights = pooled.weights[:, :, :1] if pooled.heads is None else pooled.heads
    return tagger.clock, weights[0].cpu().numpy()


def _write(path: Path, content: bytes) -> Path:
    with write_aside(path) as temporary:
        temporary.write_bytes(content)
    return path
