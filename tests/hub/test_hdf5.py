"""Arrays out of files of Keras weights."""

import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import MissingExtraError, ModelError
from earmark.hub.hdf5 import is_hdf5, read_hdf5

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["layer1/conv/layer1/conv/kernel:0"] = np.arange(6, dtype=np.float32).reshape(2, 3)
        file["layer1/conv/bn/layer1/conv/bn/beta:0"] = np.ones(3, np.float16)
        file["steps"] = np.int64(7)
    return path


def test_arrays_are_found_by_layer_and_name(weights: Path) -> None:
    assert is_hdf5(weights)
    found = read_hdf5(weights)
    assert set(found) == {"layer1/conv/kernel", "layer1/conv/bn/beta"}  # integers are left out
    assert found["layer1/conv/kernel"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


def test_values_in_another_file_are_not_read(tmp_path: Path) -> None:
    path, secret = tmp_path / "weights.h5", tmp_path / "secret"
    secret.write_bytes(b"\x00" * 64)
    with h5py.File(path, "w") as file:
        file.create_dataset("dense/dense/kernel:0", (16,), "f4", external=[(str(secret), 0, 64)])
    with pytest.raises(ModelError, match="lies in another file, or is too large"):
        read_hdf5(path)
    with h5py.File(path, "w") as file:
        file["linked"] = h5py.ExternalLink("elsewhere.h5", "/kernel")
    assert read_hdf5(path) == {}


def test_an_array_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a/a/kernel:0", (2**20, 2**10), "f4", chunks=(1, 2**10), compression="gzip")
    assert path.stat().st_size < 2**20
    with pytest.raises(ModelError, match="is too large"):
        read_hdf5(path)


def test_a_file_that_was_cut_is_refused(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:900])
    assert is_hdf5(weights)
    with pytest.raises(ModelError, match="is not a file of Keras weights, or it is damaged"):
        read_hdf5(weights)


def test_without_the_library_its_extra_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'needs h5py: pip install "earmark\[hdf5\]"'):
        read_hdf5(weights)
