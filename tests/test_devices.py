import platform
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from earmark import devices
from earmark.errors import ConfigError


@pytest.mark.parametrize(
    ("float32", "bf16", "chosen"), [(1.0, 0.5, "bf16"), (1.0, 0.95, "float32"), (1.0, 4.0, "float32")]
)
def test_auto_takes_bfloat16_only_where_it_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, float32: float, bf16: float, chosen: str
) -> None:
    monkeypatch.setattr(devices, "_has_bf16", lambda: None)
    monkeypatch.setattr(devices, "_time_convolutions", lambda *dtypes: [float32, bf16])
    assert devices.resolve_precision("auto") == chosen


@pytest.mark.parametrize("has", [True, False])
def test_a_processor_that_can_be_asked_is_not_timed(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    """A busy moment must not change what is computed."""
    monkeypatch.delattr(devices, "_time_convolutions")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx512_bf16": has})
    assert devices.resolve_precision("auto") == ("bf16" if has else "float32")


def test_what_cannot_be_asked_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "aarch64"})
    assert devices._has_bf16() is None
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert devices._has_bf16() is None


def test_a_precision_that_is_asked_for_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(devices, "_time_convolutions")
    assert devices.resolve_precision("bf16") == "bf16"
    assert devices.resolve_precision("float32", "cuda") == "float32"


def test_the_measurement_itself_takes_a_moment_only() -> None:
    assert all(0 < seconds < 1 for seconds in devices._time_convolutions(torch.float32, torch.bfloat16))


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="device 'gpu' is unknown; expected auto, cpu"):
        devices.resolve_device("gpu")


@pytest.mark.parametrize(("there", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, there: bool, chosen: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert devices.resolve_device("auto") == chosen
    assert devices.resolve_device("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"'cuda' is not available.*--device cpu"):
        devices.resolve_device("cuda:1")


def test_the_allocator_is_left_alone_where_it_is_not_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(torch, "set_flush_denormal", lambda mode: True)  # it would outlive this test
    assert devices.tune_allocator() is False


def test_tf32_is_for_gpus_alone() -> None:
    with pytest.raises(ConfigError, match="tf32 is for NVIDIA GPUs, not for cpu: use float32 or bf16"):
        devices.resolve_precision("tf32", "cpu")
    assert devices.resolve_precision("tf32", "cuda:1") == "tf32"


def test_float32_on_a_gpu_is_ieee_float32_unless_tf32_is_asked_for() -> None:
    """PyTorch's default lets convolutions compute in TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with devices.arithmetic_of("float32"):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (False, False)
        assert torch.get_float32_matmul_precision() == "highest"
    with devices.arithmetic_of("tf32"):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (True, True)
    with devices.arithmetic_of("bf16"):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_seeding_a_step_draws_what_pytorch_draws_and_keeps_nothing() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    kept = [len(getattr(kind, "_queued_calls", ())) for kind in (torch.cuda, torch.xpu)]
    for seed in (1, 2, 3, 5):
        devices.seed_generators(seed, torch.device("cpu"))
    assert torch.equal(torch.rand(4), expected)
    assert [len(getattr(kind, "_queued_calls", ())) for kind in (torch.cuda, torch.xpu)] == kept


@pytest.mark.parametrize("missing", ["triton", "compiler", "headers", None])
def test_kernels_need_triton_a_compiler_and_the_headers_of_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str | None
) -> None:
    """Triton would otherwise fail at the first kernel, in the middle of a run."""
    for name in ("CC", "CPATH", "C_INCLUDE_PATH"):
        monkeypatch.delenv(name, raising=False)
    if missing != "headers":
        (tmp_path / "Python.h").touch()
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None if missing == "triton" else name)
    monkeypatch.setattr(devices.shutil, "which", lambda name: None if missing == "compiler" else f"/bin/{name}")
    monkeypatch.setattr(devices.sysconfig, "get_path", lambda *which: str(tmp_path))
    devices.has_triton.cache_clear()
    try:
        assert devices.has_triton() is (missing is None)
    finally:
        monkeypatch.undo()
        devices.has_triton.cache_clear()


def test_kernels_do_not_run_on_a_cpu() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not devices.runs_kernels(torch.zeros(1))


@pytest.mark.parametrize(("size", "enough"), [(231 * 1024, False), (163_840, True)])
def test_shared_memory_is_what_cuda_leaves_of_a_multiprocessors(
    monkeypatch: pytest.MonkeyPatch, size: int, enough: bool
) -> None:
    known = SimpleNamespace(shared_memory_per_multiprocessor=228 * 1024)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: known)
    there = cast(torch.Tensor, SimpleNamespace(is_cuda=True, device="cuda:0"))
    assert devices.has_shared_memory(there, size) is enough
    assert devices.has_shared_memory(torch.zeros(1), size)
