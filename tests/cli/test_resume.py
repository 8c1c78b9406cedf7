"""A training that is stopped, however, goes on and ends as if nothing had happened. Real processes, really killed."""

import csv
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bred import Breeder, Process

EPOCHS = 24
PATIENCE = 120  # seconds until something that should happen must have happened
RESUMES = "earmark: stopped; the same command continues where it stopped"


@pytest.fixture
def words(collection: Path, recipe: Path) -> list[str]:
    """A command that leaves nothing to chance out: augmentation, dropout, validation. The directory follows."""
    data = ["train", str(collection / "train"), "--valid", str(collection / "dev"), "--seed", "5"]
    changes = ["--set", "training.augment.overlay=0.5", "--set", "network.encoder.dropout=0.2"]
    return [*data, "--recipe", str(recipe), "--epochs", str(EPOCHS), *changes, "--precision", "float32", "-o"]


@pytest.fixture
def start(bred: Breeder, tmp_path: Path) -> Callable[[list[str]], Process]:
    return lambda words: bred.start(tmp_path / "messages.txt", *words)


def wait_for(path: Path, process: Process, newer: float = 0.0) -> None:
    """Until a file is there and was changed after a time; the process must still be at work."""
    end = time.monotonic() + PATIENCE
    while not path.exists() or path.stat().st_mtime <= newer:
        assert process.runs, process.end()
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.005)


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_killed_and_interrupted_it_ends_with_the_very_weights_of_an_undisturbed_run(
    earmark: Callable, start: Callable[[list[str]], Process], words: list[str], tmp_path: Path
) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    undisturbed = earmark(*words, whole)
    assert undisturbed.code == 0
    command = [*words, str(torn)]

    checkpoint = torn / "training" / "last.ckpt"
    killed = start(command)
    wait_for(checkpoint, killed)
    killed.send(signal.SIGKILL)
    assert killed.end()[0] == -signal.SIGKILL
    assert not (torn / "config.json").exists()  # not finished, and no directory that looks it
    before = checkpoint.stat().st_mtime

    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)):
        stopped = start(command)
        wait_for(checkpoint, stopped, newer=before)
        stopped.send(number)
        status, err = stopped.end()
        assert status == code, err
        assert "continuing from update " in err
        assert err.splitlines()[-1] == RESUMES
        assert "Traceback" not in err
        assert not (torn / "config.json").exists()
        before = checkpoint.stat().st_mtime

    status, err = start(command).end()
    assert status == 0, err
    assert (torn / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (torn / "operating_point.json").read_bytes() == (whole / "operating_point.json").read_bytes()
    assert log(torn) == log(whole)
    assert len(log(whole)) == EPOCHS
    again = earmark(*command)
    assert (again.code, "is already finished" in again.err) == (0, True)
