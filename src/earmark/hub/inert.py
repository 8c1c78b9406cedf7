"""A pickle module that rebuilds tensors and runs nothing else: `torch.load(..., pickle_module=inert)`.

A pickle may name any function of any module, to be called while it is read. Here three names are known, all of which
rebuild tensors; whatever else a file names becomes a `Skipped`, which swallows what is done to it. Nothing of the
file is hashed, compared or printed but plain keys: a tuple of tuples of tuples, each holding the one before twice, has
2 ** n parts and takes that long to hash. A key of another kind is passed over with its value.

Pickle's reader in Python is used, not that in C, for its steps can be changed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import IO, Any, ClassVar, cast

import torch

_KEYS = (str, bytes, int, float, bool, type(None))


class Skipped:
    """Stands in for a thing that is not a tensor.

    >>> Skipped("rm -rf /")("now")
    Skipped()
    """

    def __new__(cls, *_: object, **__: object) -> Skipped:
        """One more, whatever it is made with."""
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Skipped:
        """Called, it is what it was."""
        return self

    def __repr__(self) -> str:
        return "Skipped()"


def _mapping(*parts: object) -> object:
    """An ordered dictionary begins empty; its parts follow as items."""
    return {} if not parts else Skipped()


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> object:
    """A view of a storage; torch checks that it lies within."""
    numbers = (offset, *(size if isinstance(size, tuple) else ()), *(stride if isinstance(stride, tuple) else ()))
    if not isinstance(storage, torch.storage.TypedStorage) or not all(isinstance(each, int) for each in numbers):
        return Skipped()
    rebuild: Callable[..., object] = torch._utils._rebuild_tensor
    return rebuild(storage, offset, size, stride)


def _parameter(tensor: object, *_: object) -> object:
    return tensor if isinstance(tensor, torch.Tensor) else Skipped()


_BUILDERS: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): _mapping,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


class Unpickler(pickle._Unpickler):
    """Calls nothing but what rebuilds tensors, and puts nothing into a dictionary but under plain keys."""

    stack: list[Any]  # of the reader
    append: Callable[[Any], None]  # to the stack
    pop_mark: Callable[[], list[Any]]
    readline: Callable[[], bytes]
    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str, /) -> Any:
        """The function that a pickle names, or `Skipped`."""
        return _BUILDERS.get((module, name), Skipped)

    def load_reduce(self) -> None:
        """Call a builder; anything else that is called is skipped."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        known = function in _BUILDERS.values() if callable(function) and not isinstance(function, type) else False
        self.stack[-1] = function(*arguments) if known and isinstance(arguments, tuple) else Skipped()

    def load_build(self) -> None:
        """The state of a thing is skipped."""
        self.stack.pop()

    def load_newobj(self) -> None:
        """A thing made without calling its class is skipped."""
        self.stack.pop()
        self.stack[-1] = Skipped()

    def load_newobj_ex(self) -> None:
        """The same with named arguments."""
        self.stack.pop()
        self.load_newobj()

    def load_obj(self) -> None:
        """The same of the first protocols."""
        self.pop_mark()
        self.append(Skipped())

    def load_inst(self) -> None:
        """The same with the name in the text."""
        self.readline()
        self.readline()
        self.load_obj()

    def load_setitem(self) -> None:
        """One item of a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._put([key, value])

    def load_setitems(self) -> None:
        """Items of a dictionary."""
        self._put(self.pop_mark())

    def load_dict(self) -> None:
        """A dictionary with its items."""
        items = self.pop_mark()
        self.append({})
        self._put(items)

    def load_append(self) -> None:
        """An item of a list."""
        item = self.stack.pop()
        self._extend([item])

    def load_appends(self) -> None:
        """Items of a list."""
        self._extend(self.pop_mark())

    def load_additems(self) -> None:
        """Items of a set."""
        self.pop_mark()

    def load_empty_set(self) -> None:
        """A set is skipped: it is no tensor, and its items would be hashed."""
        self.append(Skipped())

    def load_frozenset(self) -> None:
        """The same with its items."""
        self.pop_mark()
        self.append(Skipped())

    def load_persid(self) -> None:
        """A storage named in text, which torch never writes."""
        raise pickle.UnpicklingError("a storage that is named in text")

    def load_binpersid(self) -> None:
        """A storage: ("storage", type, key, place, elements) and, in old files, a view, which is None."""
        name = self.stack.pop()
        plain = isinstance(name, tuple) and len(name) in (5, 6) and name[0] == "storage"
        if not plain or type(name[2]) not in (str, int) or type(name[3]) is not str or type(name[4]) is not int:
            raise pickle.UnpicklingError("something that is not a storage in the place of one")
        if name[4] < 0 or (len(name) == 6 and name[5] is not None):
            raise pickle.UnpicklingError("a storage of an impossible size")
        self.append(self.persistent_load(name))

    def _put(self, items: list[Any]) -> None:
        place = self.stack[-1]
        if isinstance(place, dict):
            place.update((key, value) for key, value in zip(items[::2], items[1::2], strict=True) if _is_plain(key))

    def _extend(self, items: list[Any]) -> None:
        place = self.stack[-1]
        if isinstance(place, list):
            place.extend(items)


def _is_plain(key: object) -> bool:
    return type(key) in _KEYS


_STEPS = (
    *("REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "SETITEM", "SETITEMS", "DICT", "APPEND", "APPENDS"),
    *("ADDITEMS", "EMPTY_SET", "FROZENSET", "PERSID", "BINPERSID"),
)
for _step in _STEPS:
    Unpickler.dispatch[getattr(pickle, _step)[0]] = getattr(Unpickler, f"load_{_step.lower()}")


def load(file: IO[bytes], **options: Any) -> Any:
    """As `pickle.load`, by this module's `Unpickler`; torch takes a list for keys, so that others are left out."""
    found = cast(Any, Unpickler(file, **options)).load()
    return [key for key in found if _is_plain(key)] if isinstance(found, list) else found
