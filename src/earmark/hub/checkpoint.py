"""Tensors out of a checkpoint file of PyTorch (.pth), without running anything in the file.

PyTorch's own reader for weights alone has the first go. It refuses a file that holds anything else, as public
checkpoints do that carry the state of their sampler (numpy arrays and generators): those are read again with `inert`
in the place of pickle, and everything that is not a tensor is skipped.
"""

from __future__ import annotations

import os
import pickle
import struct
import tarfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.hub import inert

# What reading a damaged or foreign file has been seen to raise: torch has no specific error for it.
_DAMAGE = (
    *(pickle.UnpicklingError, tarfile.TarError, struct.error, EOFError, RuntimeError, MemoryError, ImportError),
    *(LookupError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError),
)


def read_tensors(path: str | os.PathLike[str], key: str) -> dict[str, Tensor]:
    """The named tensors under `key` of a checkpoint {key: {name: tensor}, ...}, on the CPU; the rest is skipped.

    `ModelError` if the file is missing, is not such a checkpoint, or contains anything but tensors there.
    """
    source = Path(path)
    if not source.is_file():
        raise ModelError(f"no checkpoint at {source}: expected a file")
    content = _read(source)
    if not isinstance(content, Mapping) or not isinstance(content.get(key), Mapping):
        found = ", ".join(map(repr, content)) if isinstance(content, Mapping) else type(content).__name__
        raise ModelError(f"{source}: expected a checkpoint with weights under {key!r}, found {_short(found)}")
    for name, tensor in content[key].items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ModelError(f"{source}: {key}: expected only tensors, but {_short(repr(name))} is not a tensor")
    return {name: tensor.detach() for name, tensor in content[key].items()}


def _read(source: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to those who wrote the file
            try:
                return torch.load(source, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError:  # more than weights, or no checkpoint at all
                if tarfile.is_tarfile(source):  # the oldest format is unpacked before it is unpickled
                    raise
            return torch.load(source, map_location="cpu", weights_only=False, pickle_module=inert)
    except OSError as error:
        raise ModelError(f"{source}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise ModelError(f"{source} is not a PyTorch checkpoint, or it is damaged ({_short(str(error))})") from error


def _short(text: str) -> str:
    """One line of at most 120 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"
