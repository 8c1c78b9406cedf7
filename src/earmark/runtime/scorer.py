"""Scores of many recordings: decoding runs ahead in a thread, windows of several recordings share a batch.

    source -> blocks -> windows  | queue |  -> batches -> model -> assembly -> Scores        (one order, bounded memory)

A recording that cannot be read gives its error in its place; the others are not touched by it. Memory is a few
windows, whatever the length of a recording, plus its frame scores (4 bytes a frame and class).

An ensemble reads a recording once for each of its panels, engines that listen at one rate in the same windows, one
panel after the other. Each engine has an assembly; their scores are averaged (`ensemble.py`) when the last is done.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from earmark.arrays import FloatArray
from earmark.audio import Source, from_array, read_blocks
from earmark.engine import Engine, check_probabilities
from earmark.errors import AudioError, EarmarkError, recording_error
from earmark.labels import Labels
from earmark.processors import processors
from earmark.runtime.ensemble import Ensemble, Panel, engines_of, fuse, panels_of
from earmark.runtime.windows import Assembly, Window, cut
from earmark.scores import Scores
from earmark.stopwatch import Stopwatch, each, stage

_AHEAD = 16  # windows that are read before they are asked for, at least
_READERS = 8  # threads that decode for a GPU


class StoppedError(EarmarkError):
    """Whoever wanted the scores has set `Scorer.stop`."""


@dataclass(frozen=True)
class Waveform:
    """An array the caller already has: (samples,) or (samples, channels) at `rate` Hz."""

    samples: FloatArray
    rate: int


@dataclass(frozen=True)
class Embeddings:
    """Vectors that another network computed: (vectors, bands), or (vectors * bands,), at `rate` values a second."""

    vectors: FloatArray
    rate: int


@dataclass(frozen=True)
class Job:
    """One recording to be scored, and the name its scores carry."""

    name: str
    source: Source | Waveform | Embeddings


@dataclass(frozen=True)
class Scored:
    """Outcome of one job: scores, or the error in their place; and what was done to the audio on the way."""

    job: Job
    scores: Scores | None
    error: EarmarkError | None = None
    actions: tuple[str, ...] = ()
    problem: str | None = None  # a part of the recording is missing: the scores are of what could be read


@dataclass(frozen=True)
class _Begin:
    """The reader begins a recording; its stated duration in seconds, 0 if unknown."""

    job: Job
    seconds: float = 0.0


@dataclass(frozen=True)
class _Cut:
    """A window, and the number of the panel that it was cut for."""

    panel: int
    window: Window


@dataclass(frozen=True)
class _End:
    """The reader is done with a recording."""

    error: EarmarkError | None = None
    actions: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class _Stop:
    """The reader is done with everything, or met a fault of ours, to be raised where the caller sees it."""

    fault: BaseException | None = None


# Messages of the reader's thread, in this order: for each recording _Begin, its _Cut windows, _End; at last _Stop.
_Message = _Begin | _Cut | _End | _Stop


@dataclass
class _Pending:
    """A recording on its way through the model."""

    job: Job
    assemblies: Sequence[Assembly]  # one an engine
    windows: int = 0  # given to the model
    done: int = 0  # scored
    fault: EarmarkError | None = None  # of the model's, at one of its windows
    end: _End | None = None

    def fail(self, error: Exception) -> None:
        """The model failed at one of its windows; the first time counts."""
        self.fault = self.fault or recording_error(self.job.name, error)


_Batch = list[tuple[_Pending, Window]]
_PATIENCE = 8  # batches: so many windows may come while others wait for company


class _Line:
    """Windows of a panel that wait for a batch; those of a recording leave it in their order."""

    def __init__(self, panel: Panel, steady: bool) -> None:
        self.panel, self.steady = panel, steady
        self._waiting: dict[int, _Batch] = {}  # by length; all under 0 if it makes no difference
        self._since: dict[int, int] = {}  # windows that had come when the first of them did
        self._alone: _Batch = []
        self._count = 0

    def put(self, recording: _Pending, window: Window) -> Iterator[_Batch]:
        """Take a window; batches that are to be scored now, in this order."""
        self._count += 1
        length = len(window.samples) if self.steady else 0
        if self.steady and length not in self.panel.sizes:
            self._alone.append((recording, window))
        else:
            waiting = self._waiting.setdefault(length, [])
            self._since.setdefault(length, self._count)
            waiting.append((recording, window))
            if len(waiting) == self.panel.batch:
                yield from self._leave(length)
        most = _PATIENCE * self.panel.batch
        for late in [length for length, count in self._since.items() if self._count - count > most]:
            yield from self._leave(late)
        size = self.panel.plan.size
        if self._alone and (size not in self._waiting or len(self._alone) > self.panel.batch):
            yield from self._leave(size)  # they may end what it holds

    def rest(self) -> Iterator[_Batch]:
        """What waits at the end."""
        yield from self._leave(0)
        yield from self._leave(self.panel.plan.size)
        for length in list(self._waiting):
            yield from self._leave(length)

    def _leave(self, length: int) -> Iterator[_Batch]:
        """Windows of a length; before the last of a recording those before it."""
        size = self.panel.plan.size
        if length not in (size, 0) and (before := self._waiting.get(size)) is not None:
            recordings = {id(recording) for recording, _ in self._waiting.get(length, ())}
            if any(id(recording) in recordings for recording, _ in before):
                yield from self._leave(size)
        if batch := self._waiting.pop(length, None):
            del self._since[length]
            yield batch
        if length == size:
            yield from ([one] for one in self._alone)
            self._alone = []


@dataclass
class Scorer:
    """Scores recordings with one model, an engine or an ensemble, a batch of windows at a time."""

    model: Engine | Ensemble
    batch_size: int = 64  # windows at most; an engine may ask for fewer
    steady: bool = field(default=False, kw_only=True)  # see `_consume`
    stopwatch: Stopwatch | None = field(default=None, kw_only=True, compare=False)  # measures where the time goes
    stop: threading.Event | None = field(default=None, kw_only=True, compare=False)  # set: give up, `StoppedError`
    readers: int | None = field(default=None, kw_only=True)  # threads that decode; None: one, for a GPU more

    def __post_init__(self) -> None:
        self.engines = engines_of(self.model)
        self.panels = panels_of(self.engines, self.batch_size)

    @property
    def arithmetic(self) -> str:
        """Where and in which precision the model computes: "cpu, bf16"."""
        return self.model.arithmetic

    @property
    def labels(self) -> Labels:
        """The labels, in the order of the scores."""
        return self.model.labels

    def score_all(self, jobs: Iterable[Job]) -> Iterator[Scored]:
        """Outcome of every job, in their order; `StoppedError` soon after `stop` is set."""
        ahead = max(_AHEAD, 2 * max(panel.batch for panel in self.panels))
        messages: queue.Queue[_Message] = queue.Queue(maxsize=ahead)
        stop = threading.Event()
        reader = threading.Thread(target=self._read_all, args=(jobs, messages, stop), daemon=True)
        reader.start()
        try:
            yield from self._consume(messages)
        finally:
            stop.set()
            while reader.is_alive():  # unblock a reader that waits for room
                with contextlib.suppress(queue.Empty):
                    messages.get_nowait()
                reader.join(0.01)

    def _read_all(self, jobs: Iterable[Job], messages: queue.Queue[_Message], stop: threading.Event) -> None:
        """In the reader's thread."""
        try:
            for message in self._read_one_by_one(jobs) if self._threads() == 1 else self._read_ahead(jobs, stop):
                messages.put(message)
                if stop.is_set():
                    return
            messages.put(_Stop())
        except BaseException as error:  # noqa: BLE001 - handed over, raised in the caller's thread
            messages.put(_Stop(error))

    def _threads(self) -> int:
        """How many recordings are decoded at once; only one where that is measured."""
        if self.stopwatch is not None:
            return 1
        on_gpu = all(getattr(engine, "device", "cpu") != "cpu" for engine in self.engines)
        return self.readers or (min(_READERS, processors()) if on_gpu else 1)

    def _read_one_by_one(self, jobs: Iterable[Job]) -> Iterator[_Message]:
        for job in jobs:
            yield from each(self.stopwatch, "decode", self._read(job))

    def _read_ahead(self, jobs: Iterable[Job], stop: threading.Event) -> Iterator[_Message]:
        """The same messages in the same order; meanwhile threads decode the recordings that come next.

        A recording whose turn has not come is read as far as a few windows.
        """
        lines: deque[tuple[queue.Queue[_Message], Future[None]]] = deque()
        over = threading.Event()

        def read(job: Job, line: queue.Queue[_Message]) -> None:
            for message in self._read(job):
                while True:
                    if over.is_set() or stop.is_set():
                        return
                    with contextlib.suppress(queue.Full):
                        line.put(message, timeout=0.1)
                        break

        def told(line: queue.Queue[_Message], reading: Future[None]) -> Iterator[_Message]:
            while not stop.is_set():
                ended = reading.done()
                try:
                    message = line.get(timeout=0.1)
                except queue.Empty:
                    if ended:
                        reading.result()  # raises what it ended with
                    continue
                yield message
                if isinstance(message, _End):
                    return

        with ThreadPoolExecutor(self._threads()) as pool:
            try:
                for job in jobs:
                    line: queue.Queue[_Message] = queue.Queue(maxsize=_AHEAD // 4)
                    lines.append((line, pool.submit(read, job, line)))
                    if len(lines) > 2 * self._threads():
                        yield from told(*lines.popleft())
                while lines:
                    yield from told(*lines.popleft())
            finally:
                over.set()

    def _read(self, job: Job) -> Generator[_Message, None, None]:
        begun = False
        ends: list[_End] = []
        try:
            for number, panel in enumerate(self.panels):
                reading = self._cut(job, panel, number)
                for message in reading:
                    if isinstance(message, _End):
                        ends.append(message)
                        continue
                    begun = True
                    yield message
        except Exception as error:  # noqa: BLE001 - it would cost all other recordings
            if not begun:
                yield _Begin(job)
            yield _End(error=recording_error(job.name, error))
        else:
            actions = dict.fromkeys(action for end in ends for action in end.actions)
            yield _End(actions=tuple(actions), problem=ends[0].problem)

    @staticmethod
    def _cut(job: Job, panel: Panel, number: int) -> Iterator[_Message]:
        """The recording's beginning, its windows for one panel, and what was done to it."""
        takes = next(iter(panel.engines.values())).takes  # a rate is one of embeddings, or of sound
        given = job.source
        if isinstance(given, Embeddings):
            if takes != "embeddings":
                raise AudioError(f"{job.name}: is embeddings, but the model takes sound")
            if given.rate != panel.rate:
                raise AudioError(f"{job.name}: has {given.rate} values a second, but the model takes {panel.rate}")
            given = Waveform(given.vectors.reshape(-1), given.rate)
        elif takes == "embeddings":
            raise AudioError(f"{job.name}: is audio, but the model takes precomputed embeddings")
        if isinstance(given, Waveform):
            audio = from_array(given.samples, given.rate, panel.rate, job.name)
            if number == 0:
                yield _Begin(job, len(audio.samples) / panel.rate)
            yield from (_Cut(number, window) for window in cut(panel.plan, [audio.samples]))
            yield _End(actions=audio.actions)
            return
        with read_blocks(given, panel.rate) as blocks:
            if number == 0:
                yield _Begin(job, blocks.info.duration or 0.0)
            yield from (_Cut(number, window) for window in cut(panel.plan, blocks))
            yield _End(actions=blocks.actions, problem=blocks.problem)

    def _consume(self, messages: queue.Queue[_Message]) -> Iterator[Scored]:
        """Outcomes as they are complete.

        Arithmetic rounds differently in batches of other sizes. A `steady` scorer gives a recording the same scores,
        whatever is scored beside it: windows of the lengths that are many (`Panel.sizes`) go through in batches of one
        length and size, filled with silence in the end, and others go alone. An engine must give a clip the same scores
        at every place of a batch; those of this package do on a CPU (`earmark.models.torch_engine`).
        """
        pending: list[_Pending] = []
        lines = [_Line(panel, self.steady) for panel in self.panels]
        while not isinstance(message := self._next(messages), _Stop):
            match message:
                case _Begin(job, seconds):
                    pending.append(_Pending(job, self._assemblies(seconds)))
                case _Cut(number, window):
                    if pending[-1].fault is not None:
                        continue
                    pending[-1].windows += 1
                    for batch in lines[number].put(pending[-1], window):
                        self._score(self.panels[number], batch)
                case _End():
                    pending[-1].end = message
            yield from self._finished(pending)
        if message.fault is not None:
            raise message.fault
        for line in lines:
            for batch in line.rest():
                self._score(line.panel, batch)
        yield from self._finished(pending)

    def _next(self, messages: queue.Queue[_Message]) -> _Message:
        if self.stop is not None and self.stop.is_set():
            raise StoppedError("scoring was stopped")
        with stage(self.stopwatch, "wait"):
            return messages.get()

    def _assemblies(self, seconds: float) -> list[Assembly]:
        return [Assembly(each.plan, len(each.labels), round(seconds * each.rate)) for each in self.engines]

    def _finished(self, pending: list[_Pending]) -> Iterator[Scored]:
        """Recordings at the head of the line whose windows are all scored."""
        while pending and (end := pending[0].end) is not None:
            first, scores, error = pending[0], None, end.error or pending[0].fault
            if error is None and first.done < first.windows:
                return
            del pending[0]
            try:
                scores = None if error else self._scores(first)
            except Exception as fault:  # noqa: BLE001 - it would cost all other recordings
                error = recording_error(first.job.name, fault)
            yield Scored(first.job, scores, error, end.actions, end.problem)

    def _scores(self, pending: _Pending) -> Scores:
        name, both = pending.job.name, zip(self.engines, pending.assemblies, strict=True)
        return fuse(self.model, [_of_model(name, engine, made) for engine, made in both])

    def _score(self, panel: Panel, batch: list[tuple[_Pending, Window]]) -> None:
        """Run a panel on windows of any recordings; each keeps its own length.

        Where the model fails at them together, each is tried alone: a fault costs its own recording and no other.
        """
        if not batch:
            return
        try:
            found = self._listen(panel, [window for _, window in batch])
        except Exception as error:  # noqa: BLE001 - it would cost all other recordings
            for one in batch if len(batch) > 1 else ():
                self._score(panel, [one])
            if len(batch) == 1:
                batch[0][0].fail(error)
            return
        for row, (recording, window) in enumerate(batch):
            try:
                for place, (clip, frames) in found.items():
                    steps = panel.engines[place].steps_in(len(window.samples))
                    recording.assemblies[place].add(window, clip[row], frames[row, :steps])
            except Exception as error:  # noqa: BLE001 - it would cost all other recordings
                recording.fail(error)
            recording.done += 1

    def _listen(self, panel: Panel, windows: Sequence[Window]) -> dict[int, tuple[FloatArray, FloatArray]]:
        """What each engine of a panel says of windows: {place: (clip scores, frame scores)}."""
        lengths = np.array([len(window.samples) for window in windows], np.int64)
        if self.steady:  # windows of one length
            size = panel.batch if lengths[0] in panel.sizes else panel.alone
            lengths = np.full(size, lengths[0], np.int64)
        if len(lengths) == 1 and len(windows[0].samples) == lengths[0]:
            waveform = windows[0].samples[None]
        else:
            waveform = np.zeros((len(lengths), lengths.max()), np.float32)
            for row, window in zip(waveform, windows, strict=False):
                row[: len(window.samples)] = window.samples
        return {place: engine.listen(waveform, lengths, self.stopwatch) for place, engine in panel.engines.items()}


def _of_model(name: str, engine: Engine, made: Assembly) -> Scores:
    """The scores of a recording by one engine. `ModelError` where they are no probabilities."""
    clip, frames = made.clip, made.frames()
    check_probabilities(name, clip, frames)
    return Scores(name, engine.labels, clip, frames, engine.clock, made.samples / engine.rate, made.windows())
