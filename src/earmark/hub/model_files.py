"""The files that make and explain a model directory: what is copied, sent to a hub and taken from one, no others.

    config.json, operating_point.json, model.safetensors, model.onnx    the model
    README.md, recipe.yaml, log.csv, sources.tsv, scores.tsv            what explains it
    members/NAME/...                                                    of a fusion: a model directory each

State of a training, decoded clips, kept scores and anything else in the directory are left where they are. None of
these files is pickled. No torch is needed.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from earmark.decisions import FILE_NAME
from earmark.errors import ModelError
from earmark.files import read_json, write_aside
from earmark.runtime.directory import CONFIG, FORMAT_VERSION, check_members, fusion_options
from earmark.runtime.onnx import TWIN, WEIGHTS

CARD = "README.md"
NAMES = (FILE_NAME, CARD, "recipe.yaml", "log.csv", "sources.tsv", "scores.tsv", WEIGHTS, TWIN, CONFIG)
PATTERNS = (*NAMES, *(f"members/*/{name}" for name in NAMES))  # of their paths; * stands for folders too
_KNOWN = re.compile(rf"(members/.+/)?({'|'.join(map(re.escape, NAMES))})")


def is_model_file(path: str) -> bool:
    """Whether this is the path of a file of a model, from its directory.

    >>> is_model_file("members/a/model.onnx"), is_model_file("training/last.ckpt"), is_model_file("pytorch_model.bin")
    (True, False, False)
    """
    return _KNOWN.fullmatch(path) is not None


def is_config(path: Path) -> bool:
    """Whether a file is the config.json of a model of earmark, by its first look."""
    try:
        data: Any = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and isinstance(data.get("format_version"), int) and bool(data.get("labels"))


def model_files(folder: Path) -> list[str]:
    """Paths of the files of a complete model, from its directory; config.json last. `ModelError` if it is none."""
    if not folder.is_dir():
        raise ModelError(f"no model at {folder}: expected a directory made by 'earmark train', or a name")
    if not is_config(folder / CONFIG):
        raise ModelError(f"{folder} is not a model directory: {CONFIG} is missing or not of earmark")
    fusion = fusion_options(folder)
    found: list[str] = []
    if fusion is not None:
        check_members(folder, fusion)
        for member in fusion.members:
            found += [str(PurePosixPath(member) / path) for path in model_files(folder / member)]
    elif not any((folder / name).is_file() for name in (WEIGHTS, TWIN)):
        later = " (made by a later version?)" if read_json(folder / CONFIG)["format_version"] != FORMAT_VERSION else ""
        raise ModelError(f"{folder} is not complete: {WEIGHTS} is missing{later}")
    if not (folder / FILE_NAME).is_file():
        raise ModelError(f"{folder} is not complete: {FILE_NAME} is missing")
    return [*found, *(name for name in NAMES if (folder / name).is_file())]


def copy_files(folder: Path, output: Path) -> None:
    """Copy the files of a model, byte for byte; config.json comes last. `ModelError`, `OutputError`."""
    for path in model_files(folder):
        with write_aside(output / path) as temporary:
            shutil.copyfile(folder / path, temporary)
