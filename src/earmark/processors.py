"""Processors, further processes that share them, and whether there may be a GPU beside them."""

from __future__ import annotations

import os
import sys

# What a process is started with that is to compute in one thread: others beside it have the other processors.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def may_have_gpu() -> bool:
    """Whether PyTorch may find a GPU here; found out without PyTorch, which takes seconds to load."""
    return sys.platform != "linux" or any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg")))
