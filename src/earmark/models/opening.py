"""Model directories opened to run: read, folded and packed for speed, with their operating points."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from earmark.devices import Precision, resolve_device, resolve_precision
from earmark.encoders.contract import wants_float32
from earmark.models.directory import load_model
from earmark.models.fast import LARGE, fold, pack
from earmark.models.fusion import Fusion, Model
from earmark.models.torch_engine import engine_of
from earmark.runtime.directory import load_point
from earmark.runtime.ensemble import fused_point
from earmark.runtime.tagger import Tagger


def open_tagger(
    directories: Sequence[str | os.PathLike[str]], *, device: str = "cpu", precision: Precision = "float32"
) -> Tagger:
    """A model directory with its operating point; several are one model, their scores averaged.

    Batch normalisation is folded, and on a CPU convolutions are packed: nobody else holds these weights. `ModelError`
    where a directory is missing or damaged, `ConfigError` where models know different labels. `auto` is float32 where
    an encoder wants it.
    """
    device = resolve_device(device)
    loaded = [load_model(directory) for directory in directories]
    if precision == "auto" and any(wants_float32(part) for model in loaded for part in model.modules()):
        precision = "float32"
    precision = resolve_precision(precision, device)
    models = [_fast(model, device, precision) for model in loaded]
    points = [load_point(where, model.labels) for where, model in zip(directories, models, strict=True)]
    model, point = models[0], points[0]
    if len(models) > 1:
        model = Fusion(models, [os.fspath(directory) for directory in directories])
        point = fused_point(points, model.labels)
    return Tagger(engine_of(model, device, precision), point)


def _fast(model: Model, device: str, precision: Precision) -> Model:
    model = fold(model)
    if device != "cpu":
        return model
    return pack(model, torch.bfloat16) if precision == "bf16" else pack(model, torch.float32, LARGE)
