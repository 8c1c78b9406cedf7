"""One model for several processes that read and decide: the results are those of one process."""

import functools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from bulk_script import RATE, Loudness, content, detect, make

from earmark.clock import Clock
from earmark.decisions import OperatingPoint
from earmark.engine import LivePlan, WindowPlan
from earmark.runtime.bulk import Decided, Task, Work, decide_all
from earmark.runtime.embedder import Embedder
from earmark.runtime.ensemble import Ensemble
from earmark.runtime.shared_model import SharedBackend
from earmark.runtime.tagger import Tagger
from earmark.runtime.windows import LiveEngine

SCRIPT = Path(__file__).with_name("bulk_script.py")
POINT = OperatingPoint.plain(Loudness.labels)


class Company(Loudness):
    """Scores tell what a window was scored with: how many windows and samples the batch had."""

    batch, alone = 4, 2
    batches: list[tuple[int, int]]

    def __init__(self) -> None:
        self.batches = []

    def listen(self, waveform: Any, lengths: Any, watch: Any = None) -> tuple[Any, Any]:
        self.batches.append(waveform.shape)
        clip, frames = super().listen(waveform, lengths, watch)
        mark = (len(waveform) * 1000 + waveform.shape[1] / 80_000) / 8_000
        return clip * 0 + np.float32(mark), frames * 0 + np.float32(mark)


