"""A model with its operating point: recordings in, tags and events out.

tagger = earmark.load("model-dir")
result = tagger("street.wav")
for onset, offset, label, score in result.events: ...
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast, overload

import numpy as np
import numpy.typing as npt

from earmark.decisions import Decision, OperatingPoint, decide
from earmark.engine import Engine
from earmark.errors import AudioError, EarmarkError, recording_error
from earmark.events import Event
from earmark.labels import Labels
from earmark.runtime.ensemble import Ensemble
from earmark.runtime.scorer import Embeddings, Job, Scored, Scorer, Waveform
from earmark.scores import Scores
from earmark.stopwatch import stage


@dataclass(frozen=True, eq=False)
class Result:
    """Tags, events and scores of one recording."""

    recording: str
    tags: list[tuple[str, float]]  # (label, score), best first
    events: list[Event]  # by onset, seconds
    scores: Scores  # clip and frame probabilities with their clock
    actions: tuple[str, ...] = ()  # what was done to the audio: mixing down, resampling
    problem: str | None = None  # a part of the recording could not be read


class Tagger:
    """Recordings to tags and events. What `earmark.load` returns."""

    def __init__(self, model: Engine | Ensemble, operating_point: OperatingPoint) -> None:
        self.model, self.operating_point = model, operating_point
        self.scorer = Scorer(model)

    @property
    def rate(self) -> int:
        """Sample rate of the model in Hz; the highest one of an ensemble."""
        return self.model.rate

    @property
    def labels(self) -> Labels:
        """The labels, in the order of the scores."""
        return self.model.labels

    @overload
    def __call__(self, source: str | os.PathLike[str] | io.IOBase) -> Result: ...
    @overload
    def __call__(self, source: npt.NDArray[Any], rate: int) -> Result: ...
    @overload
    def __call__(self, source: Mapping[str, Any]) -> Result: ...
    @overload
    def __call__(self, source: list[str] | list[Path] | tuple[str | Path, ...]) -> Iterator[Result]: ...
    def __call__(
        self,
        source: str
        | os.PathLike[str]
        | io.IOBase
        | npt.NDArray[Any]
        | Mapping[str, Any]
        | Sequence[str | os.PathLike[str]],
        rate: int | None = None,
    ) -> Result | Iterator[Result]:
        """Tags and events of a path, a file object, or an array with its `rate` (Hz); any length, any rate.

        An array is (samples,) or (samples, channels); a tensor of PyTorch is taken as well, and a dict of `waveform`
        (channels, samples) and `sample_rate`, as other audio packages pass it. For a model of embeddings an array is
        (vectors, bands), and its rate is the number of values a second.
        A list of paths gives an iterator of results, scored in batches; a recording that cannot be
        read then raises when its turn comes (`stream` gives the error in its place instead). Raises `AudioError`.
        """
        if isinstance(source, Mapping):
            if rate is not None:
                raise AudioError("a dict states its own sample_rate; leave the rate out")
            return self._one(Job("array", _of_dict(source)))
        if (array := _as_array(source)) is not None:
            if rate is None:
                raise AudioError("an array needs a sample rate: tagger(waveform, rate)")
            kind = Embeddings if self.scorer.engines[0].takes == "embeddings" else Waveform
            return self._one(Job("array", kind(array, rate)))
        if rate is not None:
            raise AudioError("rate is for arrays only; a file has its own")
        if isinstance(source, str | os.PathLike) or hasattr(source, "read"):
            return self._one(_job(source))
        if isinstance(source, bytes) or not isinstance(source, Iterable):
            raise AudioError(
                f"cannot read a {type(source).__name__}; expected a path, a file object, an array with its rate, "
                '{"waveform": ..., "sample_rate": ...}, or a list of paths'
            )
        return (self._result(scored) for scored in self.scorer.score_all(map(_job, source)))

    def stream(self, jobs: Iterable[Job], *, min_score: float = 0.0) -> Iterator[Result | tuple[Job, EarmarkError]]:
        """Results in the order of the jobs; a job that fails gives (job, error) in its place.

        Tags and events that score below `min_score` are left out.
        """
        for scored in self.scorer.score_all(jobs):
            if scored.error is not None:
                yield scored.job, scored.error
                continue
            try:
                result: Result | tuple[Job, EarmarkError] = self._result(scored, min_score)
            except Exception as error:  # noqa: BLE001 - it would cost all other recordings
                result = scored.job, recording_error(scored.job.name, error)
            yield result

    def _one(self, job: Job) -> Result:
        return self._result(next(iter(self.scorer.score_all([job]))))

    def _result(self, scored: Scored, min_score: float = 0.0) -> Result:
        if scored.scores is None:
            assert scored.error is not None
            raise scored.error
        with stage(self.scorer.stopwatch, "decide"):
            decision: Decision = decide(scored.scores, self.operating_point, min_score=min_score)
        return Result(decision.recording, decision.tags, decision.events, scored.scores, scored.actions, scored.problem)


def _as_array(source: Any) -> npt.NDArray[Any] | None:
    """An array, or a tensor of PyTorch (on any device) as one; None for anything else."""
    if isinstance(source, np.ndarray):
        return source
    if hasattr(source, "detach") and hasattr(source, "numpy"):
        return np.asarray(source.detach().cpu().numpy())
    return None


def _of_dict(source: Mapping[str, Any]) -> Waveform:
    """{"waveform": (channels, samples) or (samples,), "sample_rate": Hz}, as torchaudio and pyannote have it."""
    array = _as_array(source.get("waveform"))
    if array is None or "sample_rate" not in source:
        raise AudioError('expected {"waveform": an array (channels, samples), "sample_rate": samples per second}')
    return Waveform(array.T if array.ndim == 2 else array, source["sample_rate"])


def _job(source: Any) -> Job:
    if hasattr(source, "read"):  # temporary files and uploads are file objects without being `io.IOBase`
        return Job(str(getattr(source, "name", "file object")), cast(BinaryIO, source))
    if not isinstance(source, str | os.PathLike):
        raise AudioError(
            f"cannot read a {type(source).__name__} in a list; expected paths there, and an array with its rate as "
            "tagger(array, rate)"
        )
    return Job(Path(source).name, source)
