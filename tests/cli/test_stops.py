"""Runs that are killed, folders that two runs want, disks that are full."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bred import Breeder

ROOT = Path(__file__).parents[2]


def test_killed_at_random_the_same_command_ends_as_if_undisturbed() -> None:
    """Training, tuning and soundscapes, one after the other in a process that loads PyTorch once."""
    command = [sys.executable, "-m", "benchmarks.kills", "train", "tune", "synth", "--kills", "2", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("nothing left over") == 3


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "tensorboard" not in path.as_posix()}


def test_a_training_killed_before_its_run_was_noted_begins(train: Callable, collection: Path, tmp_path: Path) -> None:
    """Each state between the first folder and the recipe, made by hand."""
    whole = tmp_path / "whole"
    assert train(collection / "train", whole).code == 0
    for number, left in enumerate(((), ("lock",), ("lock", ".run.json.a1b2c3d4.tmp"))):
        folder = tmp_path / f"m{number}"
        (folder / "training").mkdir(parents=True)
        for name in left:
            (folder / "training" / name).write_text("{")
        ran = train(collection / "train", folder)
        assert ran.code == 0, ran.err
        assert files(folder) == files(whole)
    started = tmp_path / "noted"  # run.json is there, the recipe is not yet
    (started / "training").mkdir(parents=True)
    shutil.copy(whole / "training" / "run.json", started / "training")
    assert train(collection / "train", started).code == 0
    assert files(started) == files(whole)
    assert (started / "recipe.yaml").read_bytes() == (whole / "recipe.yaml").read_bytes()


def test_what_is_not_ours_is_no_leftover(train: Callable, collection: Path, tmp_path: Path) -> None:
    for name in ("training/notes.txt", "notes.txt", ".notes.tmp"):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("the user's")
        ran = train(collection / "train", folder)
        assert (ran.code, "is not empty and contains no training run" in ran.err) == (2, True)
        assert files(folder) >= {name}


def test_overwriting_that_was_killed_goes_on(train: Callable, collection: Path, twin: Path, tmp_path: Path) -> None:
    """config.json and much else is gone, run.json is not; and a twin does not survive the model it was made of."""
    folder = Path(shutil.copytree(twin, tmp_path / "m"))
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    ran = train(collection / "train", folder, "--overwrite")
    assert ran.code == 0, ran.err
    assert not (folder / "model.onnx").exists()
    assert (folder / "config.json").is_file()


def test_a_second_training_is_kept_out(
    train: Callable, bred: Breeder, collection: Path, recipe: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    words = ["train", collection / "train", "-o", folder, "--recipe", recipe, "--epochs", 500]
    first = bred.start(tmp_path / "messages.txt", *words)
    end = time.monotonic() + 120
    while not (folder / "training" / "last.ckpt").exists():
        assert first.runs, first.end()
        assert time.monotonic() < end
        time.sleep(0.05)
    for more in ((), ("--overwrite",)):
        ran = train(collection / "train", folder, "--epochs", 500, *more)
        assert ran.code == 2
        assert f"{folder}: another run is writing here (process {first.number} on " in ran.err
    assert (folder / "training" / "last.ckpt").exists()
    first.send(signal.SIGKILL)
    assert first.end()[0] == -signal.SIGKILL
    ran = train(collection / "train", folder, "--overwrite")  # the lock of a killed run is stale
    assert ran.code == 0, ran.err
    assert not (folder / "training" / "lock").exists()


def test_thresholds_and_card_are_stored_together(
    earmark: Callable, model: Path, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark import files as writing

    before = {name: (model / name).read_bytes() for name in ("operating_point.json", "README.md")}
    real, count = writing._finish, 0

    def full(path: Path) -> None:
        nonlocal count
        count += path.name.startswith((".operating_point.json", ".README.md"))
        if count == 2:
            raise OSError(28, os.strerror(28))
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_finish", full)
        ran = earmark("tune", model, collection / "dev", "--objective", "event-f1")
    assert ran.code == 2
    assert "README.md: disk full (No space left on device)" in ran.err
    assert before == {name: (model / name).read_bytes() for name in before}
    (model / ".operating_point.json.a1b2c3d4.tmp").write_text("{")  # of a run that was killed
    assert earmark("tune", model, collection / "dev", "--objective", "event-f1").code == 0
    assert all((model / name).read_bytes() != content for name, content in before.items())
    assert not list(model.glob(".*"))


def test_soundscapes_killed_before_their_mark_begin(earmark: Callable, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from benchmarks.odd.stops import make_data

    sys.path.remove(str(ROOT))
    make_data(tmp_path / "data")
    folder = tmp_path / "set"
    folder.mkdir()
    for name in (".lock", ".synth.json.a1b2c3d4.tmp"):
        (folder / name).write_text("{")
    words = ("synth", tmp_path / "data" / "sounds", "-o", folder, "-n", 2, "--duration", 2, "--rate", 8000)
    ran = earmark(*words)
    assert ran.code == 0, ran.err
    assert not list(folder.glob(".*"))
    (folder / "synth.json").unlink()
    ran = earmark(*words)
    assert (ran.code, "exists and contains no soundscapes" in ran.err) == (2, True)


def on_a_small_disk(bred: Breeder, folder: Path, size: str, *words: object) -> str:
    """What a command says that sees a disk of a few kilobytes at `folder`/disk, and stops."""
    (folder / "disk").mkdir()
    code, err = bred.start(folder / "messages.txt", *words, disk=(str(folder / "disk"), size)).end()
    if code == 77:
        pytest.skip(f"no disk can be made here ({err.strip()})")
    assert code == 2, err
    return err


@pytest.mark.parametrize(("size", "what"), [("16k", "/m/training"), ("28k", "/m/training/last.ckpt")])
def test_a_full_disk_stops_a_training(
    bred: Breeder, collection: Path, recipe: Path, tmp_path: Path, size: str, what: str
) -> None:
    words = ("train", collection / "train", "-o", tmp_path / "disk" / "m", "--recipe", recipe, "--cache", "off", "-q")
    err = on_a_small_disk(bred, tmp_path, size, *words, "--epochs", 3)
    assert err.startswith(f"earmark: cannot write {tmp_path}/disk{what}: disk full (No space left on device); ")
    assert err.endswith("free some space, and the same command goes on\n")
    assert err.count("\n") == 1


def test_a_full_disk_stops_soundscapes(bred: Breeder, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from benchmarks.odd.stops import make_data

    sys.path.remove(str(ROOT))
    make_data(tmp_path / "data")
    words = ("synth", tmp_path / "data" / "sounds", "-o", tmp_path / "disk" / "set", "--rate", 8000, "--duration", 2)
    err = on_a_small_disk(bred, tmp_path, "100k", *words, "-n", 20, "-q")
    assert "/disk/set/audio/synth-0-0000" in err
    assert "disk full; what was done so far is kept" in err
    assert err.count("\n") == 1
