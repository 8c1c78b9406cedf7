"""Arrays out of a file of Keras weights (HDF5), by the names of their layers (extra `hdf5`).

Keras nests a layer's name twice: `layer1/conv/layer1/conv/kernel:0` is `layer1/conv/kernel`. Arrays whose values lie in
another file are refused, links to other files are not followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from earmark.arrays import FloatArray
from earmark.errors import MissingExtraError, ModelError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST = 2**28  # bytes of all arrays together


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    with open(path, "rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def read_hdf5(path: Path) -> dict[str, FloatArray]:
    """Every array of floats, as float32, by its layer and name. `ModelError`, `MissingExtraError`."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("h5py", "hdf5", f"reading {path}") from error
    found: dict[str, FloatArray] = {}
    room = _LARGEST

    def visit(name: str, item: Any) -> None:
        nonlocal room
        if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
            return
        room -= item.nbytes
        if item.external or item.is_virtual or room < 0:
            raise ModelError(f"{path}: {name!r} lies in another file, or is too large")
        found[plain_name(name)] = np.asarray(item[()], np.float32)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: is not a file of Keras weights, or it is damaged ({error})") from error
    return found


def plain_name(path: str) -> str:
    """The layer and name of an array.

    >>> plain_name("layer1/conv/bn/layer1/conv/bn/beta:0"), plain_name("model_weights/dense/dense/kernel:0")
    ('layer1/conv/bn/beta', 'dense/kernel')
    """
    *layers, name = path.removeprefix("model_weights/").removesuffix(":0").split("/")
    half = len(layers) // 2
    layer = layers[half:] if layers[:half] == layers[half:] else layers
    return "/".join([*layer, name])
