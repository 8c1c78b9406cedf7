"""One odd recording never costs the others, whatever the reader or the model throws."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.decisions import OperatingPoint
from earmark.engine import Engine
from earmark.errors import AudioError, EarmarkError, FaultError
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Job, Scorer, Waveform
from earmark.runtime.tagger import Result, Tagger

RATE = 8_000
MARK = 0.987654  # a model of ours fails where a window holds this sample


class Brittle:
    """An engine that fails at marked windows."""

    def __init__(self, engine: Engine, failure: Callable[[np.ndarray], object]) -> None:
        self._engine = engine
        self._failure = failure

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def listen(self, waveform: np.ndarray, lengths: np.ndarray, stopwatch: object = None) -> object:
        clip, frames = self._engine.listen(waveform, lengths, stopwatch)
        bad = (np.abs(waveform - MARK) < 1e-6).any(axis=1)
        if bad.any() and self._failure is not None:
            self._failure(bad)
        clip[bad] = np.nan
        return clip, frames


def jobs(*marked: int, windows: int = 3) -> list[Job]:
    made = []
    for number in range(6):
        samples = 0.1 * np.random.default_rng(number).standard_normal(windows * RATE).astype(np.float32)
        if number in marked:
            samples[RATE + 500] = MARK
        made.append(Job(f"{number}.wav", Waveform(samples, RATE)))
    return made


def memory(bad: np.ndarray) -> None:
    raise MemoryError


def shape(bad: np.ndarray) -> None:
    raise ValueError(f"shapes do not fit:\n {bad.sum()} rows")


@pytest.mark.parametrize("failure", [memory, shape])
@pytest.mark.parametrize("marked", [(0,), (2,), (5,), (1, 2), (0, 1, 2, 3, 4, 5)])
@pytest.mark.parametrize("batch", [1, 4, 8])
def test_where_the_model_fails_the_other_recordings_keep_their_scores(
    network: Callable[..., Network], failure: Callable[[np.ndarray], object], marked: tuple[int, ...], batch: int
) -> None:
    engine = engine_of(network())
    whole = list(Scorer(engine, batch).score_all(jobs(*marked)))
    found = list(Scorer(Brittle(engine, failure), batch).score_all(jobs(*marked)))
    assert [one.job.name for one in found] == [f"{number}.wav" for number in range(6)]
    for number, (one, other) in enumerate(zip(found, whole, strict=True)):
        if number in marked:
            assert one.scores is None
            assert isinstance(one.error, FaultError)
            kind = "MemoryError" if failure is memory else "ValueError: shapes do not fit: 1 rows"
            assert str(one.error).startswith(f"{number}.wav: a fault of earmark ({kind}")
            assert "\n" not in str(one.error)
        else:
            assert one.error is None
            np.testing.assert_allclose(one.scores.frames, other.scores.frames, atol=1e-5)
            np.testing.assert_allclose(one.scores.clip, other.scores.clip, atol=1e-5)


def test_scores_that_are_not_numbers_cost_their_recording_alone(network: Callable[..., Network]) -> None:
    found = list(Scorer(Brittle(engine_of(network()), None)).score_all(jobs(3)))
    assert [one.error is None for one in found] == [True, True, True, False, True, True]
    assert "3.wav: the model's scores are not between 0 and 1" in str(found[3].error)


def test_whatever_the_reader_throws(
    network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.ones(RATE), RATE)

    def open_file(source: Path) -> object:
        if source.name == "1.wav":
            raise ZeroDivisionError("of a decoder")
        return real(source)

    import earmark.audio.blocks as blocks

    real = blocks.open_decoder
    monkeypatch.setattr(blocks, "open_decoder", open_file)
    with caplog.at_level(logging.DEBUG, "earmark"):
        named = [Job(f"{number}.wav", tmp_path / f"{number}.wav") for number in range(3)]
        found = list(Scorer(engine_of(network())).score_all(named))
    assert [one.error is None for one in found] == [True, False, True]
    assert "a fault of earmark (ZeroDivisionError: of a decoder)" in str(found[1].error)
    assert "ZeroDivisionError" in caplog.text  # with --debug the traceback is shown
    assert "open_file" in caplog.text


def test_what_a_decision_throws(network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch) -> None:
    import earmark.runtime.tagger as pipeline

    def decide(scores: object, *rest: object, **more: object) -> object:
        if scores.recording == "2.wav":
            raise KeyError("label")
        return real(scores, *rest, **more)

    real = pipeline.decide
    monkeypatch.setattr(pipeline, "decide", decide)
    engine = engine_of(network())
    outcomes = list(Tagger(engine, OperatingPoint.plain(engine.labels)).stream(jobs()))
    assert [isinstance(outcome, Result) for outcome in outcomes] == [True, True, False, True, True, True]
    job, error = outcomes[2]
    assert (job.name, isinstance(error, EarmarkError)) == ("2.wav", True)


def test_an_error_of_the_disk_in_the_middle_is_one_of_its_recording(
    network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.ones(3 * RATE), RATE)
    from earmark.audio.sndfile import SndfileDecoder

    real = SndfileDecoder.blocks

    def blocks(self: SndfileDecoder) -> object:
        yield from real(self)
        if "1.wav" in self.info.name:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(SndfileDecoder, "blocks", blocks)
    named = [Job(f"{number}.wav", tmp_path / f"{number}.wav") for number in range(3)]
    found = list(Scorer(engine_of(network())).score_all(named))
    assert [one.error is None for one in found] == [True, False, True]
    assert isinstance(found[1].error, AudioError)
    assert "cannot be read (Input/output error)" in str(found[1].error)
