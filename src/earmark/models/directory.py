"""Models on disk: the directory of a network, or of a fusion, which holds its members' directories.

    FUSED/
      config.json            kind "fusion", labels, and where the members lie
      operating_point.json   how the fused scores are decided
      README.md              the model card
      members/NAME/          a model directory each: of a network, or of a fusion again

A member is a complete model and can be opened as one; its operating point is not used within a fusion.
`open_tagger` opens a directory to run: folded and packed for speed, with its operating point.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

import torch

from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.devices import Precision, resolve_device, resolve_precision
from earmark.encoders.contract import wants_float32
from earmark.errors import ConfigError, ModelError, OutputError
from earmark.files import write_text
from earmark.labels import Labels
from earmark.models.fast import LARGE, fold, pack
from earmark.models.fusion import Fusion, Model
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.directory import CONFIG, FusionOptions, check_members, fusion_options, load_point
from earmark.runtime.ensemble import fused_point
from earmark.runtime.onnx import TWIN, WEIGHTS
from earmark.runtime.tagger import Tagger

Opened = TypeVar("Opened", Network, Fusion, Model)

MEMBERS = "members"
_COPIED = (FILE_NAME, "README.md", "recipe.yaml", "log.csv", WEIGHTS, TWIN, CONFIG)  # what makes and explains a model


def load_model(directory: str | os.PathLike[str]) -> Model:
    """Read a model directory of either kind, in evaluation mode. `ModelError` when it is missing or damaged."""
    folder = Path(directory)
    options = fusion_options(folder)
    if options is None:
        return Network.from_pretrained(folder)
    check_members(folder, options)
    try:
        names = [PurePosixPath(member).name for member in options.members]
        fusion = Fusion([load_model(folder / member) for member in options.members], names)
    except ConfigError as error:
        raise ModelError(f"{folder}: {error}") from error
    if fusion.labels != Labels(options.labels):
        raise ModelError(f"{folder / CONFIG}: its labels differ from those of the members")
    return fusion.eval()


def write_model(model: Model, directory: str | os.PathLike[str], point: OperatingPoint) -> None:
    """Write a model with its operating point, which members are given too; config.json comes last.

    `OutputError` where it cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    point.model_copy(update={"classes": {label: point.of(label) for label in model.labels}}).save(folder)
    if isinstance(model, Fusion):
        for name, member in zip(model.names, model.members, strict=True):
            write_model(member, folder / MEMBERS / name, point)
        write_fusion(model, folder)
    else:
        model.save_pretrained(folder)  # weights first, then config.json


def write_fusion(fusion: Fusion, folder: Path) -> None:
    """Write the config.json of a fusion whose members lie in `folder/members`, under their names."""
    members = tuple(f"{MEMBERS}/{name}" for name in fusion.names)
    options = FusionOptions(labels=fusion.labels.names, members=members)
    write_text(folder / CONFIG, options.model_dump_json(indent=2) + "\n")


def copy_model(source: Path, target: Path) -> None:
    """Copy what makes and explains a model, byte for byte, members included; not its scores or training state."""
    target.mkdir(parents=True)
    options = fusion_options(source)
    for member in options.members if options else ():
        copy_model(source / member, target / member)
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def member_names(folders: Sequence[Path]) -> list[str]:
    """A name for each member, after its directory; those of one name are numbered.

    >>> member_names([Path("a/model"), Path("b/model"), Path("c")])
    ['model', 'model-2', 'c']
    """
    names: list[str] = []
    for folder in folders:
        name = wanted = folder.resolve().name or "model"
        number = 1
        while name in names:
            number += 1
            name = f"{wanted}-{number}"
        names.append(name)
    return names


def join(
    sources: Sequence[Path], output: Path, card: Callable[[Fusion, OperatingPoint], str]
) -> tuple[Fusion, OperatingPoint]:
    """Copy model directories into a new one that fuses them; it appears whole or not at all.

    `card` writes its README.md. `ConfigError` if labels differ, `ModelError` if a source is not a model,
    `OutputError` where `output` holds something or cannot be written.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise OutputError(f"{output} already exists; choose a new directory")
    names = member_names(sources)
    models = [load_model(source) for source in sources]
    fusion = Fusion(models, [str(source) for source in sources])  # named by their paths if they do not fit
    points = [load_point(source, model.labels) for source, model in zip(sources, models, strict=True)]
    fusion.names, point = tuple(names), fused_point(points, fusion.labels)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as aside:
            made = Path(aside) / output.name
            for source, name in zip(sources, names, strict=True):
                copy_model(source, made / MEMBERS / name)
            point.save(made)
            write_text(made / "README.md", card(fusion, point))
            write_fusion(fusion, made)
            if output.is_dir():
                output.rmdir()
            shutil.move(made, output)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
    return fusion, point


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
    precision = precision_of(loaded, device, precision)
    models = [fast(model, device, precision) for model in loaded]
    points = [load_point(where, model.labels) for where, model in zip(directories, models, strict=True)]
    model, point = models[0], points[0]
    if len(models) > 1:
        model = Fusion(models, [os.fspath(directory) for directory in directories])
        point = fused_point(points, model.labels)
    return Tagger(engine_of(model, device, precision), point)


def precision_of(models: Sequence[Model], device: str, precision: Precision) -> Precision:
    """The precision to compute in; `auto` is float32 where an encoder wants it. Raises as `resolve_precision` does."""
    if precision == "auto" and any(wants_float32(part) for model in models for part in model.modules()):
        precision = "float32"
    return resolve_precision(precision, device)


def fast(model: Opened, device: str, precision: Precision) -> Opened:
    """The model folded, and packed on a CPU; it is changed in place, so that nobody else may hold it."""
    model = fold(model)
    if device != "cpu":
        return model
    return pack(model, torch.bfloat16) if precision == "bf16" else pack(model, torch.float32, LARGE)
