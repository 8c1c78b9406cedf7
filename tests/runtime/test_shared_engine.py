"""An engine that another process runs, seen from this side of the line."""

import pickle
import threading
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from bulk_script import Loudness

from earmark.errors import ModelError
from earmark.runtime.ensemble import Ensemble, engines_of, panels_of
from earmark.runtime.shared_engine import Asking, Line, ModelGoneError, describe, shared

SIZE = 8_000


@pytest.fixture
def ends() -> tuple[Line, Line]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    windows, scores = context.RawArray("f", 4 * SIZE), context.RawArray("f", 4_000)
    return Line(ours, windows, scores), Line(theirs, windows, scores)


def answer(line: Line, engines: dict[int, Any], times: int = 1) -> threading.Thread:
    """Do what the process with the model does."""

    def serve() -> None:
        for _ in range(times):
            _, samples, lengths = line.pipe.recv()
            waveform = line.waveform(len(lengths), samples)
            found = {place: engine.listen(waveform, lengths) for place, engine in engines.items()}
            shapes = {place: frames.shape[1:] for place, (_, frames) in found.items()}
            for place, parts in line.found(len(lengths), shapes).items():
                for here, there in zip(parts, found[place], strict=True):
                    here[:] = there
            steps = {(place, size): engine.steps_in(size) for place, engine in engines.items() for size in set(lengths)}
            line.pipe.send((shapes, steps))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_a_model_that_was_described_says_what_the_model_says(ends: tuple[Line, Line]) -> None:
    ours, theirs = ends
    model = Ensemble([Loudness(), Ensemble([Loudness(), Loudness()], ["b", "c"])], ["a", "bc"])
    described = pickle.loads(pickle.dumps(describe(model, panels_of(engines_of(model), 64))))
    found = shared(described, Asking(ours))
    assert isinstance(found, Ensemble)
    assert (found.labels, found.clock, found.rate, found.names) == (model.labels, model.clock, model.rate, model.names)
    assert found.arithmetic == "numpy"
    waveform = np.random.default_rng(0).random((3, SIZE), np.float32)
    lengths = np.array([SIZE, 500, 4_000])
    waiting = answer(theirs, dict(enumerate(engines_of(model))))
    engines = engines_of(found)
    for engine in engines:  # asked once: the others are told what the first was
        for one, other in zip(engine.listen(waveform, lengths), Loudness().listen(waveform, lengths), strict=True):
            np.testing.assert_array_equal(one, other)
        assert [engine.steps_in(length) for length in lengths.tolist()] == [10, 1, 5]
    waiting.join(10)
    assert not waiting.is_alive()


def test_what_the_engine_raised_is_raised_here(ends: tuple[Line, Line]) -> None:
    ours, theirs = ends
    model = Loudness()
    engine: Any = shared(describe(model, panels_of([model], 64)), Asking(ours))
    threading.Thread(target=lambda: (theirs.pipe.recv(), theirs.pipe.send(ModelError("too loud")))).start()
    with pytest.raises(ModelError, match="too loud"):
        engine.listen(np.zeros((1, SIZE), np.float32), np.array([SIZE]))


def test_a_model_that_is_gone_is_no_fault_of_a_recording(ends: tuple[Line, Line]) -> None:
    ours, theirs = ends
    model = Loudness()
    engine: Any = shared(describe(model, panels_of([model], 64)), Asking(ours))
    theirs.pipe.close()
    with pytest.raises(ModelGoneError):
        engine.listen(np.zeros((1, SIZE), np.float32), np.array([SIZE]))
    assert not issubclass(ModelGoneError, Exception)
