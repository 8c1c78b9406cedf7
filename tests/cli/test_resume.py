"""A training that is stopped, however, goes on and ends as if nothing had happened. Real processes, really killed."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

EPOCHS = 24
PATIENCE = 120  # seconds until something that should happen must have happened
RESUMES = "earmark: stopped; the same command continues where it stopped"


@pytest.fixture
def words(collection: Path, recipe: Path) -> list[str]:
    """A command that leaves nothing to chance out: augmentation, dropout, validation. The directory follows."""
    data = ["train", str(collection / "train"), "--valid", str(collection / "dev"), "--seed", "5"]
    changes = ["--set", "training.augment.overlay=0.5", "--set", "network.encoder.dropout=0.2"]
    return [*data, "--recipe", str(recipe), "--epochs", str(EPOCHS), *changes, "--precision", "float32", "-o"]


BREEDER = """
import os, signal, sys
import lightning  # what takes longest, once for all commands
from earmark.cli.app import run
for line in sys.stdin:  # where messages go, then the words of a command
    messages, *words = line.rstrip("\\n").split("\\t")
    if child := os.fork():
        print(child, flush=True)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite run in the background ignores it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the pipe is the parent's
    os.dup2(os.open(messages, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
    code = 1
    try:
        code = run(words)
    finally:
        sys.stderr.flush()
        os._exit(code)
"""


class Process:
    """A command in a process of its own, forked where PyTorch is loaded already: a start takes a tenth of the time."""

    def __init__(self, breeder: subprocess.Popen[str], messages: Path, words: list[str]) -> None:
        assert breeder.stdin is not None
        assert breeder.stdout is not None
        self.breeder, self.messages = breeder.stdout, messages
        breeder.stdin.write("\t".join([str(messages), *words]) + "\n")
        breeder.stdin.flush()
        self.number = int(self.breeder.readline())

    @property
    def runs(self) -> bool:
        """Whether it is at work: once it has ended, whoever forked it takes its number away."""
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: int) -> None:
        os.kill(self.number, number)

    def end(self) -> tuple[int, str]:
        """Its exit code, negative for a signal, and what it wrote to stderr."""
        return int(self.breeder.readline()), self.messages.read_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[str]], Process]]:
    with subprocess.Popen(
        [sys.executable, "-c", BREEDER],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as breeder:
        yield lambda words: Process(breeder, tmp_path / "messages.txt", words)
        assert breeder.stdin is not None
        breeder.stdin.close()


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
