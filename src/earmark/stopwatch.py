"""Where the time of a run goes, stage by stage: for `--profile`.

    reader's thread   decode: reading, decoding, resampling, cutting into windows
    caller's thread   load | wait, features, model, decide, write, one at a time; what is left is the rest

Decoding runs beside the other stages, so its share is no part of their sum; `wait` is how long they had nothing to do
because of it. All times are of the wall, so threads that fight over processors make each other longer.

Without a stopwatch (None) `stage` and `each` measure nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

Stage = Literal["load", "decode", "wait", "features", "model", "decide", "write"]
ASIDE: Stage = "decode"  # in a separate thread
Item = TypeVar("Item")
Returned = TypeVar("Returned")


@dataclass
class Stopwatch:
    """Seconds of each stage, since `began`, a time of `time.perf_counter`.

    Each stage is measured by one thread only. An engine on a GPU waits for its work before a stage ends.
    """

    began: float = field(default_factory=time.perf_counter)
    seconds: dict[Stage, float] = field(default_factory=dict)

    def add(self, stage: Stage, since: float) -> None:
        """What has passed since a time of `time.perf_counter` belongs to this stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since

    def total(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.began


@contextlib.contextmanager
def _timed(watch: Stopwatch, stage: Stage) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        watch.add(stage, began)


def stage(watch: Stopwatch | None, name: Stage) -> contextlib.AbstractContextManager[None]:
    """Measure what is done within.

    >>> watch = Stopwatch()
    >>> with stage(watch, "model"):
    ...     time.sleep(0.01)
    >>> 0.01 <= watch.seconds["model"] <= watch.total()
    True
    """
    return contextlib.nullcontext() if watch is None else _timed(watch, name)


def each(
    watch: Stopwatch | None, name: Stage, items: Generator[Item, None, Returned]
) -> Generator[Item, None, Returned]:
    """The same items, the time it takes to make them measured, and not what is done with them."""
    while True:
        with stage(watch, name):
            try:
                item = next(items)
            except StopIteration as end:
                returned: Returned = end.value
                return returned
        yield item
