"""What of a model directory can be read without torch: the config of a fusion, the operating point, the ONNX twin.

config.json           the network's options; of a fusion `FusionOptions`
model.safetensors     weights
model.onnx            the same network for onnxruntime (`onnx.py`), where `earmark export` has made it
operating_point.json  how scores are decided
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, field_validator

from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.engine import Engine
from earmark.errors import ConfigError, ModelError
from earmark.files import read_json
from earmark.labels import Labels
from earmark.options import Options
from earmark.runtime.ensemble import Ensemble
from earmark.runtime.onnx import TWIN, OnnxEngine

CONFIG = "config.json"
FORMAT_VERSION = 1  # of config.json; raised when an older earmark could misread a newer directory


class FusionOptions(Options):
    """The content of a fusion's config.json."""

    format_version: Literal[1] = 1
    kind: Literal["fusion"] = "fusion"
    labels: tuple[str, ...] = Field(min_length=1)
    members: tuple[str, ...] = Field(min_length=1)  # directories within this one

    @field_validator("members")
    @classmethod
    def _inside(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for member in members:
            path = PurePosixPath(member)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise ValueError(f"member {member!r} is outside the model directory")
        return members


def fusion_options(folder: Path) -> FusionOptions | None:
    """The checked content of a fusion's config.json; None where it is none, `ModelError` where it is damaged."""
    path = folder / CONFIG
    try:
        data: Any = read_json(path)
    except (OSError, ValueError):
        return None  # a network's reader says what is wrong with it
    if not isinstance(data, dict) or data.get("kind") != "fusion" or data.get("format_version") != FORMAT_VERSION:
        return None
    try:
        return FusionOptions.parse(data, str(path))
    except ConfigError as error:
        raise ModelError(str(error)) from error


def check_model(folder: Path) -> None:
    """`ModelError` where there is no directory, or no model in it."""
    if not folder.is_dir():
        raise ModelError(f"no model at {folder}: expected a directory made by 'earmark train'")
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder} is not a model directory: {CONFIG} is missing (was the training finished?)")


def check_members(folder: Path, options: FusionOptions) -> None:
    """`ModelError` for a member that is a link out of the directory, or back up in it."""
    home = folder.resolve()
    for member in options.members:
        place = (folder / member).resolve()
        if home not in place.parents:
            raise ModelError(f"{folder / member}: the member is a link out of the model directory")


def load_point(directory: str | os.PathLike[str], labels: Labels) -> OperatingPoint:
    """The operating point of a model directory. `ModelError` when it is missing, damaged or of other labels."""
    point = OperatingPoint.load(directory)
    if point.labels != labels.names:
        raise ModelError(f"{Path(directory) / FILE_NAME}: its labels differ from those of the model")
    return point


def has_twin(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory has an ONNX twin, or all members of a fusion have one."""
    folder = Path(directory)
    fusion = fusion_options(folder)
    if fusion is None:
        return (folder / TWIN).is_file()
    return all(has_twin(folder / member) for member in fusion.members)


def open_twin(directory: str | os.PathLike[str], threads: int | None = None, keep: bool = True) -> Engine | Ensemble:
    """The engine of a directory's twin, or of a fusion's. `ModelError` where a twin is missing or damaged.

    `threads` compute a call (None: one a processor), and memory is kept from call to call unless `keep` is false.
    """
    folder = Path(directory)
    fusion = fusion_options(folder)
    if fusion is None:
        if not (folder / TWIN).is_file():
            check_model(folder)
        engine = OnnxEngine(folder, threads=threads, keep=keep)
        _check_labels(folder, engine.labels)
        return engine
    check_members(folder, fusion)
    names = [PurePosixPath(member).name for member in fusion.members]
    try:
        made = Ensemble([open_twin(folder / member, threads, keep) for member in fusion.members], names)
    except ConfigError as error:
        raise ModelError(f"{folder}: {error}") from error
    if made.labels != Labels(fusion.labels):
        raise ModelError(f"{folder / CONFIG}: its labels are not those of the members")
    return made


def _check_labels(folder: Path, labels: Labels) -> None:
    """`ModelError` where config.json, if there is one, names other labels than the twin."""
    path = folder / CONFIG
    if not path.is_file():
        return
    try:
        stated = read_json(path)["labels"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    if stated != list(labels):
        raise ModelError(f"{folder / TWIN}: its labels are not those of {CONFIG}; make it anew with 'earmark export'")
