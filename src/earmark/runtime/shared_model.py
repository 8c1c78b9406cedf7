"""One model on a GPU for several processes that read and decide: the device is fed by as many cores as there are.

    process: files -> windows ──┐                              ┌──> scores -> decisions -> journal
    process: files -> windows ──┼──> batches -> the model ─────┼──> ...
    process: files -> windows ──┘    (this process, a thread)  └──>

Windows of all processes share a batch, and the next batch is under way before the scores of the last are brought
back. The rest is as with several processes that each have a model (`processes.py`): order, journal, and what becomes
of a recording that its process dies of.

A recording's scores do not depend on what is scored beside it: windows go through in batches of one length, filled
with silence to one size, as with a scorer that is `steady`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from earmark.arrays import FloatArray, IntArray
from earmark.engine import Engine
from earmark.errors import EarmarkError, ModelError
from earmark.processors import ONE_THREAD
from earmark.runtime.bulk import Decided, Task, Work
from earmark.runtime.ensemble import Ensemble, Panel, engines_of, panels_of
from earmark.runtime.processes import ProcessBackend, Worker
from earmark.runtime.shared_engine import WINDOWS, Line, Opener, describe

_MOST = 10_000  # windows in a batch, whatever an engine asks for
_MOMENT = 0.001  # seconds between two looks at a batch that is under way


@dataclass
class _Asked:
    """Windows that a process asks about."""

    line: Line
    panel: int
    samples: int  # of the longest
    lengths: list[int]
    shapes: dict[int, tuple[int, int]]  # steps and classes of what each engine says of them
    left: int = 0  # windows without an answer
    error: EarmarkError | None = None

    def window(self, row: int) -> FloatArray:
        return self.line.waveform(len(self.lengths), self.samples)[row, : self.lengths[row]]


_Row = tuple[_Asked, int]


@dataclass
class _Underway:
    """A batch that the device computes."""

    rows: list[_Row]
    results: dict[int, Callable[[], tuple[FloatArray, FloatArray]]]

    def done(self) -> bool:
        return all(getattr(result, "done", lambda: True)() for result in self.results.values())


@dataclass
class _Seat:
    """A panel, its windows that wait, and two buffers: one is filled while the device reads the other."""

    panel: Panel
    waiting: deque[_Row] = field(default_factory=deque)
    buffers: list[FloatArray] = field(default_factory=list)
    turn: int = 0

    def next(self) -> list[_Row]:
        """The windows that have waited longest, of one length."""
        samples = _length(self.waiting[0])
        most = self.panel.batch if samples in self.panel.sizes else self.panel.alone
        rows: list[_Row] = []
        rest: list[_Row] = []
        while self.waiting and len(rows) < most:
            row = self.waiting.popleft()
            (rows if _length(row) == samples else rest).append(row)
        self.waiting.extendleft(reversed(rest))
        return rows

    def waveform(self, rows: Sequence[_Row]) -> tuple[FloatArray, IntArray]:
        """The batch (batch, samples) of these rows, filled with silence, and its lengths."""
        panel, samples = self.panel, _length(rows[0])
        batch = panel.batch if samples in panel.sizes else panel.alone
        if not self.buffers:
            engine = next(iter(panel.engines.values()))
            self.buffers = [_memory(engine, panel.batch * max(panel.sizes)) for _ in range(2)]
        self.turn = 1 - self.turn
        waveform = self.buffers[self.turn][: batch * samples].reshape(batch, samples)
        for place, (asked, row) in enumerate(rows):
            waveform[place] = asked.window(row)
        waveform[len(rows) :] = 0.0
        return waveform, np.full(batch, samples, np.int64)


class SharedModel:
    """Answers processes that ask about windows, in a thread; `fault` is what ended it before its time."""

    def __init__(self, model: Engine | Ensemble) -> None:
        self.model = model
        self.panels = panels_of(engines_of(model), _MOST)
        self.described = describe(model, self.panels)
        self.fault: BaseException | None = None
        self._seats = [_Seat(panel) for panel in self.panels]
        self._lines: dict[Connection, Line] = {}
        self._new: deque[Line] = deque()
        self._thread: threading.Thread | None = None

    def line(self, context: Any) -> Line:
        """A line to this model, for a further process; what of it is in this process may be closed once that has it."""
        if self._thread is None:
            self._bell, self._hears = context.Pipe()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        ours, theirs = context.Pipe()
        windows = context.RawArray("f", max(_windows(panel) * max(panel.sizes) for panel in self.panels))
        scores = context.RawArray("f", max(_room(panel) for panel in self.panels))
        self._new.append(Line(ours, windows, scores))
        self._bell.send(True)
        return Line(theirs, windows, scores)

    def close(self) -> None:
        """End the thread; who still asks is told that the model is gone."""
        if self._thread is None:
            return
        with contextlib.suppress(OSError):  # it has ended by itself
            self._bell.send(False)
        self._thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001 - handed over, raised in the caller's thread
            self.fault = error
        finally:
            for line in [*self._lines.values(), *self._new]:
                line.pipe.close()
            self._bell.close()
            self._hears.close()

    def _serve(self) -> None:
        """Answer until the bell says that it is over."""
        underway: _Underway | None = None
        while True:
            if not self._listen(self._patience(underway)):
                return
            if underway is None:
                underway = self._begin()
            elif self._full() or underway.done():
                begun = self._begin()  # before the last is brought back: the device is never without work
                self._finish(underway)
                underway = begun

    def _patience(self, underway: _Underway | None) -> float | None:
        """Seconds to wait for more to be asked."""
        if underway is None:
            return 0 if any(seat.waiting for seat in self._seats) else None
        return 0 if self._full() or underway.done() else _MOMENT

    def _full(self) -> bool:
        return any(len(seat.waiting) >= seat.panel.batch for seat in self._seats)

    def _listen(self, seconds: float | None) -> bool:
        """Take up what is asked, by whom there is; whether it goes on."""
        pipes: list[Any] = [self._hears, *self._lines]
        ready: Any
        for ready in wait(pipes, seconds):
            if ready is not self._hears:
                self._hear(ready)
                continue
            if not self._hears.recv():
                return False
            while self._new:
                line = self._new.popleft()
                self._lines[line.pipe] = line
        return True

    def _hear(self, pipe: Connection) -> None:
        """Take up what a process asks."""
        try:
            number, samples, lengths = pipe.recv()
        except (EOFError, OSError):  # it has ended
            self._lines.pop(pipe)
            pipe.close()
            return
        seat = self._seats[number]
        longest = max(lengths)
        shapes = {place: (engine.steps_in(longest), len(engine.labels)) for place, engine in seat.panel.engines.items()}
        asked = _Asked(self._lines[pipe], number, samples, lengths, shapes, len(lengths))
        seat.waiting.extend((asked, row) for row in range(len(lengths)))

    def _begin(self) -> _Underway | None:
        """Give the device the next batch, of the panel whose windows are most."""
        seat = max(self._seats, key=lambda each: len(each.waiting))
        return self._underway(seat, seat.next()) if seat.waiting else None

    def _underway(self, seat: _Seat, rows: list[_Row]) -> _Underway | None:
        try:
            waveform, lengths = seat.waveform(rows)
            engines = seat.panel.engines.items()
            return _Underway(rows, {place: _later(engine, waveform, lengths) for place, engine in engines})
        except Exception as error:  # noqa: BLE001 - it would cost all other recordings
            self._failed(rows, error)
        return None

    def _finish(self, underway: _Underway) -> None:
        """Bring back what a batch came to, and tell those who asked."""
        rows = underway.rows
        try:
            found = {place: result() for place, result in underway.results.items()}
        except Exception as error:  # noqa: BLE001 - it would cost all other recordings
            self._failed(rows, error)
            return
        for at, (asked, row) in enumerate(rows):
            told = asked.line.found(len(asked.lengths), asked.shapes)
            for place, (clip, frames) in found.items():
                told[place][0][row] = clip[at]
                steps = min(frames.shape[1], asked.shapes[place][0])
                told[place][1][row, :steps] = frames[at, :steps]
            self._answered(asked)

    def _failed(self, rows: list[_Row], error: Exception) -> None:
        """A process whose windows fail among others asks about each alone; then it is the window's fault."""
        for asked, _ in rows:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            asked.error = error if isinstance(error, EarmarkError) else ModelError(f"the model failed ({what})")
            self._answered(asked)

    def _answered(self, asked: _Asked) -> None:
        asked.left -= 1
        if asked.left:
            return
        engines = self.panels[asked.panel].engines.items()
        steps = {(place, length): engine.steps_in(length) for place, engine in engines for length in set(asked.lengths)}
        with contextlib.suppress(OSError):  # it has ended; `_hear` is told so as well
            asked.line.pipe.send(asked.error or (asked.shapes, steps))


