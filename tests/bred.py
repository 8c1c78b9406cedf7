"""Commands in processes of their own, forked where PyTorch is loaded already: a start takes a tenth of the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

_BREEDER = """
import ctypes, json, os, signal, sys
import torch.utils.tensorboard  # what takes longest, once for all commands
import earmark.cli.training_progress, earmark.training.run
from earmark.cli.app import run

def small_disk(place, size):
    library, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if library.unshare(0x10000000 | 0x00020000):  # CLONE_NEWUSER, CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    if library.mount(b"tmpfs", place.encode(), b"tmpfs", 0, f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), "mount")

def limited(largest=None, disk=None):
    if largest is not None:
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    if disk is not None:
        try:
            small_disk(*disk)
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(77)

for line in sys.stdin:  # where messages go, the words of a command, and limits
    messages, words, limits = json.loads(line)
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
        limited(**limits)
        code = run(words)
    finally:
        sys.stderr.flush()
        os._exit(code)
"""


class Process:
    """A command at work."""

    def __init__(self, breeder: subprocess.Popen[str], messages: Path, words: Sequence[object], limits: Any) -> None:
        assert breeder.stdin is not None
        assert breeder.stdout is not None
        self._ends, self._messages = breeder.stdout, messages
        breeder.stdin.write(json.dumps([str(messages), [str(word) for word in words], limits]) + "\n")
        breeder.stdin.flush()
        self.number = int(self._ends.readline())
        self._end: tuple[int, str] | None = None

    @property
    def runs(self) -> bool:
        """Whether it is at work: once it has ended, whoever forked it takes its number away."""
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: int) -> None:
        """A signal."""
        os.kill(self.number, number)

    def end(self) -> tuple[int, str]:
        """Its exit code, negative for a signal, and what it wrote to stderr."""
        if self._end is None:
            self._end = int(self._ends.readline()), self._messages.read_text()
        return self._end


class Breeder:
    """The process that the others are forked from; one is at work at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BREEDER],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._last: Process | None = None

    def start(self, messages: Path, *words: object, **limits: Any) -> Process:
        """Begin a command; what it says on stderr goes to `messages`.

        `largest=bytes`: no file may become larger. `disk=(place, size)`: it sees a disk of that size at `place`; where
        none can be made, its exit code is 77.
        """
        if self._last is not None:
            if self._last.runs:
                self._last.send(9)  # a test has failed and left it
            self._last.end()
        self._last = Process(self._process, messages, words, limits)
        return self._last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None and self._last.runs:
            self._last.send(9)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
