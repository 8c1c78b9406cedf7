"""Sound that goes on: what every source of it gives, and files played as if they were one.

A source gives blocks (samples,) or (samples, channels) of float32 at its `rate`, and, where sound was lost, `Missing`
in its place. It never ends because of a fault: it says what happened and goes on. `pcm.py` reads a stream of bytes,
`microphone.py` a sound card.

`watched` looks at the blocks of any source: it reports a source that gives nothing, and one that gives only zeros.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from earmark.audio.blocks import read_blocks
from earmark.audio.source import Source
from earmark.errors import ConfigError

BLOCK = 0.1  # seconds
STALL = 5.0  # seconds without a block after which a source is said to have stopped
SILENCE = 10.0  # seconds of zeros after which a source is said to be silent
Say = Callable[[str], object]
Block = npt.NDArray[Any]


@dataclass(frozen=True)
class Missing:
    """Sound was lost: so many seconds, if that is known; and why."""

    seconds: float
    why: str


class LiveSource(Protocol):
    """Where sound comes from."""

    name: str
    rate: int  # Hz
    real_time: bool  # whether its time is that of the clock on the wall

    def blocks(self, say: Say) -> Iterator[Block | Missing]:
        """Sound as it comes; `say` is told what goes wrong."""
        ...


class FileAsLive:
    """A recording played at `speed` times its own (None: as fast as it can be read), at `rate` Hz."""

    real_time = False

    def __init__(self, source: Source, rate: int, speed: float | None = 1.0) -> None:
        if speed is not None and not speed > 0:
            raise ConfigError(f"--speed {speed} makes no sense; expected a number above 0, or max")
        self._file = read_blocks(source, rate, BLOCK)
        self.name, self.rate, self.speed = os.path.basename(self._file.info.name), rate, speed

    def blocks(self, say: Say) -> Iterator[Block | Missing]:
        """The recording in blocks, each when its last sample would have been heard."""
        began, played = time.monotonic(), 0
        with self._file as file:
            for block in file:
                played += len(block)
                if self.speed is not None:
                    time.sleep(max(0.0, began + played / self.rate / self.speed - time.monotonic()))
                yield block
            if file.problem is not None:
                say(f"{self.name}: {file.problem}")


def watched(source: LiveSource, say: Say, stall: float = STALL, silence: float = SILENCE) -> Iterator[Block | Missing]:
    """The blocks of a source; `say` is told when it stops and goes on, and when it gives nothing but zeros."""
    if not source.real_time:
        yield from source.blocks(say)
        return
    waiting: queue.Queue[Block | Missing | BaseException | None] = queue.Queue(maxsize=32)
    left = threading.Event()
    threading.Thread(target=_read, args=(source, say, waiting, left), daemon=True).start()
    quiet = 0.0
    try:
        while True:
            item = _next(source, waiting, say, stall)
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            if not isinstance(item, Missing):
                was, quiet = quiet, 0.0 if np.any(item) else quiet + len(item) / source.rate
                if was < silence <= quiet:
                    say(f"{source.name}: nothing but zeros for {silence:g} s; is the microphone muted?")
                elif was >= silence and not quiet:
                    say(f"{source.name}: sound again, after {was:.0f} s of zeros")
            yield item
    finally:
        left.set()


def _next(
    source: LiveSource, waiting: queue.Queue[Block | Missing | BaseException | None], say: Say, stall: float
) -> Block | Missing | BaseException | None:
    """What comes next, however long it takes; a wait is reported."""
    began = time.monotonic()
    try:
        return waiting.get(timeout=stall)
    except queue.Empty:
        say(f"{source.name}: no sound for {stall:g} s; still waiting for it")
    item = waiting.get()
    if item is not None:
        say(f"{source.name}: sound again, after {time.monotonic() - began:.0f} s")
    return item


def _read(source: LiveSource, say: Say, waiting: queue.Queue[Any], left: threading.Event) -> None:
    """In a thread of its own, so that a source that does not come can be noticed."""
    try:
        for item in source.blocks(say):
            while not left.is_set():
                try:
                    waiting.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if left.is_set():
                return
        waiting.put(None)
    except BaseException as error:  # noqa: BLE001 - handed over, raised in the listener's thread
        waiting.put(error)
