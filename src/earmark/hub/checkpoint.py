"""Tensors out of a checkpoint file of PyTorch (.pth), without running anything in the file.

`inert` takes the place of pickle, and everything that is not a tensor is skipped: public checkpoints also carry the
state of their sampler. An archive must be as PyTorch writes it, without compression: a small file cannot unpack to a
large one. Programs (TorchScript) and the oldest format, which is unpacked before it is read, are refused.
"""

from __future__ import annotations

import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.hub import inert
from earmark.options import shown

_LONGEST = 120  # letters of what a message quotes
# What reading a damaged or foreign file has been seen to raise: torch has no specific error for it.
_DAMAGE = (
    *(pickle.UnpicklingError, tarfile.TarError, zipfile.BadZipFile, struct.error, EOFError, RuntimeError, MemoryError),
    *(ImportError, LookupError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError),
)


def read_tensors(path: str | os.PathLike[str], *keys: str | None) -> dict[str, Tensor]:
    """The named tensors of a checkpoint {key: {name: tensor}, ...}, on the CPU; the rest is skipped.

    They lie under the first of `keys` that the checkpoint has; None stands for the checkpoint itself, which then must
    hold nothing else. `ModelError` if the file is missing, is not such a checkpoint, or contains anything but tensors
    there.
    """
    source = Path(path)
    if not source.is_file():
        raise ModelError(f"no checkpoint at {source}: expected a file")
    content = _read(source)
    if not isinstance(content, Mapping):
        raise ModelError(f"{source}: expected a checkpoint with {_place(keys)}, found {type(content).__name__}")
    for key in keys:
        if key is None and all(isinstance(name, str) and isinstance(each, Tensor) for name, each in content.items()):
            return {name: tensor.detach() for name, tensor in content.items()}
        if isinstance(content.get(key), Mapping):
            return _tensors(content[key], f"{source}: {key}")
    found = ", ".join(shown(name) for name in islice(content, 8))
    raise ModelError(f"{source}: expected a checkpoint with {_place(keys)}, found {_short(found)}")


def read_entries(path: str | os.PathLike[str], *keys: str) -> list[Any]:
    """What a checkpoint holds under each of these keys besides tensors, such as a dictionary of labels; None: nothing.

    `ModelError` if the file cannot be read.
    """
    content = _read(Path(path))
    return [content.get(key) if isinstance(content, Mapping) else None for key in keys]


def _tensors(part: Mapping[Any, Any], where: str) -> dict[str, Tensor]:
    for name, tensor in part.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ModelError(f"{where}: expected only tensors, but {_short(shown(name))} is not a tensor")
    return {name: tensor.detach() for name, tensor in part.items()}


def _place(keys: tuple[str | None, ...]) -> str:
    """Where weights may lie, in words.

    >>> _place(("model", None))
    "weights under 'model', or with nothing but weights"
    """
    named = " or ".join(repr(key) for key in keys if key is not None)
    under = f"weights under {named}" if named else ""
    return under if None not in keys else ", or with ".join(filter(None, (under, "nothing but weights")))


def _read(source: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to those who wrote the file
            _check_archive(source)
            return torch.load(source, map_location="cpu", weights_only=False, pickle_module=inert)
    except OSError as error:
        raise ModelError(f"{source}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise ModelError(f"{source} is not a PyTorch checkpoint, or it is damaged ({_short(str(error))})") from error


def _check_archive(source: Path) -> None:
    """`UnpicklingError` for what torch would unpack or run rather than read."""
    if tarfile.is_tarfile(source):
        raise pickle.UnpicklingError("it has the oldest of PyTorch's formats, which is not read")
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        parts = archive.infolist()
    if any(PurePosixPath(part.filename).name == "constants.pkl" for part in parts):
        raise pickle.UnpicklingError("it contains a program (TorchScript)")
    if any(part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size for part in parts):
        raise pickle.UnpicklingError("its parts are compressed")


def _short(text: str) -> str:
    """One line of at most 120 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
