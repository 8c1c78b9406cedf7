"""Clips decoded once, for a pack: each as 16-bit integers and the size of their step.

Many clips are decoded by processes of their own, `python -m earmark.data.decoding`: threads in one process wait for
each other in Python's own code, on some machines so much that sixteen do no more than one. A process loads no PyTorch
and starts in a moment. It reads (path, rate, whether damaged clips are kept) from its standard input, and writes what
came of each to its standard output, both pickled, until there is no more.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from earmark.audio import read_audio
from earmark.errors import AudioError, MissingExtraError
from earmark.processors import ONE_THREAD

_STEPS = 32_767  # integer that stands for a clip's peak

Quantised = tuple[npt.NDArray[np.int16], float]


def decode(path: str, rate: int, keep_truncated: bool) -> Quantised | str:
    """One clip as integers and the size of their step, or the reason why it is left out."""
    try:
        audio = read_audio(path, rate)
    except (AudioError, MissingExtraError) as error:
        return str(error)
    if audio.problem is not None and not keep_truncated:
        return f"{path}: {audio.problem}"
    return quantise(audio.samples)


def quantise(samples: npt.NDArray[np.float32]) -> Quantised:
    """Integers (samples,) and their step, a float32: `integers * step` is the waveform to within half a step.

    >>> quantise(np.array([0.5, -0.25, 0.0], dtype=np.float32))[0].tolist()
    [32767, -16384, 0]
    """
    peak = float(np.abs(samples).max(initial=0.0))
    step = float(np.float32(peak / _STEPS))
    if step == 0.0:  # silence, or values too small for a float32 step
        return np.zeros(len(samples), dtype=np.int16), 1.0
    return np.clip(np.rint(samples / step), -_STEPS, _STEPS).astype("<i2"), step


class Decoders:
    """So many processes that decode; threads may ask them at the same time."""

    def __init__(self, processes: int) -> None:
        self._free: queue.Queue[subprocess.Popen[bytes]] = queue.Queue()
        self._all: list[subprocess.Popen[bytes]] = []
        for _ in range(processes):
            self._free.put(self._begin())

    def decode(self, path: str, rate: int, keep_truncated: bool) -> Quantised | str:
        """As `decode`, in the next process that is free. Where that dies of a clip, the clip is left out."""
        process = self._free.get()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            pickle.dump((path, rate, keep_truncated), stdin)
            stdin.flush()
            found: Quantised | str = pickle.load(stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            process.kill()
            process = self._begin()
            found = f"{path}: the process that decoded it ended; is the file damaged?"
        self._free.put(process)
        return found

    def _begin(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        words = [sys.executable, "-m", "earmark.data.decoding"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._all.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            process.kill()
            process.communicate()


def main() -> None:
    """In a process of its own: decode what is asked for until there is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when it is over
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    while True:
        try:
            asked: tuple[Any, ...] = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            pickle.dump(decode(*asked), answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:  # the first process is gone
            return


if __name__ == "__main__":
    main()
