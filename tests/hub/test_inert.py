"""Nothing in a pickle is run or looked up, except what rebuilds tensors."""

import io
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.hub import inert
from earmark.hub.checkpoint import read_tensors

WEIGHTS = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.tensor(7))


class Mischief:
    """Leaves a file behind when it is unpickled in good faith."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def sampler(tmp_path: Path) -> dict[str, object]:
    """What the sampler of a training leaves in its checkpoint, and some mischief."""
    generator = np.random.RandomState(1234)
    return {
        "indexes": np.arange(10),
        "queue": [np.int64(3), {"x", Mischief(tmp_path / "in a set")}],
        "random_state": generator,
        "mischief": Mischief(tmp_path / "harm"),
    }


def saved(path: Path, content: object, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_no_tensor_is_skipped_and_never_run(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "c.pth", {"sampler": sampler(tmp_path), "model": WEIGHTS}, zipped)
    found = read_tensors(path, "model")
    assert torch.equal(found["a"], WEIGHTS["a"])
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "in a set").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "harm").exists()  # the file meant harm indeed


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("os", "system"), ("torch", "load"), ("torch._utils", "_rebuild_device_tensor_from_numpy")],
)
def test_nothing_is_looked_up_but_what_rebuilds_tensors(module: str, name: str) -> None:
    assert inert.Unpickler(io.BytesIO()).find_class(module, name) is inert.Skipped
