import contextlib
import io
import os
import pickle
import tarfile
import time
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import ModelError
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
def test_weights_come_back_as_they_were(tmp_path: Path, zipped: bool) -> None:
    found = read_tensors(saved(tmp_path / "c.pth", {"model": WEIGHTS, "iteration": 600_000}, zipped), "model")
    assert list(found) == ["a", "b"]
    assert all(torch.equal(found[name], WEIGHTS[name]) and found[name].dtype == WEIGHTS[name].dtype for name in found)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_no_tensor_is_skipped_and_never_run(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "c.pth", {"sampler": sampler(tmp_path), "model": WEIGHTS}, zipped)
    found = read_tensors(path, "model")
    assert torch.equal(found["a"], WEIGHTS["a"])
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "in a set").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "harm").exists()  # the file meant harm indeed


def test_parameters_are_tensors_too(tmp_path: Path) -> None:
    content = {"sampler": np.arange(3), "model": {"w": torch.nn.Parameter(torch.ones(2))}}
    assert not read_tensors(saved(tmp_path / "c.pth", content), "model")["w"].requires_grad


def test_mischief_among_the_weights_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "c.pth", {"model": {**WEIGHTS, "c": Mischief(tmp_path / "harm")}})
    with pytest.raises(ModelError, match=r"model: expected only tensors, but 'c' is not a tensor"):
        read_tensors(path, "model")
    assert not (tmp_path / "harm").exists()


