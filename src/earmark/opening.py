"""Model directories opened to run, with the engine that suits: PyTorch, or ONNX Runtime by the directory's ONNX twin.

Which one is there sooner, and which one is done sooner, are two questions. PyTorch takes two seconds to load, and then
has a GPU, or bfloat16 where the processor has it; ONNX Runtime is there at once, and the faster one in float32
(docs/benchmarks.md). So `auto` is

    onnx     where PyTorch is not installed
    torch    where a directory has no twin, or a GPU or bf16 is asked for by name
    onnx     in float32 on the CPU by name, and where there is neither a GPU nor a processor with bf16
    onnx     where there are no more than `SHORT_JOB` seconds to listen to
    torch    for whatever is longer, or of unknown length
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from earmark.errors import ConfigError, MissingExtraError, did_you_mean
from earmark.processors import has_bf16, may_have_gpu
from earmark.runtime.directory import check_model, has_twin, load_point, open_twin
from earmark.runtime.ensemble import Ensemble, fused_point
from earmark.runtime.onnx import TWIN
from earmark.runtime.tagger import Tagger

EngineName = Literal["auto", "torch", "onnx"]
FEW_SECONDS = 30.0  # of audio in a whole job, for which freed memory is given back rather than kept for what follows
SHORT_JOB = 1_200.0  # seconds of audio, up to which loading PyTorch takes longer than it saves


def open_tagger(
    directories: Sequence[str | os.PathLike[str]],
    *,
    device: str = "cpu",
    precision: str = "float32",
    engine: str = "auto",
    seconds: Callable[[], float | None] = lambda: None,
    threads: int | None = None,
) -> Tagger:
    """A model directory with its operating point; several are one model, their scores averaged.

    `device` is auto, cpu, cuda ..., `precision` auto, float32 or bf16, `engine` auto, torch or onnx; `seconds` says, if
    asked, how much audio there is to listen to (None: unknown). With ONNX Runtime `threads` compute a call (None: one a
    processor). `ModelError` where a directory is missing or damaged, `ConfigError` where models know different labels
    or options do not go together, `MissingExtraError` where PyTorch is needed and is not installed.
    """
    if choose(directories, device, precision, engine, seconds) == "torch":
        from earmark.devices import as_precision
        from earmark.models.directory import open_tagger as open_with_torch

        return open_with_torch(directories, device=device, precision=as_precision(precision))
    length = seconds()
    keep = length is None or length > FEW_SECONDS
    if not keep:
        give_back_at_once()
    engines = [open_twin(directory, threads, keep) for directory in directories]
    points = [load_point(where, each.labels) for where, each in zip(directories, engines, strict=True)]
    if len(engines) == 1:
        return Tagger(engines[0], points[0])
    ensemble = Ensemble(engines, [os.fspath(directory) for directory in directories])
    return Tagger(ensemble, fused_point(points, ensemble.labels))


def choose(
    directories: Sequence[str | os.PathLike[str]],
    device: str,
    precision: str,
    engine: str,
    seconds: Callable[[], float | None],
) -> Literal["torch", "onnx"]:
    """The engine for a job; raises as `open_tagger` does."""
    known = get_args(EngineName)
    if engine not in known:
        raise ConfigError(f"engine {engine!r} is unknown{did_you_mean(engine, known)}: expected {', '.join(known)}")
    installed = importlib.util.find_spec("torch") is not None
    light = device in ("auto", "cpu") and precision in ("auto", "float32")
    if engine == "onnx" and not light:
        raise ConfigError(
            f"the ONNX engine computes on the CPU in float32: it goes with no --device {device} --precision {precision}"
        )
    if engine == "onnx":
        return "onnx"
    without = next((os.fspath(each) for each in directories if not has_twin(each)), None)
    if not installed:
        if engine == "torch" or not light:
            asked = "--engine torch" if engine == "torch" else f"--device {device} --precision {precision}"
            raise MissingExtraError("PyTorch", "torch", asked)
        if without is not None:
            check_model(Path(without))
            raise MissingExtraError("PyTorch", "torch", f"{without} (a model without {TWIN})")
        return "onnx"
    if engine == "torch" or without is not None or not light:
        return "torch"
    if (device, precision) == ("cpu", "float32"):
        return "onnx"
    if (device == "cpu" or not may_have_gpu()) and has_bf16() is False:  # float32 here too, whoever computes
        return "onnx"
    length = seconds()
    return "onnx" if length is not None and length <= SHORT_JOB else "torch"


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # glibc's names for these settings, from malloc.h
_LARGE = 2**15  # bytes of a buffer that is mapped by itself, and unmapped when it is freed


def give_back_at_once() -> bool:
    """Return large buffers to the system as soon as they are freed. Whether it was done: Linux with glibc only."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL("libc.so.6").mallopt
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE) == 1 and mallopt(_TRIM_THRESHOLD, _LARGE) == 1)
