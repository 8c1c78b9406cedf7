"""Commands that are killed: small runs of `train`, `tune` and `synth`, at a random moment or file operation.

A command runs in a forked child, so that a round does not pay for importing PyTorch. It is killed (SIGKILL) after a
random time, or by itself at its n-th operation on a file of its output: opened, made, renamed, removed. Between two of
these nothing on the disk changes but what is in a file, so that all of them together are every state that a kill can
leave.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 8_000
RECIPE = """\
name: small
network:
  features: {kind: logmel, rate: 8000, window: 256, hop: 160, bands: 16}
  encoder: {kind: crnn, channels: [4], pools: [4], convs: 1, activation: glu, last: 8, units: 4}
  pooling: {kind: attention, axis: class}
training: {epochs: 4, batch_size: 8, learning_rate: 0.01, warmup_steps: 0, average_last: 2}
"""
_WRITING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "open", "tempfile.mkstemp", "shutil.rmtree"}


@dataclass(frozen=True)
class Verb:
    """A command to be killed."""

    words: Callable[[Path, Path], list[str]]  # of the data's and the output's place
    begin: Callable[[Path, Path], None]  # brings the output into the state before the command


def make_data(folder: Path) -> None:
    """Tones of two pitches with their times, a recipe, and isolated sounds."""
    (folder / "audio").mkdir(parents=True)
    rng = np.random.default_rng(0)
    weak, strong = ["filename\tevent_labels"], ["filename\tonset\toffset\tevent_label"]
    for number in range(16):
        wave = 0.01 * rng.standard_normal(RATE)
        label, pitch = (("low", 300), ("high", 2_000))[number % 2]
        first = int(rng.integers(0, RATE // 2))
        times = np.arange(first, first + RATE // 3)
        wave[times] += 0.3 * np.sin(2 * np.pi * pitch * times / RATE)
        soundfile.write(folder / "audio" / f"{number:02d}.wav", wave, RATE)
        weak.append(f"{number:02d}.wav\t{label}")
        strong.append(f"{number:02d}.wav\t{first / RATE:.3f}\t{(first + RATE // 3) / RATE:.3f}\t{label}")
        (folder / "sounds" / label).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "sounds" / label / f"{number:02d}.wav", wave[times], RATE)
    (folder / "weak.tsv").write_text("\n".join(weak) + "\n")
    (folder / "strong.tsv").write_text("\n".join(strong) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE)


def _train(data: Path, output: Path) -> list[str]:
    words = ["train", str(data / "weak.tsv"), "--audio", str(data / "audio"), "-o", str(output / "model")]
    words += ["--recipe", str(data / "recipe.yaml"), "--from", "none"]
    return [*words, "--precision", "float32", "--device", "cpu"]


def _tune(data: Path, output: Path) -> list[str]:
    words = ["tune", str(output / "model"), str(data / "strong.tsv"), "--audio", str(data / "audio")]
    return [*words, "--calibrate", "platt"]


def _synth(data: Path, output: Path) -> list[str]:
    words = ["synth", str(data / "sounds"), "-o", str(output / "set"), "-n", "12"]
    return [*words, "--duration", "2", "--rate", str(RATE)]


def _nothing(data: Path, output: Path) -> None:
    output.mkdir()


def _model(data: Path, output: Path) -> None:
    shutil.copytree(data / "model", output / "model")


VERBS = {"train": Verb(_train, _nothing), "tune": Verb(_tune, _model), "synth": Verb(_synth, _nothing)}


def run(words: list[str], output: Path, *, after: float | None = None, at: int | None = None) -> tuple[int, int]:
    """Run a command in a child, killed `after` seconds or `at` a file operation; its status and its operations.

    The status is that of `os.waitstatus_to_exitcode`: negative for a kill.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _in_child(words, output, at, writer)
    os.close(writer)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    with open(reader, "rb") as told:
        operations = int(told.read() or b"0")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), operations


def _in_child(words: list[str], output: Path, at: int | None, writer: int) -> None:
    code = 99
    try:
        with open(output.parent / "last-run.txt", "w") as text:
            os.dup2(text.fileno(), 1)
            os.dup2(text.fileno(), 2)
        count = 0
        home = os.fspath(output) + os.sep

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event not in _WRITING or not arguments or not isinstance(arguments[0], str | os.PathLike):
                return
            if not os.fspath(arguments[0]).startswith(home):
                return
            if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                return
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        from earmark.cli.app import run as command

        code = command(words)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writer, str(count).encode())
    except BaseException:  # noqa: BLE001 - the child ends here, and says why
        traceback.print_exc()
    finally:
        os._exit(code)


def content(output: Path) -> dict[str, bytes]:
    """What a finished run left: files by name, but for what no two runs share (times of day, durations)."""
    found = {}
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output).as_posix()
        if "tensorboard" in name:
            continue
        if path.is_dir():
            found[name + "/"] = b""
        elif path.name == "log.csv":
            found[name] = _without_seconds(path.read_text())
        else:
            found[name] = path.read_bytes()
    return found


def _without_seconds(text: str) -> bytes:
    rows = list(csv.DictReader(io.StringIO(text)))
    return repr([{name: value for name, value in row.items() if name != "seconds"} for row in rows]).encode()
