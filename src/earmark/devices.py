"""What the machine is good at: arithmetic precision and memory.

`resolve_precision` finds out whether bfloat16 is the faster arithmetic here (some processors emulate it, slowly);
`runs_kernels` says where our own GPU kernels run; `arithmetic_of` holds a GPU to the precision that was asked for;
`tune_allocator` keeps freed activations mapped. Both are for programs to call at start-up, never at import.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import math
import os
import platform
import shutil
import sysconfig
import time
from collections.abc import Iterator
from typing import Any, Literal, get_args

import torch

from earmark.errors import ConfigError

Precision = Literal["auto", "float32", "tf32", "bf16"]
Arithmetic = Literal["float32", "tf32", "bf16"]
_GAIN = 1.2  # bfloat16 must be this much faster to be chosen
_TURNS = 7


def as_precision(text: str) -> Precision:
    """A precision by name; `ConfigError` where there is none of that name."""
    for known in get_args(Precision):
        if text == known:
            return known  # type: ignore[no-any-return]
    raise ConfigError(f"precision {text!r} is unknown: expected {', '.join(get_args(Precision))}")


def resolve_precision(precision: Precision, device: str = "cpu") -> Arithmetic:
    """`auto` becomes `bf16` where the processor has instructions for it, or the GPU does, else `float32`.

    Of a processor that cannot be asked, a convolution is timed in both, about 40 ms. `ConfigError` for tf32 elsewhere
    than on an NVIDIA GPU.
    """
    if precision == "tf32" and not device.startswith("cuda"):
        raise ConfigError(f"precision tf32 is for NVIDIA GPUs, not for {device}: use float32 or bf16")
    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    has = _has_bf16()  # the same at every call, however busy the machine is: so are the scores
    if has is not None:
        return "bf16" if has else "float32"
    exact, short = _time_convolutions(torch.float32, torch.bfloat16)
    return "bf16" if short * _GAIN < exact else "float32"


def _has_bf16() -> bool | None:
    """Whether the processor multiplies in bfloat16 itself; None where PyTorch does not know."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    known = ask() if ask else {}
    if known.get("architecture") != "x86_64":
        return None
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


@torch.inference_mode()
def _time_convolutions(*dtypes: torch.dtype) -> list[float]:
    """Best seconds of a small convolution in each precision, taken in turns: a busy moment meets them alike."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 64, 120, 32, generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    inputs = [(x.to(dtype), weight.to(dtype)) for dtype in dtypes]
    best = [math.inf for _ in dtypes]
    for _ in range(_TURNS):
        for place, (sounds, kernels) in enumerate(inputs):
            begin = time.perf_counter()
            torch.nn.functional.conv2d(sounds, kernels, padding=1)
            best[place] = min(best[place], time.perf_counter() - begin)
    return best


@contextlib.contextmanager
def arithmetic_of(precision: Precision) -> Iterator[None]:
    """Within, a GPU's float32 is IEEE float32, unless `precision` is tf32 (10 bits of mantissa in products).

    PyTorch by itself lets convolutions and recurrences on a GPU compute in TF32: scores then differ by up to 3e-2 from
    those of the CPU. Under bf16 and on a CPU nothing changes.
    """
    # The older of PyTorch's two ways to say so: libraries around it ask in that way, and the two must not be mixed.
    backends: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn] if precision in ("float32", "tf32") else []
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = precision == "tf32"
        yield
    finally:
        for backend, former in zip(backends, before, strict=True):
            backend.allow_tf32 = former


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed PyTorch's own randomness on the host and on a device, as `torch.manual_seed` does there.

    That one seeds all kinds of device. Of those that are not in use it keeps the seed for later, with a trace of the
    call, at every call: half a millisecond, and memory that grows with the steps of a training.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@functools.cache
def has_triton() -> bool:
    """Whether Triton, which comes with PyTorch for NVIDIA GPUs, is installed and can make kernels to be launched.

    For that it needs a C compiler and the headers of Python.
    """
    if importlib.util.find_spec("triton") is None:
        return False
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    scheme = sysconfig.get_default_scheme()
    headers = [sysconfig.get_path("include", "posix_prefix" if scheme == "posix_local" else scheme)]
    for name in ("CPATH", "C_INCLUDE_PATH"):
        headers += os.environ.get(name, "").split(os.pathsep)
    return compiler is not None and any(os.path.isfile(os.path.join(folder, "Python.h")) for folder in headers)


def runs_kernels(x: torch.Tensor) -> bool:
    """Whether x is on an NVIDIA GPU and computed with in bfloat16, so that our kernels are for it.

    Not while a compiler records what is done.
    """
    return (
        x.is_cuda
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and not torch.compiler.is_compiling()
        and has_triton()
    )


def has_shared_memory(x: torch.Tensor, size: int) -> bool:
    """Whether the multiprocessors of the GPU that x is on have so many bytes for one program."""
    if not x.is_cuda:
        return True
    reserved = 1024  # bytes of each multiprocessor that CUDA keeps for itself
    found = getattr(torch.cuda.get_device_properties(x.device), "shared_memory_per_multiprocessor", None)
    return found is None or bool(found - reserved >= size)  # some releases of PyTorch do not tell


@contextlib.contextmanager
def recording(graph: torch.cuda.CUDAGraph, pool: Any) -> Iterator[None]:
    """Within, what is asked of a GPU is recorded in a graph, in memory of a pool, and not done.

    Other threads may go on to use the device. `RuntimeError` where something cannot be recorded, such as a wait for a
    value; the device's memory is then managed as before.
    """
    try:
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            yield
    except RuntimeError:
        with contextlib.suppress(RuntimeError):  # PyTorch itself would go on to manage memory as during a recording
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
        raise


def resolve_device(device: str) -> str:
    """`auto` becomes `cuda` where there is one, else `cpu`; an impossible device raises `ConfigError`."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device {device!r} is unknown; expected auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device 'cuda' is not available: PyTorch finds no GPU; use --device cpu or install a GPU build of PyTorch"
        )
    return device


def tune_allocator() -> bool:
    """Make glibc keep freed memory instead of returning it after every layer; flush denormals.

    Large activations are otherwise mapped and unmapped at every step and pay page faults: 1.1 to 1.8 times slower.
    The process holds on to the most memory it ever used. Returns whether it was done (Linux with glibc only).
    """
    torch.set_flush_denormal(True)
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL("libc.so.6").mallopt
    settings = {-4: 0, -1: 2**31 - 1, -2: 256 * 2**20}  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
    return all(mallopt(option, value) == 1 for option, value in settings.items())
