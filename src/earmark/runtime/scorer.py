"""Scores of many recordings: decoding runs ahead in a thread, windows of several recordings share a batch.

    source -> blocks -> windows  | queue |  -> batches -> model -> assembly -> Scores        (one order, bounded memory)

A recording that cannot be read gives its error in its place; the others are not touched by it. Memory is a few
windows, whatever the length of a recording, plus its frame scores (4 bytes a frame and class).

A fused model reads a recording once for each of its panels (`panels.py`), one after the other, and has an assembly for
each tagger; their scores are put together (`fusion.py`) when the last of them is done.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from earmark.audio import Source, from_array, read_blocks
from earmark.devices import Precision, resolve_precision
from earmark.errors import AudioError, EarmarkError
from earmark.features import EmbeddingOptions
from earmark.labels import Labels
from earmark.models.fusion import Model, fuse, taggers_of
from earmark.models.torch_engine import Panel, seat
from earmark.runtime.windows import Assembly, FloatArray, Window
from earmark.scores import Scores
from earmark.stopwatch import Stopwatch, each, stage


@dataclass(frozen=True)
class Waveform:
    """An array the caller already has: (samples,) or (samples, channels) at `rate` Hz."""

    samples: FloatArray
    rate: int


@dataclass(frozen=True)
class Job:
    """One recording to be scored, and the name its scores carry."""

    name: str
    source: Source | Waveform


@dataclass(frozen=True)
class Scored:
    """Outcome of one job: scores, or the error in their place; and what was done to the audio on the way."""

    job: Job
    scores: Scores | None
    error: EarmarkError | None = None
    actions: tuple[str, ...] = ()
    problem: str | None = None  # a part of the recording is missing: the scores are of what could be read


@dataclass
class _Pending:
    """A recording on its way through the model."""

    job: Job
    assemblies: Sequence[Assembly] = ()  # one a tagger, once the recording says how long it is
    windows: int = 0  # given to the model
    done: int = 0  # scored
    end: _End | None = None


@dataclass(frozen=True)
class _Promise:
    """How long a recording says that it is; it comes before its windows."""

    seconds: float  # 0: it does not say


@dataclass(frozen=True)
class _Heard:
    """A window, and the number of the panel that it was cut for."""

    panel: int
    window: Window


@dataclass(frozen=True)
class _End:
    """The reader's last word on a recording."""

    error: EarmarkError | None = None
    actions: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class _Crash:
    """A fault of ours in the reader, to be raised where the caller sees it."""

    error: BaseException


