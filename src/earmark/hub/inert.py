"""A pickle module that rebuilds tensors and runs nothing else: `torch.load(..., pickle_module=inert)`.

A pickle may name any function of any module, to be called while it is read. Here four functions are known, all of
which rebuild tensors; whatever else a file names becomes a `Skipped`, which swallows what is done to it.
"""

from __future__ import annotations

import collections
import pickle
from typing import IO, Any

import torch

_BUILDERS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class Skipped:
    """Stands in for a thing that is not a tensor; takes every step of a pickle and does nothing.

    >>> thing = Skipped("rm -rf /")
    >>> thing["key"] = 1
    >>> thing.append(2)
    """

    def __new__(cls, *_: object, **__: object) -> Skipped:
        """One more, whatever it is made with."""
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Skipped:
        """Called, it is what it was."""
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        """Take an item of a list."""

    def extend(self, items: object) -> None:
        """Take items of a list."""

    def add(self, item: object) -> None:
        """Take an item of a set."""


class Unpickler(pickle.Unpickler):
    """Looks nothing up but what rebuilds tensors."""

    def find_class(self, module: str, name: str, /) -> Any:
        """The function that a pickle names, or `Skipped`."""
        return _BUILDERS.get((module, name), Skipped)


def load(file: IO[bytes], **options: Any) -> Any:
    """As `pickle.load`, by this module's `Unpickler`."""
    return Unpickler(file, **options).load()
