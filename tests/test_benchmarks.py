"""The speed benchmarks: their arithmetic, their processes, and that every script explains itself."""

import doctest
import importlib
import math
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent
COMPARED = ("bulk", "cnn", "gated_crnn", "gpu", "live", "loader", "logmel", "public", "scaling", "scores")


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(ROOT))


timing = load("speed.timing")


def test_the_examples_of_the_shared_helpers_are_true() -> None:
    failed, attempted = doctest.testmod(timing)
    assert attempted >= 6
    assert not failed


@pytest.mark.parametrize("name", ["accuracy.crossing", "accuracy.variants"])
def test_the_examples_of_the_experiments_are_true(name: str) -> None:
    failed, attempted = doctest.testmod(load(name))
    assert attempted >= 1
    assert not failed


@pytest.mark.parametrize("script", COMPARED)
def test_every_script_explains_itself_and_loads_nothing_heavy(script: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", f"benchmarks.speed.{script}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "--quick" in done.stdout
    assert "--write" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "numpy", "librosa", "earmark"}


def test_a_smoke_run_is_not_written_into_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["speed_x.py", "--quick", "--write"])
    with pytest.raises(SystemExit, match="2"):
        timing.parsed(timing.arguments("what it does", turns=5))


def test_speeds_are_medians_with_their_spread() -> None:
    assert timing.speed([2.0, 1.0, 4.0], amount=8) == "4.00 (2.00-8.00)"
    assert timing.speed([2.0], amount=8) == "4.00"


def test_the_ratio_is_of_medians_and_its_spread_of_turns() -> None:
    row = timing.Row("job", "rival", theirs=[4.0, 6.0, 8.0], ours=[2.0, 2.0, 8.0], wanted=2.0)
    assert row.ratio == 3.0
    assert timing.ratio_text(row) == "**3.00 x** (1.00-3.00)"


def test_the_table_puts_the_target_beside_the_ratio() -> None:
    rows = [
        timing.Row("inference", "textbook", [2.0], [1.0], wanted=4.0, amount=16),
        timing.Row("training", "textbook", [3.0], [1.0], wanted=3.0, amount=16),
        timing.Row("beside", "textbook", [3.0], [1.0]),
    ]
    head, rule, *lines = timing.table(rows, "clips")
    assert head == "| job | rival | rival, clips/s | earmark, clips/s | ratio | target |"
    assert rule.count("|") == head.count("|")
    assert lines == [
        "| inference | textbook | 8.00 | 16.0 | **2.00 x** | 4 x: missed |",
        "| training | textbook | 5.33 | 16.0 | **3.00 x** | 3 x: met |",
        "| beside | textbook | 0.333 | 1.00 | **3.00 x** |  |",
    ]


@given(st.floats(0, 100), st.floats(1e-3, 10))
def test_a_straight_line_is_found_again(start: float, each: float) -> None:
    work = [10.0, 100.0, 1000.0, 10_000.0]
    found = timing.line_fit(work, [start + each * x for x in work])
    assert found[0] == pytest.approx(start, rel=1e-3, abs=1e-3)
    assert found[1] == pytest.approx(each, rel=1e-3)
    assert found[2] < 1e-6


def test_the_line_is_that_of_weighted_least_squares() -> None:
    work, cost = np.array([10.0, 100.0, 1000.0]), np.array([1.5, 3.0, 21.0])
    each, start = np.polyfit(work, cost, 1, w=1 / cost)
    assert timing.line_fit(work.tolist(), cost.tolist())[:2] == pytest.approx((start, each))


def test_cost_that_grows_with_the_square_is_far_from_a_line() -> None:
    assert timing.line_fit([1.0, 10.0, 100.0], [1.0, 100.0, 10_000.0])[2] > 0.5


SIDE = """
import os, sys

def start(step):
    seen = []
    def add(number):
        print("noise on standard output")
        seen.append(number * step)
        return seen
    return {"add": add, "threads": lambda: os.environ["OMP_NUM_THREADS"], "modules": lambda: sorted(sys.modules),
            "fail": lambda: 1 / 0}

def absent():
    import no_such_package
"""


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that makes sides."""
    (tmp_path / "toy_side.py").write_text(SIDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "toy_side"


def test_a_side_keeps_its_state_in_a_process_of_its_own(side: str) -> None:
    with timing.Worker(f"{side}:start", {"step": 2}, threads=3) as worker:
        assert worker.jobs == ["add", "fail", "modules", "threads"]
        worker.do("add", 1)
        turn = worker.do("add", 2)
        assert turn.result == [2, 4]
        assert 0 <= turn.seconds < 10
        assert turn.peak >= worker.memory * 0.9 > 1
        assert worker.do("threads").result == "3"
        assert not {"torch", "earmark", "numpy"} & set(worker.do("modules").result)


def test_a_job_that_fails_stops_the_benchmark(side: str) -> None:
    with (
        timing.Worker(f"{side}:start", {"step": 1}) as worker,
        pytest.raises(RuntimeError, match=r"(?s)fail.*ZeroDivisionError"),
    ):
        worker.do("fail")


def test_a_rival_that_is_not_installed_is_named(side: str) -> None:
    with pytest.raises(timing.MissingRivalError, match="'no_such_package', which is not installed"):
        timing.Worker(f"{side}:absent")


def test_sides_take_turns_and_each_begins_some() -> None:
    class Recorder:
        def __init__(self, name: str) -> None:
            self.name = name

        def do(self, job: str, *given: object) -> object:
            order.append(self.name)
            return timing.Turn(time.perf_counter(), 0.0, given, 0.0)

    order: list[str] = []
    found = timing.take_turns({"a": Recorder("a"), "b": (Recorder("b"), "own job")}, "job", 3, "given")
    assert order == ["a", "b", *("a", "b"), *("b", "a"), *("a", "b")]
    assert [len(turns) for turns in found.values()] == [3, 3]
    assert found["a"][0].result == ("given",)


def test_differences_of_scores_ignore_what_is_undefined_on_both_sides() -> None:
    speed_scores = load("speed.scores")
    assert speed_scores.apart([1.0, math.nan], [1.5, math.nan]) == 0.5
    assert math.isnan(speed_scores.apart(1.0, math.nan))
