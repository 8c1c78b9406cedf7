"""A few recordings in work, some that wait, and no more: what is beyond is refused at once.

    place()  ->  waits  ->  runs in a thread  ->  its result
    (Busy)       (the client left: it goes)   (the client left: it is told to stop)

A place is taken before an upload is read, so that what lies on disk is bounded as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


class BusyError(Exception):
    """Every place is taken; `seconds` is when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"busy: all places are taken; try again in {seconds} s")
        self.seconds = seconds


class SlowError(Exception):
    """A job took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"scoring takes longer than {seconds:.0f} s, which is the most that is given to a recording")


class Work:
    """`jobs` threads and `waiting` places beside them. Used from one event loop."""

    def __init__(self, jobs: int, waiting: int) -> None:
        self.jobs, self.places = jobs, jobs + waiting
        self.taken = self.running = self.aside = 0  # places, jobs that run, jobs without a place
        self.ending = False  # nothing more is taken
        self.mean = 1.0  # seconds of a job, the latest counting most
        self._free, self._few = asyncio.Semaphore(jobs), asyncio.Semaphore(max(1, jobs - 1))
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="earmark-work")

    @property
    def queue(self) -> int:
        """What was begun and does not run: uploads that come in, and jobs that wait."""
        return max(0, self.taken + self.aside - self.running)

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; `BusyError` where none is left."""
        if self.ending:
            raise BusyError(10)
        if self.taken >= self.places:
            raise BusyError(max(1, min(60, round(self.taken / self.jobs * self.mean / 2))))
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run_aside(self, job: Callable[[threading.Event], Answer]) -> Answer:
        """`run` for what has no place. Where there are several threads, one is left to those that have."""
        self.aside += 1
        try:
            async with self._few:
                return await self.run(job)
        finally:
            self.aside -= 1

    async def run(self, job: Callable[[threading.Event], Answer], patience: float | None = None) -> Answer:
        """What `job` returns or raises, from a thread; `SlowError` where it takes more than `patience` seconds.

        Then, and where the caller is cancelled, the job's event is set and its thread waited for: no more than `jobs`
        ever run.
        """
        async with self._free:
            self.running += 1
            stop, began = threading.Event(), time.perf_counter()
            future = asyncio.get_running_loop().run_in_executor(self._threads, job, stop)
            try:
                return await asyncio.wait_for(asyncio.shield(future), patience)
            except (asyncio.CancelledError, TimeoutError) as error:
                if future.done() and not future.cancelled() and isinstance(error, TimeoutError):
                    raise  # the job's own
                stop.set()
                await asyncio.wait([future])
                if not future.cancelled():
                    future.exception()  # seen
                if patience is not None and isinstance(error, TimeoutError):
                    raise SlowError(patience) from error
                raise
            finally:
                self.running -= 1
                self.mean += 0.2 * (time.perf_counter() - began - self.mean)

    def close(self) -> None:
        """Let the threads end; what they do is waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)
