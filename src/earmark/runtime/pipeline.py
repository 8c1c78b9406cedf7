"""A model with its operating point: recordings in, tags and events out.

tagger = earmark.load("model-dir")
result = tagger("street.wav")
for onset, offset, label, score in result.events: ...
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self, cast, overload

import numpy as np
import numpy.typing as npt
import torch

from earmark.decisions import Decision, OperatingPoint, decide
from earmark.devices import Precision, resolve_device, resolve_precision
from earmark.errors import EarmarkError
from earmark.events import Event
from earmark.labels import Labels
from earmark.models.directory import load_model, load_point
from earmark.models.folding import fold
from earmark.models.fused_point import fused_point
from earmark.models.fusion import Fusion, Model, taggers_of
from earmark.models.packing import LARGE, pack
from earmark.models.tagger import Tagger
from earmark.runtime.scorer import Job, Scored, Scorer, Waveform
from earmark.scores import Scores
from earmark.stopwatch import stage


@dataclass(frozen=True, eq=False)
class Result:
    """What was heard in one recording."""

    recording: str
    tags: list[tuple[str, float]]  # (label, score), best first
    events: list[Event]  # by onset, seconds
    scores: Scores  # clip and frame probabilities with their clock
    actions: tuple[str, ...] = ()  # what was done to the audio: mixing down, resampling
    problem: str | None = None  # a part of the recording could not be read


class Pipeline:
    """Recordings to tags and events. What `earmark.load` returns.

    A model that it reads itself is folded for speed (`models/folding.py`), and on a processor packed
    (`models/packing.py`); one that it is given stays as it is.
    """

    def __init__(
        self, model: Model, operating_point: OperatingPoint, *, device: str = "cpu", precision: Precision = "float32"
    ) -> None:
        self.device = resolve_device(device)
        self.model: Model = model.to(self.device).eval()
        self.operating_point = operating_point
        self.scorer = Scorer(self.model, self.device, precision)

    @classmethod
    def from_pretrained(
        cls, directory: str | os.PathLike[str], *, device: str = "cpu", precision: Precision = "float32"
    ) -> Self:
        """Read a model directory with its operating point. `ModelError` when it is missing or damaged."""
        precision = resolve_precision(precision, device := resolve_device(device))
        model = _open(directory, device, precision)
        return cls(model, load_point(directory, model.labels), device=device, precision=precision)

    @classmethod
    def fused(
        cls,
        directories: Sequence[str | os.PathLike[str]],
        *,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> Self:
        """Several model directories as one model, their scores averaged; decided as in `fused_point.py`.

        One directory is that model. `ModelError` as above, `ConfigError` where models know different labels.
        """
        if len(directories) == 1:
            return cls.from_pretrained(directories[0], device=device, precision=precision)
        precision = resolve_precision(precision, device := resolve_device(device))
        models = [_open(directory, device, precision) for directory in directories]
        fusion = Fusion(models, [os.fspath(directory) for directory in directories])
        points = [load_point(where, model.labels) for where, model in zip(directories, models, strict=True)]
        return cls(fusion, fused_point(points, fusion.labels), device=device, precision=precision)

    @property
    def tagger(self) -> Tagger:
        """The tagger; of a fusion the first, whose front-end recordings are shown through."""
        return taggers_of(self.model)[0]

    @property
    def labels(self) -> Labels:
        """The labels, in the order of the scores."""
        return self.model.labels

    @overload
    def __call__(self, source: str | os.PathLike[str] | io.IOBase) -> Result: ...
    @overload
    def __call__(self, source: npt.NDArray[Any], rate: int) -> Result: ...
    @overload
    def __call__(self, source: list[str] | list[Path] | tuple[str | Path, ...]) -> Iterator[Result]: ...
    def __call__(
        self,
        source: str | os.PathLike[str] | io.IOBase | npt.NDArray[Any] | Sequence[str | os.PathLike[str]],
        rate: int | None = None,
    ) -> Result | Iterator[Result]:
        """Tags and events of a path, a file object, or an array with its `rate` (Hz); any length, any rate.

        A list of paths gives an iterator of results, scored in batches; a recording that cannot be
        read then raises when its turn comes (`stream` gives the error in its place instead). Raises `AudioError`.
        """
        if isinstance(source, np.ndarray):
            if rate is None:
                raise TypeError("an array needs its sample rate: tagger(waveform, rate)")
            return self._one(Job("array", Waveform(source, rate)))
        if rate is not None:
            raise TypeError("rate belongs to an array; a file knows its own")
        if isinstance(source, str | os.PathLike) or hasattr(source, "read"):
            return self._one(_job(source))
        return (self._result(scored) for scored in self.scorer.score_all(map(_job, source)))

    def stream(self, jobs: Iterable[Job], *, min_score: float = 0.0) -> Iterator[Result | tuple[Job, EarmarkError]]:
        """Results in the order of the jobs; a job that fails gives (job, error) in its place.

        Tags and events that score below `min_score` are left out.
        """
        for scored in self.scorer.score_all(jobs):
            yield self._result(scored, min_score) if scored.error is None else (scored.job, scored.error)

    def _one(self, job: Job) -> Result:
        return self._result(next(iter(self.scorer.score_all([job]))))

    def _result(self, scored: Scored, min_score: float = 0.0) -> Result:
        if scored.scores is None:
            assert scored.error is not None
            raise scored.error
        with stage(self.scorer.stopwatch, "decide"):
            decision: Decision = decide(scored.scores, self.operating_point, min_score=min_score)
        return Result(decision.recording, decision.tags, decision.events, scored.scores, scored.actions, scored.problem)


def _open(directory: str | os.PathLike[str], device: str, precision: Precision) -> Model:
    model = fold(load_model(directory))  # nobody else's, so it can be
    if device != "cpu":
        return model
    return pack(model, torch.bfloat16) if precision == "bf16" else pack(model, torch.float32, LARGE)


def _job(source: Any) -> Job:
    if hasattr(source, "read"):  # temporary files and uploads are file objects without being `io.IOBase`
        return Job(str(getattr(source, "name", "file object")), cast(BinaryIO, source))
    return Job(Path(source).name, source)
