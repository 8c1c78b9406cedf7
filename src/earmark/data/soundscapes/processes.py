"""Work on many numbers shared between processes that need nothing of each other.

Each process takes every n-th number and reports each one that is done. An interrupt reaches the caller alone; the
others end after the number they are at, and so they do when the caller is gone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from earmark.errors import EarmarkError

Work = Callable[[Sequence[int]], Iterator[int]]  # does one number after the other; can be pickled
_PATIENCE = 0.5  # seconds between looks at whether the processes are alive


def share_out(work: Work, numbers: Sequence[int], processes: int, done: Callable[[int], object]) -> None:
    """Do all numbers; `done` gets the number done so far. An error of `work` is raised here; the rest is not done."""
    if processes == 1 or len(numbers) < 2:
        for count, _ in enumerate(work(numbers), 1):
            done(count)
        return
    context = multiprocessing.get_context("spawn")
    told: Queue[int | EarmarkError] = context.Queue()
    stop = context.Event()
    shares = [numbers[first::processes] for first in range(min(processes, len(numbers)))]
    workers = [context.Process(target=_do, args=(work, share, told, stop), daemon=True) for share in shares]
    try:
        with _uninterrupted():  # the processes inherit it
            for worker in workers:
                worker.start()
        for count in range(1, len(numbers) + 1):
            heard = _next(told, workers)
            if isinstance(heard, EarmarkError):
                raise heard
            done(count)
    finally:
        stop.set()
        for worker in workers:
            if worker.pid is not None:
                worker.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only there can it be said
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _next(
    told: Queue[int | EarmarkError], workers: Sequence[multiprocessing.process.BaseProcess]
) -> int | EarmarkError:
    while True:
        ended = all(worker.exitcode is not None for worker in workers)  # seen before the last look at what they told
        failed = [worker.exitcode for worker in workers if worker.exitcode]
        try:
            return told.get(timeout=_PATIENCE)
        except queue.Empty:
            if ended or failed:
                code = failed[0] if failed else 0
                return EarmarkError(f"a process ended unexpectedly (code {code}); was there too little memory?")


def _do(work: Work, numbers: Sequence[int], told: Queue[int | EarmarkError], stop: Event) -> None:
    """What one process does."""
    parent = multiprocessing.parent_process()
    try:
        for number in work(numbers):
            told.put(number)
            if parent is None or not parent.is_alive():
                told.cancel_join_thread()  # nobody is left to listen
                return
            if stop.is_set():
                return
    except EarmarkError as error:
        told.put(error)
