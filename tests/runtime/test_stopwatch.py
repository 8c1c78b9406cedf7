import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from earmark import stopwatch
from earmark.decisions import OperatingPoint
from earmark.models.fusion import Fusion
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Job, Scorer, Waveform
from earmark.runtime.tagger import Tagger
from earmark.stopwatch import Stopwatch

NAP = 0.1  # seconds


def test_time_is_found_where_it_is_spent(
    loudness: Network, noise: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow network, or a slow disk, is seen as such."""
    jobs = [Job(str(number), Waveform(noise(1.0), 8_000)) for number in range(6)]

    def run(slow: str) -> dict[str, float]:
        scorer = Scorer(engine_of(loudness), batch_size=1, stopwatch=Stopwatch())
        with monkeypatch.context() as patched:
            where, name = {"model": (loudness, "classify"), "features": (loudness, "features")}.get(
                slow, (scorer, "_cut")
            )
            really = getattr(where, name)

            def slowly(*arguments: object) -> object:
                time.sleep(NAP)
                return really(*arguments)

            patched.setattr(where, name, slowly, raising=True)
            assert len(list(scorer.score_all(jobs))) == 6
        return dict(scorer.stopwatch.seconds)

    for slow in ("model", "features", "decode"):
        seconds = run(slow)
        assert seconds[slow] >= 6 * NAP
        assert seconds[slow] == max(value for name, value in seconds.items() if name != "wait")
        assert (seconds["wait"] > 5 * NAP) == (slow == "decode")


def test_the_stages_of_the_callers_thread_fit_into_the_time_there_was(
    network: Callable[..., Network], noise: Callable[..., np.ndarray]
) -> None:
    tagger = network()
    pipeline = Tagger(engine_of(Fusion([tagger, network()])), OperatingPoint.plain(tagger.labels))
    watch = pipeline.scorer.stopwatch = Stopwatch()
    jobs = [Job(str(number), Waveform(noise(3.0), 8_000)) for number in range(5)]
    assert len(list(pipeline.stream(jobs))) == 5
    total = watch.total()
    assert watch.seconds.keys() == {"decode", "wait", "features", "model", "decide"}
    assert 0 < sum(seconds for name, seconds in watch.seconds.items() if name != "decode") <= total
    assert 0 < watch.seconds["decode"] <= total


def test_without_a_stopwatch_nobody_looks_at_a_clock(
    loudness: Network, noise: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(stopwatch, "_timed", forbidden)
    scorer = Scorer(engine_of(loudness))
    assert [scored.error for scored in scorer.score_all([Job("a", Waveform(noise(1.0), 8_000))])] == [None]
    assert replace(scorer, stopwatch=Stopwatch()) == scorer  # a scorer is what it scores by