def test_a_bare_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "c.pth").write_bytes(pickle.dumps({"model": Mischief(tmp_path / "harm")}))
    with pytest.raises(ModelError, match=r"c.pth is not a PyTorch checkpoint, or it is damaged"):
        read_tensors(tmp_path / "c.pth", "model")
    assert not (tmp_path / "harm").exists()


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pth", {"model": WEIGHTS}).read_bytes()
    for name, content in (
        ("half.pth", whole[: len(whole) // 2]),
        ("text.pth", b"no weights\n" * 9),
        ("nought.pth", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=rf"{name} is not a PyTorch checkpoint, or it is damaged") as caught:
            read_tensors(tmp_path / name, "model")
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"no checkpoint at .*nowhere.pth: expected a file"):
        read_tensors(tmp_path / "nowhere.pth", "model")


@settings(max_examples=150, deadline=None)
@given(zipped=st.booleans(), where=st.floats(0, 1), value=st.integers(0, 255), length=st.floats(0.2, 1))
def test_damage_anywhere_is_an_error_of_ours_or_none(
    tmp_path_factory: pytest.TempPathFactory, zipped: bool, where: float, value: int, length: float
) -> None:
    buffer = io.BytesIO()
    torch.save({"model": WEIGHTS, "sampler": np.arange(3)}, buffer, _use_new_zipfile_serialization=zipped)
    content = bytearray(buffer.getvalue())
    content[round(where * (len(content) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    path.write_bytes(content[: round(length * len(content))] if length < 0.8 else content)
    with contextlib.suppress(ModelError):
        read_tensors(path, "model")


def test_a_checkpoint_of_another_make_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"expected a checkpoint with weights under 'model', found 'state_dict', 'epoch'"
    ):
        read_tensors(saved(tmp_path / "c.pth", {"state_dict": WEIGHTS, "epoch": 3}), "model")
    with pytest.raises(ModelError, match=r"found Tensor"):
        read_tensors(saved(tmp_path / "c.pth", torch.ones(3)), "model")


BOMB = b")" + b"2\x86" * 40  # a tuple of the one before twice, 40 times over: a trillion parts to hash or to print


def archive(path: Path, pickled: bytes, **more: object) -> Path:
    """A checkpoint whose pickle is as given."""
    with zipfile.ZipFile(path, "w", **more) as made:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            made.writestr(f"archive/{name}", content)
    return path


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(b"}" + BOMB + b"K\x01s", id="key"),
        pytest.param(b"}(" + BOMB + b"K\x01u", id="keys"),
        pytest.param(b"(" + BOMB + b"K\x01d", id="dictionary"),
        pytest.param(b"\x8f(" + BOMB + b"\x90", id="set"),
        pytest.param(b"(" + BOMB + b"\x91", id="frozen set"),
        pytest.param(b"ccollections\nOrderedDict\n]" + BOMB + b"K\x01\x86a\x85R", id="ordered dictionary"),
        pytest.param(b"cbuiltins\nhash\n" + BOMB + b"\x85R", id="function"),
        pytest.param(b"ctorch._utils\n_rebuild_tensor_v2\n(" + BOMB + BOMB + BOMB + BOMB + b"tR", id="tensor"),
    ],
)
def test_what_would_take_for_ever_to_hash_is_skipped(tmp_path: Path, harm: bytes) -> None:
    """PyTorch's own reader for weights alone would take days for these."""
    keys = b"\x80\x02}X\x05\x00\x00\x00model}sX\x04\x00\x00\x00harm" + harm + b"s."
    began = time.monotonic()
    assert read_tensors(archive(tmp_path / "c.pth", keys), "model") == {}
    with pytest.raises(ModelError, match=r"c.pth: expected a checkpoint with weights under 'weights', found 'model'"):
        read_tensors(tmp_path / "c.pth", "weights")
    assert time.monotonic() - began < 60


def test_a_storage_must_be_one(tmp_path: Path) -> None:
    whole = saved(tmp_path / "old.pth", {"model": WEIGHTS}, zipped=False).read_bytes()
    protocol = whole.index(pickle.dumps(1001, protocol=2)) + len(pickle.dumps(1001, protocol=2))
    empty, key = b"\x80\x02}X\x05\x00\x00\x00model}s.", b"\x80\x02](" + BOMB + b"e."
    cpu = b"X\x03\x00\x00\x00cpu"
    for name, content in (
        ("old.pth", whole[:protocol] + b"\x80\x02}." + empty + key),
        ("text.pth", b"\x80\x02Pstorage\n."),
        ("name.pth", b"\x80\x02(" + BOMB + b"tQ."),
        ("module.pth", b"\x80\x02(X\x06\x00\x00\x00module" + b"NNNtQ."),
        (
            "huge.pth",
            b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
            + cpu
            + b"J\xff\xff\xff\xfftQ.",
        ),
    ):
        if name == "old.pth":
            (tmp_path / name).write_bytes(content)
            assert read_tensors(tmp_path / name, "model") == {}
            continue
        with pytest.raises(ModelError, match=rf"{name} is not a PyTorch checkpoint, or it is damaged"):
            read_tensors(archive(tmp_path / name, content), "model")


def test_what_would_be_unpacked_or_run_is_refused(tmp_path: Path) -> None:
    empty = b"\x80\x02}X\x05\x00\x00\x00model}s."
    archive(tmp_path / "packed.pth", empty + bytes(1_000_000), compression=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(archive(tmp_path / "program.pth", empty), "a") as made:
        made.writestr("archive/constants.pkl", b"\x80\x02).")
    with tarfile.open(tmp_path / "oldest.pth", "w") as made_of:
        made_of.add(tmp_path / "packed.pth", "storages")
    for name, why in (("packed", "compressed"), ("program", "a program"), ("oldest", "the oldest")):
        with pytest.raises(ModelError, match=rf"{name}.pth is not a PyTorch checkpoint.*{why}"):
            read_tensors(tmp_path / f"{name}.pth", "model")


def test_absurd_keys_are_told_shortly(tmp_path: Path) -> None:
    for key in (10**6000, "x" * 10_000, None):
        with pytest.raises(ModelError, match=r"expected a checkpoint with weights") as caught:
            read_tensors(saved(tmp_path / "c.pth", {key: 1}), "model")
        assert len(str(caught.value)) < 400
        with pytest.raises(ModelError, match=r"expected only tensors") as caught:
            read_tensors(saved(tmp_path / "c.pth", {"model": {key: 1}}), "model")
        assert len(str(caught.value)) < 400