class Slow(Loudness):
    """Half the rate, twice as long frames."""

    rate = RATE // 2
    clock = Clock(Fraction(1, 5))
    plan = WindowPlan.of(6.0, 2.0, RATE // 2, Clock(Fraction(1, 5)))


def tasks_of(folder: Path) -> list[Task]:
    return [Task(place, path.name, str(path)) for place, path in enumerate(sorted(folder.rglob("*.wav")))]


def by_name(backend: Any, tasks: list[Task]) -> dict[str, Decided]:
    return {task.name: decided for task, decided in backend(iter(tasks))}


def tagger_of(model: Any) -> Any:
    return functools.partial(Tagger, operating_point=OperatingPoint.plain(model.labels))


def both(model: Any, tasks: list[Task], processes: int = 2, work: Work | None = None) -> tuple[dict[str, Decided], ...]:
    """What one process decides, and what several do around the same model."""
    work = work or Work("detect", steady=True)
    alone = by_name(functools.partial(decide_all, tagger_of(model)(model), work), tasks)
    return alone, by_name(SharedBackend(model, tagger_of(model), work, processes), tasks)


@pytest.fixture
def mixed(tmp_path: Path) -> list[Task]:
    """Recordings shorter than a window, of a window, and longer; one is broken."""
    rng = np.random.default_rng(0)
    for number in range(23):
        seconds = (0.5, 10.0, 27.3, 10.0, 3.0)[number % 5]
        wave = np.repeat(rng.uniform(0, 0.9, round(2 * seconds)), RATE // 2)
        soundfile.write(tmp_path / f"{number:02d}.wav", wave, RATE)
    (tmp_path / "07.wav").write_bytes(b"no sound at all")
    return tasks_of(tmp_path)


@pytest.mark.parametrize("processes", [1, 3])
def test_several_processes_decide_what_one_does(mixed: list[Task], processes: int) -> None:
    alone, shared = both(Loudness(), mixed, processes)
    assert shared == alone
    assert len(shared) == 23
    assert [name for name, decided in shared.items() if decided.failed] == ["07.wav"]
    assert sum(len(decided.items) for decided in shared.values()) > 50


def test_a_window_is_scored_in_batches_of_one_size_whatever_comes_beside(mixed: list[Task]) -> None:
    engine = Company()
    work = Work("tag", steady=True)
    whole = by_name(SharedBackend(engine, tagger_of(engine), work, 2), mixed)
    size = engine.plan.size
    assert {shape for shape in engine.batches if shape[1] == size} == {(4, size)}
    assert {shape[0] for shape in engine.batches if shape[1] != size} == {2}
    again = by_name(SharedBackend(engine, tagger_of(engine), work, 3), mixed[::-3])
    assert again == {name: whole[name] for name in again}


def test_an_ensemble_of_several_rates_and_clocks_is_shared_as_one(mixed: list[Task]) -> None:
    loud = Loudness()
    alone, shared = both(Ensemble([Ensemble([loud, Loudness()]), Slow(), Company()]), mixed)
    assert shared == alone


def test_a_live_plan_is_kept(mixed: list[Task]) -> None:
    engine = LiveEngine(Loudness(), LivePlan.of(2.0, 0.5, 0.5, RATE, Loudness.clock))
    alone, shared = both(engine, mixed)
    assert shared == alone


def test_embeddings_are_made_by_several_processes(mixed: list[Task], tmp_path: Path) -> None:
    made = []
    for name, processes in (("alone", 0), ("shared", 2)):
        folder = tmp_path / name
        tasks = [task._replace(scores=str(folder / f"{task.position}.csv")) for task in mixed]
        work = Work("embed", root=str(folder), steady=True)
        engine, around = Loudness(), functools.partial(Embedder, per="second")
        backend: Any = functools.partial(decide_all, around(engine), work)
        by_name(SharedBackend(engine, around, work, processes) if processes else backend, tasks)
        made.append(content(folder))
    assert made[0] == made[1]
    assert len(made[0]) == 22


def test_an_output_is_the_same_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the model is on a GPU: asked for by an engine that says so."""
    source = make(tmp_path / "in", 60)
    detect(source, tmp_path / "alone")
    monkeypatch.setattr(Loudness, "device", "pretended")
    found = detect(source, tmp_path / "shared", device="pretended", processes=2)
    assert found.account.scored == 60
    assert content(tmp_path / "shared") == content(tmp_path / "alone")


class Faulty(Loudness):
    """Cannot listen to whatever begins loud."""

    def listen(self, waveform: Any, lengths: Any, watch: Any = None) -> tuple[Any, Any]:
        if (waveform[:, 0] > 0.9).any():
            raise ValueError("too loud")
        return super().listen(waveform, lengths, watch)


def test_a_window_that_the_model_fails_at_costs_its_own_recording_alone(tmp_path: Path) -> None:
    make(tmp_path, 20)
    soundfile.write(tmp_path / "loud.wav", np.full(80_000, 0.95), RATE)
    _, shared = both(Faulty(), tasks_of(tmp_path))
    assert {name for name, decided in shared.items() if decided.failed} == {"loud.wav"}
    assert "too loud" in str(shared["loud.wav"].failed)


class Broken(Loudness):
    """Ends the thread that runs it."""

    def listen(self, waveform: Any, lengths: Any, watch: Any = None) -> tuple[Any, Any]:
        raise KeyboardInterrupt


def test_a_thread_that_ends_raises_where_the_results_are_wanted(mixed: list[Task]) -> None:
    backend = SharedBackend(Broken(), tagger_of(Broken()), Work("detect"), 2)
    with pytest.raises(KeyboardInterrupt):
        list(backend(iter(mixed)))


def test_whoever_leaves_early_leaves_no_process_and_no_thread_behind(mixed: list[Task]) -> None:
    threads = threading.active_count()
    backend = SharedBackend(Loudness(), tagger_of(Loudness()), Work("detect"), 2)
    results = backend(iter(mixed))
    next(results)
    results.close()
    assert threading.active_count() == threads
    assert not [child for child in backend._context.active_children() if child.is_alive()]


class Pipelined(Loudness):
    """Takes its time as a GPU does, and says when a batch is begun and when it is brought back."""

    batch = 2

    def __init__(self) -> None:
        self.said: list[str] = []
        self.number = 0

    def listen_later(self, waveform: Any, lengths: Any, watch: Any = None) -> Any:
        number, self.number = self.number, self.number + 1
        self.said.append(f"begin {number}")
        found, until = self.listen(waveform.copy(), lengths), time.monotonic() + 0.1

        def later() -> tuple[Any, Any]:
            time.sleep(max(0.0, until - time.monotonic()))
            self.said.append(f"end {number}")
            return found

        later.done = lambda: time.monotonic() >= until  # type: ignore[attr-defined]
        return later


def test_the_next_batch_is_under_way_before_the_last_is_brought_back(tmp_path: Path) -> None:
    for number in range(60):
        soundfile.write(tmp_path / f"{number}.wav", np.full(10 * RATE, 0.01 * number), RATE)
    engine = Pipelined()
    alone, shared = both(engine, tasks_of(tmp_path), processes=3)
    assert shared == alone
    ahead = [engine.said.index(f"begin {number + 1}") < engine.said.index(f"end {number}") for number in range(20)]
    assert sum(ahead) >= 10


def test_a_run_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 40)
    for number in range(40, 300):
        os.link(source / "night" / "0000.wav", source / "night" / f"{number:04d}.wav")
    detect(source, tmp_path / "whole", formats=["csv", "json"])
    output, rng = tmp_path / "killed", random.Random(0)
    words = [sys.executable, str(SCRIPT), str(source), str(output), "formats=csv,json", "processes=2", "device=cuda"]
    env = {**os.environ, "DEVICE": "pretended"}
    journal = output / ".earmark" / "detect.jsonl"
    kill_at = rng.randrange(1, 200)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, env=env) as process:
        while process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > kill_at:
                process.kill()
            time.sleep(0.002)
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split()[0] == "300"
    assert content(output) == content(tmp_path / "whole")


def test_a_recording_that_kills_every_process_is_a_failure_and_costs_no_other(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 9)
    soundfile.write(source / "day" / "deadly.wav", np.full(4000, 0.5), RATE)
    tasks = tasks_of(source)
    around = functools.partial(Mortal, operating_point=POINT)
    shared = by_name(SharedBackend(Loudness(), around, Work("detect"), 2), tasks)
    assert {name for name, decided in shared.items() if decided.failed} == {"deadly.wav"}
    assert "2 processes ended while they worked on it" in str(shared["deadly.wav"].failed)
    assert sum(len(decided.items) for decided in shared.values()) > 0


class Mortal(Tagger):
    """Its process ends as it decides on one recording."""

    def _result(self, scored: Any, min_score: float = 0.0) -> Any:
        if scored.job.name == "deadly.wav":
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._result(scored, min_score)


def test_few_recordings_are_dealt_to_all_processes(tmp_path: Path) -> None:
    tasks = tasks_of(make(tmp_path, 12))
    shared = by_name(SharedBackend(Loudness(), functools.partial(Signed, operating_point=POINT), Work("tag"), 3), tasks)
    who = {decided.items[0][0] for decided in shared.values()}
    assert len(who) == 3


class Signed(Tagger):
    """Tags tell the process."""

    def _result(self, scored: Any, min_score: float = 0.0) -> Any:
        result = super()._result(scored, min_score)
        return type(result)(result.recording, [(str(os.getpid()), 1.0)], [], result.scores)
