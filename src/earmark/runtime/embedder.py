"""A model's embeddings of recordings: what an engine that gives vectors needs to be run over files.

    recording -> windows -> engine -> vectors of frames, cross-faded where windows overlap -> per frame, second or clip

An engine of embeddings is an `earmark.engine.Engine` whose `listen` gives vectors in place of frame scores, and whose
labels are as many as a vector has values (`earmark.models.embedding`). Everything else is as it is for scores: windows,
batches, and an error in its place where a recording cannot be read.

A vector per second is the mean of the frames that lie in that second, each weighted by its share of it; the last
second ends with the recording. One per clip is the mean over the recording. Both are summed up as frames come, so a
recording of any length takes the memory of its result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.arrays import DoubleArray, FloatArray
from earmark.audio import Source
from earmark.clock import Clock
from earmark.engine import Engine, LivePlan, WindowPlan
from earmark.errors import EarmarkError, ModelError, recording_error
from earmark.formats.embeddings import Embedded, Per, Vectors
from earmark.runtime.scorer import Job, Scored, Scorer, Waveform
from earmark.runtime.windows import Assembly


class Embedder:
    """Recordings to vectors, one per frame, second or clip."""

    def __init__(self, model: Engine, per: Per = "frame") -> None:
        self.model, self.per = model, per
        self.scorer = _VectorScorer(model, per=per)

    @property
    def values(self) -> int:
        """How many values a vector has."""
        return len(self.model.labels)

    def __call__(self, source: Source) -> Embedded:
        """The vectors of one recording. `AudioError` where it cannot be read."""
        return self._one(Job(str(getattr(source, "name", source)), source))

    def of_array(self, samples: FloatArray, rate: int, name: str = "array") -> Embedded:
        """The vectors of samples (samples,) or (samples, channels) at `rate` Hz."""
        return self._one(Job(name, Waveform(samples, rate)))

    def stream(self, jobs: Iterable[Job], *, min_score: float = 0.0) -> Iterator[Embedded | tuple[Job, EarmarkError]]:
        """Vectors in the order of the jobs; a job that fails gives (job, error) in its place."""
        for scored in self.scorer.score_all(jobs):
            if scored.error is not None:
                yield scored.job, scored.error
                continue
            try:
                outcome: Embedded | tuple[Job, EarmarkError] = _embedded(scored)
            except Exception as error:  # noqa: BLE001 - it would cost all other recordings
                outcome = scored.job, recording_error(scored.job.name, error)
            yield outcome

    def _one(self, job: Job) -> Embedded:
        outcome = next(iter(self.stream([job])))
        if isinstance(outcome, Embedded):
            return outcome
        raise outcome[1]


def _embedded(scored: Scored) -> Embedded:
    found: Any = scored.scores  # of the scorer below
    assert isinstance(found, _Made)
    if not np.isfinite(found.vectors.vectors).all():
        raise ModelError(
            f"{scored.job.name}: the model's embeddings hold values that are not numbers; its weights are damaged"
        )
    return Embedded(found.vectors, found.duration, scored.actions, scored.problem)


@dataclass(frozen=True)
class _Made:
    """What the scorer hands over in place of scores."""

    vectors: Vectors
    duration: float


class _VectorScorer(Scorer):
    """A scorer whose engine gives vectors."""

    def __init__(self, model: Engine, per: Per) -> None:
        super().__init__(model)
        self.per = per

    def _assemblies(self, seconds: float) -> Sequence[Assembly]:  # type: ignore[override]
        (engine,) = self.engines
        if self.per == "frame":
            return [Assembly(engine.plan, len(engine.labels), round(seconds * engine.rate))]
        length = 1.0 if self.per == "second" else None
        return [MeanAssembly(engine.plan, len(engine.labels), engine.clock, length)]

    def _scores(self, pending: Any) -> Any:
        (engine,), (made,) = self.engines, pending.assemblies
        duration = made.samples / engine.rate
        if isinstance(made, MeanAssembly):
            start, end, vectors = made.means(duration)
        else:
            vectors = made.frames()
            edges = np.clip(engine.clock.edges(len(vectors)), 0.0, duration)
            start, end = edges[:-1], edges[1:]
        return _Made(Vectors(pending.job.name, start, end, vectors), duration)


class MeanAssembly(Assembly):
    """Puts windows together and keeps means alone: of every `length` seconds, or of the whole recording (None)."""

    def __init__(self, plan: WindowPlan | LivePlan, values: int, clock: Clock, length: float | None) -> None:
        super().__init__(plan, values)
        self.clock, self.length = clock, length
        self._sums: DoubleArray = np.zeros((0, values))  # of stretches, each frame by its share of it
        self._weights: DoubleArray = np.zeros(0)  # seconds
        self._frame = 0  # the next to come

    def _append(self, steps: FloatArray) -> None:
        edges = np.array([self.clock.time(self._frame + place) for place in range(len(steps) + 1)])
        self._frame += len(steps)
        if not len(steps):
            return
        if self.length is None:
            first, share = 0, np.diff(edges)[None]
        else:
            first = max(0, int(edges[0] // self.length))
            last = max(first, int(np.ceil(edges[-1] / self.length)) - 1)
            begins = np.arange(first, last + 1)[:, None] * self.length
            share = np.minimum(edges[1:], begins + self.length) - np.maximum(edges[:-1], begins)
            share = np.maximum(share, 0.0)  # (stretches, frames)
        self._grow(first + len(share))
        self._sums[first : first + len(share)] += share @ steps.astype(np.float64)
        self._weights[first : first + len(share)] += share.sum(axis=1)

    def _grow(self, count: int) -> None:
        missing = count - len(self._weights)
        if missing > 0:
            more = missing if self.length is None else max(missing, len(self._weights))
            self._sums = np.concatenate([self._sums, np.zeros((more, self._sums.shape[1]))])
            self._weights = np.concatenate([self._weights, np.zeros(more)])

    def means(self, duration: float) -> tuple[DoubleArray, DoubleArray, FloatArray]:
        """Beginnings, ends (seconds) and means of the stretches that begin in the recording and hold a frame."""
        count = np.arange(len(self._weights))
        begins = count * (self.length or 0.0)
        kept = (self._weights > 1e-9) & ((begins < duration) | (count == 0))
        ends = np.full(len(begins), duration) if self.length is None else np.minimum(begins + self.length, duration)
        means = self._sums[kept] / self._weights[kept, None]
        return begins[kept].astype(float), ends[kept], means.astype(np.float32)
