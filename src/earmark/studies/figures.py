"""The figures: Xu et al. 2018, Fig. 2 (where the events are, reference above, prediction below) and Hong et al. 2020,
Fig. 3 (the weights of each head along time beside those of plain attention).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from earmark.audio import read_audio
from earmark.data.records import Clip
from earmark.errors import ConfigError, did_you_mean
from earmark.evaluation.labelled import evaluate_scored, score_clips
from earmark.evaluation.report import recording_views
from earmark.files import write_aside
from earmark.models.network import Network
from earmark.models.torch_engine import network_of
from earmark.report.canvas import png
from earmark.report.page import view_figure
from earmark.report.recording import trajectories_figure
from earmark.report.spectrogram import log_mel
from earmark.studies.run import Material, Reproduction

_SHOWN = 3  # clips, where none is chosen


def choose_clips(material: Material, names: Sequence[str] = ()) -> list[Clip]:
    """Clips of the first test part to draw: the named ones, otherwise a few with many labels.

    `ConfigError` for a name that is not there.
    """
    manifest = next(iter(material.tests.values()))
    known = {clip.name: clip for clip in manifest.clips}
    for name in names:
        if name not in known:
            raise ConfigError(f"no test clip {name!r}{did_you_mean(name, known)}")
    if names:
        return [known[name] for name in names]
    return sorted(manifest.clips, key=lambda clip: -len(set(clip.labels)))[:_SHOWN]


def write_figures(reproduction: Reproduction, seed: int, clips: Sequence[Clip]) -> list[Path]:
    """Draw the study's figure for these clips of the first test part, beside the tables.

    Nothing while the models are not there.
    """
    study = reproduction.study
    trained = {outcome.recipe for outcome in reproduction.outcomes() if outcome.seed == seed}
    recipes = [name for name in study.figure_recipes if name in trained]
    if not recipes:
        return []
    if study.figure == "localisation":
        return list(_localisation(reproduction, recipes[0], seed, clips))
    return list(_weights(reproduction, recipes, seed, clips))


def _localisation(reproduction: Reproduction, recipe: str, seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    tagger = reproduction.tagger(recipe, seed)
    manifest = next(iter(reproduction.material.tests.values())).with_clips(clips).with_labels(tagger.labels)
    scored = score_clips(tagger.scorer, manifest)
    _, detected = evaluate_scored(scored, tagger.operating_point)
    for view in recording_views(tagger.rate, scored, detected, tagger.operating_point, len(clips)):
        yield _write(reproduction.folder / f"figure-2-{Path(view.scores.recording).stem}.png", png(view_figure(view)))


def _weights(reproduction: Reproduction, recipes: Sequence[str], seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    taggers = {name: network_of(reproduction.tagger(name, seed).model) for name in recipes}
    shown = taggers[recipes[0]]
    for clip in clips:
        title = f"{clip.name}: {', '.join(dict.fromkeys(clip.labels)) or 'nothing'}"
        weights = {name: (network.clock, _heads(network, clip)) for name, network in taggers.items()}
        samples = read_audio(clip.path, shown.rate).samples
        duration = len(samples) / shown.rate
        picture = log_mel(samples, shown.rate)
        figure = trajectories_figure(title, picture.values, picture.clock, weights, duration)
        yield _write(reproduction.folder / f"figure-3-{Path(clip.name).stem}.png", png(figure))


@torch.no_grad()
def _heads(network: Network, clip: Clip) -> npt.NDArray[np.float32]:
    """Weights (steps, heads) of a clip's bag; poolings without heads have one."""
    waveform = torch.from_numpy(read_audio(clip.path, network.rate).samples)[None]
    pooled = network(waveform.to(next(network.parameters()).device))
    weights = pooled.weights[:, :, :1] if pooled.heads is None else pooled.heads
    heads: npt.NDArray[np.float32] = weights[0].cpu().numpy()
    return heads


def _write(path: Path, content: bytes) -> Path:
    with write_aside(path) as temporary:
        temporary.write_bytes(content)
    return path
