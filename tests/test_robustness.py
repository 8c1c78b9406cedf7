"""The fuzz harness: what it counts as a failure, and that a short run finds none."""

import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from earmark.errors import AudioError, FaultError

pytest.importorskip("av", reason="PyAV (extra media) is not installed")

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS.parent)
    return importlib.import_module("benchmarks.robustness")


@dataclass
class Stub:
    """A reader that does as it is told."""

    does: object
    tolerance: float = 0.3

    def read(self, made: object) -> object:
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does


def test_what_counts_as_a_failure(harness: ModuleType) -> None:
    from benchmarks.odd.case import Made, Read

    made = Made(Path("a.wav"), "wav", "cut", 3.0)
    verdicts = {
        "read": Read(2.8),
        "in part": Read(1.0, "cut short: 1.00 s of 3.00 s are there"),
        "losses": Read(2.6),
        "wrong": Read(3.0, None, "a sample that is not a number"),
        "refused": AudioError("a.wav: is empty"),
        "faults": ValueError("of ours"),
    }
    for verdict, does in verdicts.items():
        assert harness.judge(Stub(does), made)[0] == verdict
    assert harness.judge(Stub(FaultError("contained")), made)[0] == "faults"
    assert harness.judge(Stub(Read(0.0)), Made(Path("a.wav"), "wav", "flipped bits"))[0] == "read"


def test_a_case_follows_from_its_number(harness: ModuleType, tmp_path: Path) -> None:
    from benchmarks.odd.audio import cases

    for number in range(5):
        made = []
        for name in ("one", "two"):
            folder = tmp_path / f"{name}{number}"
            folder.mkdir()
            made.append(cases().make(np.random.default_rng([0, 7, number]), folder))
        assert (made[0].form, made[0].change, made[0].whole) == (made[1].form, made[1].change, made[1].whole)
        if made[0].form.startswith(("wav", "flac", "aiff")):  # other containers draw numbers of their own
            assert made[0].path.read_bytes() == made[1].path.read_bytes()


def test_the_process_is_killed_when_a_case_hangs_or_dies(harness: ModuleType, tmp_path: Path) -> None:
    worker = harness.Worker("audio", 0, None)
    assert worker.do(0, 120.0).verdict in (*harness.GOOD, *harness.BAD)
    worker._process.kill()
    assert worker.do(1, 120.0).verdict == "crashes"
    assert worker.do(2, 120.0).verdict in (*harness.GOOD, *harness.BAD)
    assert worker.do(3, 0.0).verdict == "hangs"
    worker.stop()


def test_a_short_run_finds_nothing() -> None:
    command = [sys.executable, "-m", "benchmarks.robustness", "--kind", "audio", "--cases", "300", "--seed", "11"]
    command += ["--limit", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stdout
    assert "audio, seed 11: 300 cases" in done.stdout


@pytest.mark.parametrize(("kind", "cases"), [("tables", 60), ("models", 25)])
def test_so_does_one_of_tables_and_of_models(kind: str, cases: int) -> None:
    command = [sys.executable, "-m", "benchmarks.robustness", "--kind", kind, "--cases", str(cases), "--seed", "11"]
    done = subprocess.run(
        [*command, "--limit", "60"], capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent
    )
    assert done.returncode == 0, done.stdout
    assert f"{kind}, seed 11: {cases} cases" in done.stdout