@dataclass
class Scorer:
    """Scores recordings with one model, fused or not, a batch of windows at a time."""

    model: Model
    device: str = "cpu"
    precision: Precision = "float32"
    batch_size: int = 8  # windows at most; on a processor fewer, where they are large
    stopwatch: Stopwatch | None = field(default=None, kw_only=True, compare=False)  # told where the time goes

    def __post_init__(self) -> None:
        self.taggers = taggers_of(self.model)
        self.panels = seat(self.taggers)
        at_once = [panel.batch() if self.device == "cpu" else self.batch_size for panel in self.panels]
        self.batches = [min(size, self.batch_size) for size in at_once]
        self.bf16 = resolve_precision(self.precision, self.device) == "bf16"

    @property
    def arithmetic(self) -> str:
        """What computes, in which numbers: "cpu, bf16"."""
        return f"{self.device}, {'bf16' if self.bf16 else 'float32'}"

    @property
    def labels(self) -> Labels:
        """The labels, in the order of the scores."""
        return self.model.labels

    def score_all(self, jobs: Iterable[Job]) -> Iterator[Scored]:
        """Outcome of every job, in their order."""
        items: queue.Queue[object] = queue.Queue(maxsize=2 * self.batch_size)
        stop = threading.Event()
        reader = threading.Thread(target=self._read_all, args=(jobs, items, stop), daemon=True)
        reader.start()
        try:
            yield from self._consume(items)
        finally:
            stop.set()
            while reader.is_alive():  # unblock a reader that waits for room
                with contextlib.suppress(queue.Empty):
                    items.get_nowait()
                reader.join(0.01)

    def _read_all(self, jobs: Iterable[Job], items: queue.Queue[object], stop: threading.Event) -> None:
        """In the reader's thread: for each job itself, its windows, its end; then None."""
        try:
            for job in jobs:
                items.put(job)
                for item in each(self.stopwatch, "decode", self._read(job)):
                    items.put(item)
                    if stop.is_set():
                        return
            items.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over, raised in the caller's thread
            items.put(_Crash(error))

    def _read(self, job: Job) -> Generator[_Heard | _Promise | _End, None, None]:
        ends: list[_End] = []
        try:
            for number, panel in enumerate(self.panels):
                ends.append((yield from self._cut(job, panel, number)))
        except EarmarkError as error:
            yield _End(error=error)
        except OSError as error:
            yield _End(error=AudioError(f"{job.name}: cannot be read: {error.strerror or error}"))
        else:
            actions = dict.fromkeys(action for end in ends for action in end.actions)
            yield _End(actions=tuple(actions), problem=ends[0].problem)

    @staticmethod
    def _cut(job: Job, panel: Panel, number: int) -> Generator[_Heard | _Promise, None, _End]:
        """The windows of a recording for one panel; returns what was done to it."""
        features = next(iter(panel.taggers.values())).options.features  # a rate is one of embeddings, or of sound
        if isinstance(features, EmbeddingOptions) and getattr(job.source, "rate", None) != panel.rate:
            raise AudioError(f"{job.name}: is sound, but the model takes embeddings that were computed elsewhere")
        if isinstance(job.source, Waveform):
            audio = from_array(job.source.samples, job.source.rate, panel.rate, job.name)
            if number == 0:
                yield _Promise(len(audio.samples) / panel.rate)
            yield from (_Heard(number, window) for window in panel.plan.cut([audio.samples]))
            return _End(actions=audio.actions)
        with read_blocks(job.source, panel.rate) as blocks:
            if number == 0:
                yield _Promise(blocks.info.duration or 0.0)
            yield from (_Heard(number, window) for window in panel.plan.cut(blocks))
            return _End(actions=blocks.actions, problem=blocks.problem)

    def _consume(self, items: queue.Queue[object]) -> Iterator[Scored]:
        pending: list[_Pending] = []
        batches: list[list[tuple[_Pending, Window]]] = [[] for _ in self.panels]
        while (item := self._next(items)) is not None:
            if isinstance(item, _Crash):
                raise item.error
            if isinstance(item, Job):
                pending.append(_Pending(item))
            elif isinstance(item, _Promise):
                pending[-1].assemblies = self._assemblies(item.seconds)
            elif isinstance(item, _End):
                pending[-1].end = item
            elif isinstance(item, _Heard):
                pending[-1].windows += 1
                batch = batches[item.panel]
                batch.append((pending[-1], item.window))
                if len(batch) == self.batches[item.panel]:
                    self._score(self.panels[item.panel], batch)
                    batch.clear()
            yield from self._finished(pending)
        for panel, batch in zip(self.panels, batches, strict=True):
            self._score(panel, batch)
        yield from self._finished(pending)

    def _next(self, items: queue.Queue[object]) -> object:
        with stage(self.stopwatch, "wait"):
            return items.get()

    def _assemblies(self, seconds: float) -> list[Assembly]:
        plans = {place: panel.plan for panel in self.panels for place in panel.taggers}
        return [
            Assembly(plans[place], len(tagger.labels), round(seconds * tagger.rate))
            for place, tagger in enumerate(self.taggers)
        ]

    def _finished(self, pending: list[_Pending]) -> Iterator[Scored]:
        """Recordings at the head of the line whose windows are all scored."""
        while pending and (end := pending[0].end) is not None and (end.error or pending[0].done == pending[0].windows):
            first = pending.pop(0)
            scores = None if end.error else self._scores(first)
            yield Scored(first.job, scores, end.error, end.actions, end.problem)

    def _scores(self, pending: _Pending) -> Scores:
        name, each = pending.job.name, zip(self.taggers, pending.assemblies, strict=True)
        return fuse(
            self.model,
            [
                Scores(name, tagger.labels, made.clip, made.frames(), tagger.clock, made.samples / tagger.rate)
                for tagger, made in each
            ],
        )

    @torch.inference_mode()
    def _score(self, panel: Panel, batch: list[tuple[_Pending, Window]]) -> None:
        """Run a panel on windows of any recordings; each keeps its own length."""
        if not batch:
            return
        lengths = torch.tensor([len(window.samples) for _, window in batch])
        waveform = torch.zeros(len(batch), int(lengths.max()))
        for row, (_, window) in zip(waveform.numpy(), batch, strict=True):
            row[: len(window.samples)] = window.samples
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bf16):
            heard = list(panel.listen(waveform.to(self.device), lengths.to(self.device), self.stopwatch))
        for place, pooled in heard:
            steps = self.taggers[place].steps_in(lengths).tolist()
            clip, frames = (probabilities(tensor) for tensor in (pooled.clip, pooled.frames))
            for row, (pending, window) in enumerate(batch):
                pending.assemblies[place].add(window, clip[row], frames[row, : steps[row]])
        for pending, _ in batch:
            pending.done += 1


def probabilities(tensor: torch.Tensor) -> FloatArray:
    """Probabilities as numpy; a weighted mean may pass 1 by a rounding, nothing else is let through."""
    array: FloatArray = tensor.float().cpu().numpy()
    return np.where((array > 1) & (array < 1 + 1e-5), np.float32(1), array)
