"""Several processes on one machine, each with the models of its own; the recordings are dealt out as they get done.

    this process:  tasks -> pipe -> worker: decide_all -> pipe -> this process        (a pipe each, a few tasks ahead)

A worker that dies is replaced. Its recordings are done again, in halves and apart from others, until the one that it
dies of is alone: that is a failure (`bulk.Suspects`). Nothing is written here but tables of frame scores, each whole or
not at all.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from earmark.errors import EarmarkError, ModelError
from earmark.runtime.bulk import Decided, Suspects, Task, Work, decide_all
from earmark.runtime.shared_engine import ModelGoneError
from earmark.runtime.tagger import Tagger

AHEAD = 40  # tasks with a worker: more than its queue and its batch hold
TRIES = 2  # workers that may end before they have their models
_READY, _DONE, _FAULT = "ready", "done", "fault"


class ProcessBackend:
    """Calls `open_tagger` in each of this many processes; it must be picklable."""

    def __init__(self, open_tagger: Callable[[], Tagger], work: Work, processes: int) -> None:
        self.open_tagger, self.work, self.processes = open_tagger, work, processes
        self._context = multiprocessing.get_context("spawn")
        self._begun: list[Worker] = []

    def start(self) -> None:
        """Begin to open the models now, beside what the caller does next; `close` where no tasks follow."""
        self._begun += [self._worker() for _ in range(self.processes - len(self._begun))]

    def close(self) -> None:
        """End what `start` began and no task has used."""
        while self._begun:
            self._begun.pop().end_now()

    def __call__(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
        """The tasks with what was decided, as they get done."""
        self.start()
        workers, self._begun = self._begun, []
        try:
            yield from self._deal(workers, iter(tasks))
        finally:
            for worker in workers:
                worker.stop()

    def _worker(self) -> Worker:
        return Worker(self._context, self.open_tagger, self.work)

    def _deal(self, workers: list[Worker], tasks: Iterator[Task]) -> Iterator[tuple[Task, Decided]]:
        suspects = Suspects("processes ended while they worked on it")
        exhausted = False
        still_born = 0  # workers that died before they had their models
        while True:
            for place, worker in enumerate(workers):
                if not (worker.open or worker.holds) and (suspects.groups or not exhausted):
                    worker.stop()
                    worker = workers[place] = self._worker()
                if worker.open and not worker.holds and suspects.groups:
                    worker.give_alone(suspects.groups.popleft())
            exhausted = self._give(workers, tasks, exhausted)
            busy = {worker.pipe: worker for worker in workers if worker.holds}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                if worker.hear():
                    yield from worker.answers()
                    continue
                still_born += not worker.ready
                if still_born > TRIES:
                    raise ModelError("worker processes ended without an error; use fewer processes if memory is short")
                yield from suspects.add(list(worker.holds.values()))
                worker.holds = {}

    @staticmethod
    def _give(workers: list[Worker], tasks: Iterator[Task], exhausted: bool) -> bool:
        """Deal out tasks, each to the worker that holds the fewest; whether there are no more."""
        while takers := [worker for worker in workers if worker.open and len(worker.holds) < AHEAD]:
            task = None if exhausted else next(tasks, None)
            if task is None:
                for worker in takers:
                    worker.end()  # it scores what is left of a batch
                return True
            min(takers, key=lambda worker: len(worker.holds)).give(task)
        return exhausted


class Worker:
    """A process, as seen from this one."""

    def __init__(self, context: Any, open_tagger: Callable[[], Tagger], work: Work) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, open_tagger, work), daemon=True)
        self.process.start()
        theirs.close()
        self.holds: dict[int, Task] = {}
        self.open = True  # takes more tasks
        self.ready = False  # has its models
        self._answers: list[tuple[Task, Decided]] = []

    def give(self, task: Task) -> None:
        """Send a task. Of a worker that died, `hear` tells."""
        self.holds[task.position] = task
        try:
            self.pipe.send(task)
        except OSError:
            self.open = False

    def give_alone(self, tasks: list[Task]) -> None:
        """Send these and no more."""
        for task in tasks:
            self.give(task)
        self.end()

    def end(self) -> None:
        """Say that no more comes."""
        self.open = False
        with contextlib.suppress(OSError):
            self.pipe.send(None)

    def hear(self) -> bool:
        """Take up what it says next; False when it died. Raises what it raised."""
        try:
            kind, *rest = self.pipe.recv()
        except (EOFError, OSError):
            self.open = False
            return False
        if kind == _FAULT:
            raise rest[0]
        if kind == _READY:
            self.ready = True
        else:
            self._answers.append((self.holds.pop(rest[0]), rest[1]))
        return True

    def answers(self) -> list[tuple[Task, Decided]]:
        """What it has done since this was asked."""
        answers, self._answers = self._answers, []
        return answers

    def stop(self) -> None:
        """End the process."""
        if self.open:
            self.end()
        self.process.join(0.2 if self.holds else 5)
        self.end_now()

    def end_now(self) -> None:
        """End the process, whatever it is doing."""
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(5)
        self.pipe.close()


def _serve(pipe: Connection, open_tagger: Callable[[], Tagger], work: Work) -> None:
    """In a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when it is over

    def tasks() -> Iterator[Task]:
        while (task := pipe.recv()) is not None:
            yield task

    try:
        tagger = open_tagger()
        pipe.send((_READY,))
        for task, decided in decide_all(tagger, work, tasks()):
            pipe.send((_DONE, task.position, decided))
    except (EOFError, BrokenPipeError, ConnectionResetError, ModelGoneError):
        return  # the first process is gone, or has no model any more
    except EarmarkError as error:
        pipe.send((_FAULT, error))
    except Exception as error:  # noqa: BLE001 - handed over, raised there
        pipe.send((_FAULT, ModelError(f"a worker process failed: {type(error).__name__}: {error}")))
