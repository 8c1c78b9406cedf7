"""Which engine a job gets."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from earmark import opening
from earmark.errors import ConfigError, MissingExtraError
from earmark.opening import SHORT_JOB, choose, give_back_at_once, open_tagger


def engine(folder: Path, device: str = "auto", precision: str = "auto", name: str = "auto", seconds: float | None = 5):
    return choose([folder], device, precision, name, lambda: seconds)


def test_a_short_job_is_not_kept_waiting_for_torch(twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "has_bf16", lambda: True)
    assert engine(twin, seconds=5) == engine(twin, seconds=SHORT_JOB) == "onnx"
    assert engine(twin, seconds=SHORT_JOB + 1) == engine(twin, seconds=None) == "torch"


@pytest.mark.parametrize(
    ("bf16", "gpu", "device", "chosen"),
    [
        (False, False, "auto", "onnx"),
        (False, True, "auto", "torch"),
        (False, True, "cpu", "onnx"),
        (True, False, "cpu", "torch"),
        (None, False, "auto", "torch"),
    ],
)
def test_a_long_job_is_pytorchs_where_it_has_a_gpu_or_bf16(
    twin: Path, monkeypatch: pytest.MonkeyPatch, bf16: bool | None, gpu: bool, device: str, chosen: str
) -> None:
    monkeypatch.setattr(opening, "has_bf16", lambda: bf16)
    monkeypatch.setattr(opening, "may_have_gpu", lambda: gpu)
    assert engine(twin, device=device, seconds=None) == chosen
    assert engine(twin, device=device, name="torch", seconds=None) == "torch"


def test_what_is_asked_for_by_name_is_given(twin: Path, trained: Path) -> None:
    assert engine(twin, name="torch") == "torch"
    assert engine(twin, name="onnx", seconds=None) == "onnx"
    assert engine(twin, device="cpu", precision="float32", seconds=None) == "onnx"
    assert engine(twin, device="cuda") == engine(twin, precision="bf16") == engine(trained) == "torch"


def test_what_does_not_go_together_is_refused(twin: Path) -> None:
    with pytest.raises(ConfigError, match=r"on the CPU in float32: it goes with no --device cuda --precision auto"):
        engine(twin, device="cuda", name="onnx")
    with pytest.raises(
        ConfigError, match=r"engine 'onxx' is unknown \(did you mean 'onnx'\?\): expected auto, torch, onnx"
    ):
        engine(twin, name="onxx")


def test_without_torch_a_twin_is_needed(twin: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert engine(twin, seconds=None) == "onnx"
    with pytest.raises(MissingExtraError, match=r"a model without model\.onnx\) needs PyTorch"):
        engine(trained)
    for options in ({"name": "torch"}, {"device": "cuda"}, {"precision": "bf16"}):
        with pytest.raises(MissingExtraError, match="needs PyTorch"):
            engine(twin, **options)


def test_several_twins_are_one_model(twin: Path) -> None:
    pipeline = open_tagger([twin, twin], engine="onnx")
    assert pipeline.model.arithmetic == "onnxruntime, float32"
    assert len(pipeline.model.members) == 2


def test_as_many_threads_compute_as_are_asked_for(twin: Path) -> None:
    engine = open_tagger([twin], engine="onnx", threads=1).model
    assert engine._session.get_session_options().intra_op_num_threads == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("seconds", "kept"), [(10.0, False), (100.0, True), (None, True)])
def test_buffers_are_kept_from_window_to_window_but_for_short_jobs(
    twin: Path, seconds: float | None, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.opening.give_back_at_once", lambda: True)  # for good, in this process
    engine = open_tagger([twin], engine="onnx", seconds=lambda: seconds).model
    assert engine._session.get_session_options().enable_cpu_mem_arena is kept  # type: ignore[union-attr]


PROGRAM = """
import sys
import numpy as np
from earmark.opening import give_back_at_once

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "tuned":
    assert give_back_at_once()
buffers = [np.ones(2**21, np.uint8) for _ in range(40)]  # a free of 33 MB teaches glibc to keep what is smaller
del buffers
np.ones(2**25, np.uint8)
buffers = [np.ones(2**21, np.uint8) for _ in range(40)]
before = held()
del buffers[:-1]
print((before - held()) // 2**20)
"""


@pytest.mark.skipif(not give_back_at_once(), reason="only glibc on Linux can be told")
def test_what_is_freed_is_given_back_even_under_what_is_kept() -> None:
    def freed(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert freed("tuned") >= 70 > freed("plain")  # MB, of 78
