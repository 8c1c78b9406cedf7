"""Scores of many recordings: decoding runs ahead in a thread, windows of several recordings share a batch.

    source -> blocks -> windows  | queue |  -> batches -> model -> assembly -> Scores        (one order, bounded memory)

A recording that cannot be read gives its error in its place; the others are not touched by it. Memory is a few
windows, whatever the length of a recording, plus its frame scores (4 bytes a frame and class).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from earmark.audio import Source, from_array, read_blocks
from earmark.errors import AudioError, EarmarkError
from earmark.inference.windows import Assembly, FloatArray, Window, WindowPlan
from earmark.runtime import Precision, resolve_precision
from earmark.scores import Scores
from earmark.tagger import Tagger


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
    assembly: Assembly
    windows: int = 0  # given to the model
    done: int = 0  # scored
    end: _End | None = None


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
    """Scores recordings with one model, a batch of windows at a time."""

    tagger: Tagger
    device: str = "cpu"
    precision: Precision = "float32"
    batch_size: int = 8

    def __post_init__(self) -> None:
        self.plan = WindowPlan.of(self.tagger)
        self.bf16 = resolve_precision(self.precision, self.device) == "bf16"

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
                for item in self._read(job):
                    items.put(item)
                    if stop.is_set():
                        return
            items.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over, raised in the caller's thread
            items.put(_Crash(error))

    def _read(self, job: Job) -> Iterator[Window | _End]:
        rate = self.tagger.rate
        try:
            if isinstance(job.source, Waveform):
                audio = from_array(job.source.samples, job.source.rate, rate, job.name)
                yield from self.plan.cut([audio.samples])
                yield _End(actions=audio.actions)
                return
            with read_blocks(job.source, rate) as blocks:
                yield from self.plan.cut(blocks)
                yield _End(actions=blocks.actions, problem=blocks.problem)
        except EarmarkError as error:
            yield _End(error=error)
        except OSError as error:
            yield _End(error=AudioError(f"{job.name}: cannot be read: {error.strerror or error}"))

    def _consume(self, items: queue.Queue[object]) -> Iterator[Scored]:
        pending: list[_Pending] = []
        batch: list[tuple[_Pending, Window]] = []
        while (item := items.get()) is not None:
            if isinstance(item, _Crash):
                raise item.error
            if isinstance(item, Job):
                pending.append(_Pending(item, Assembly(self.plan, len(self.tagger.labels))))
            elif isinstance(item, _End):
                pending[-1].end = item
            elif isinstance(item, Window):
                pending[-1].windows += 1
                batch.append((pending[-1], item))
            if len(batch) == self.batch_size:
                self._score(batch)
                batch = []
            yield from self._finished(pending)
        self._score(batch)
        yield from self._finished(pending)

    def _finished(self, pending: list[_Pending]) -> Iterator[Scored]:
        """Recordings at the head of the line whose windows are all scored."""
        while pending and (end := pending[0].end) is not None and (end.error or pending[0].done == pending[0].windows):
            first = pending.pop(0)
            scores = None if end.error else self._scores(first)
            yield Scored(first.job, scores, end.error, end.actions, end.problem)

    def _scores(self, pending: _Pending) -> Scores:
        assembly, tagger = pending.assembly, self.tagger
        duration = assembly.samples / tagger.rate
        return Scores(pending.job.name, tagger.labels, assembly.clip, assembly.frames(), tagger.clock, duration)

    @torch.inference_mode()
    def _score(self, batch: list[tuple[_Pending, Window]]) -> None:
        """Run the model on windows of any recordings; each keeps its own length."""
        if not batch:
            return
        lengths = torch.tensor([len(window.samples) for _, window in batch])
        waveform = torch.zeros(len(batch), int(lengths.max()))
        for row, (_, window) in zip(waveform.numpy(), batch, strict=True):
            row[: len(window.samples)] = window.samples
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bf16):
            pooled = self.tagger(waveform.to(self.device), lengths.to(self.device))
        steps = self.tagger.steps_in(lengths).tolist()
        clip, frames = (probabilities(tensor) for tensor in (pooled.clip, pooled.frames))
        for row, (pending, window) in enumerate(batch):
            pending.assembly.add(window, clip[row], frames[row, : steps[row]])
            pending.done += 1


def probabilities(tensor: torch.Tensor) -> FloatArray:
    """Probabilities as numpy; a weighted mean may pass 1 by a rounding, nothing else is let through."""
    array: FloatArray = tensor.float().cpu().numpy()
    return np.where((array > 1) & (array < 1 + 1e-5), np.float32(1), array)