def _length(row: _Row) -> int:
    return row[0].lengths[row[1]]


def _windows(panel: Panel) -> int:
    """As many as a process asks about at once."""
    return min(WINDOWS, panel.batch)


def _room(panel: Panel) -> int:
    """Scores of as many windows as a process asks about."""
    longest = max(panel.sizes)
    each = sum(len(engine.labels) * (1 + engine.steps_in(longest)) for engine in panel.engines.values())
    return _windows(panel) * each


def _later(engine: Any, waveform: FloatArray, lengths: IntArray) -> Callable[[], tuple[FloatArray, FloatArray]]:
    """The scores of a batch as a function that waits for them, where the engine has one (`listen_later`)."""
    if hasattr(engine, "listen_later"):
        result: Callable[[], tuple[FloatArray, FloatArray]] = engine.listen_later(waveform, lengths)
        return result
    found = engine.listen(waveform, lengths)
    return lambda: found


def _memory(engine: Any, samples: int) -> FloatArray:
    """An array that the engine's device reads by itself, where the engine gives such."""
    if hasattr(engine, "memory"):
        made: FloatArray = engine.memory(samples)
        return made
    return np.zeros(samples, np.float32)


class SharedBackend(ProcessBackend):
    """A backend of so many processes that read and decide, around one model in this process.

    `around` makes of a model what decides: a tagger or an embedder. It must be picklable.
    """

    def __init__(self, model: Engine | Ensemble, around: Callable[[Any], Any], work: Work, processes: int) -> None:
        super().__init__(functools.partial(around, model), replace(work, steady=False), processes)
        self.around, self.shared = around, SharedModel(model)

    def __call__(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
        """The tasks with what was decided, as they get done."""
        try:
            yield from super().__call__(tasks)
        finally:
            self.shared.close()

    def close(self) -> None:
        """End what `start` began and no task has used."""
        super().close()
        self.shared.close()

    def _worker(self) -> Worker:
        if self.shared.fault is not None:
            raise self.shared.fault
        theirs = self.shared.line(self._context)
        with _one_thread():
            worker = Worker(self._context, Opener(self.shared.described, self.around, theirs), self.work)
        theirs.pipe.close()
        return worker


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started within compute in one thread each: there are as many as processors."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
