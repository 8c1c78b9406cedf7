"""Processors, further processes that share them, what they can, and whether there may be a GPU beside them."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

# What a process is started with that is to compute in one thread: others beside it have the other processors.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def may_have_gpu() -> bool:
    """Whether PyTorch may find a GPU here; found out without PyTorch, which takes seconds to load."""
    return sys.platform != "linux" or any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg")))


def has_bf16() -> bool | None:
    """Whether the processor multiplies in bfloat16 itself; found out without PyTorch. None where nobody says so."""
    listed = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not listed.is_file():
        return None
    with listed.open(encoding="utf-8", errors="replace") as lines:  # the first processor's: a list of many takes long
        flags = next((line.split() for line in lines if line.startswith("flags")), None)
    return None if flags is None else not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)
