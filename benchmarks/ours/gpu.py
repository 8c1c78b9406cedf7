"""Our networks on a GPU, in bfloat16: listening, learning, and what the device could do at most."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from earmark.data.batches import Batch
from earmark.data.sounds import VOICES
from earmark.recipes import load_recipe
from earmark.tagger import Tagger, TaggerOptions
from ours.listening import in_training, update
from ours.loader import endless
from worker import Jobs

SECONDS = 10.0
CLIPS = 128  # files that `fed` goes through again and again
LABELS = tuple(sorted(VOICES))
NETWORKS: dict[str, dict[str, Any]] = {
    "gated CRNN": {"encoder": {"kind": "crnn"}},  # sizes of Xu et al. 2018
    "Cnn14": {
        "encoder": {
            "kind": "cnn",
            "channels": (64, 128, 256, 512, 1024, 2048),
            "pools": ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 1)),
        },
        "features": {"kind": "logmel", "rate": 32_000, "window": 1024, "hop": 320, "bands": 64},
    },
}


def start(folder: str, device: str, batch: int, size: int) -> Jobs:
    """Jobs of networks by name, as they are or compiled; `size` is that of the matrices of `peak`."""
    torch.set_float32_matmul_precision("high")
    made: dict[tuple[str, str, bool], Callable[[], Any]] = {}

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    def peak(times: int) -> float:
        """Billion operations of so many matrix products."""
        a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
        for _ in range(times):
            a @ b
        finish()
        return times * 2 * size**3 / 1e9

    def run(job: str, network: str, compiled: bool, times: int) -> int:
        """Clips that went through."""
        key = job, network, compiled
        if key not in made:
            made.clear()  # one network at a time in the device's memory
            made[key] = {"infer": _listener, "train": _learner}[job](network, compiled, device, batch)
        for _ in range(times):
            made[key]()
        finish()
        return times * batch

    def work(network: str) -> float:
        """Billion operations of the matrix products and convolutions of one clip heard."""
        tagger = _tagger(network).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            tagger(_waveform(1, tagger.rate))
        return counter.get_total_flops() / 1e9

    def fed(network: str, workers: int, steps: int) -> int:
        """Clips that went through updates whose batches came from files."""
        key = "fed", network, False
        if key not in made:
            made.clear()
            made[key] = _fed(network, pathlib.Path(folder), device, workers, batch)
        clips = sum(made[key]() for _ in range(steps))
        finish()
        return clips

    def held() -> float:
        """MB of the device's memory at most."""
        return torch.cuda.max_memory_allocated() / 2**20 if device.startswith("cuda") else 0.0

    return {"peak": peak, "run": run, "work": work, "fed": fed, "held": held}


def _tagger(network: str) -> Tagger:
    torch.manual_seed(0)
    return Tagger(TaggerOptions(labels=LABELS, **{**dict(load_recipe().network), **NETWORKS[network]}))


def _waveform(batch: int, rate: int) -> Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(0.1 * random.standard_normal((batch, round(SECONDS * rate)), np.float32))


def _listener(network: str, compiled: bool, device: str, batch: int) -> Callable[[], Any]:
    tagger = _tagger(network).eval().to(device)
    heard = _waveform(batch, tagger.rate).to(device)
    call = torch.compile(tagger) if compiled else tagger

    @torch.inference_mode()
    def listen() -> None:
        with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            call(heard)

    return listen


def _learner(network: str, compiled: bool, device: str, batch: int) -> Callable[[], Any]:
    module, optimiser = in_training(_tagger(network).to(device), load_recipe().training)
    if compiled:
        module.tagger.compile()
    given = _batch(_waveform(batch, module.tagger.rate), (torch.rand(batch, len(LABELS)) < 0.2).float(), device)
    return lambda: update(module, optimiser, given, True, device)


def _fed(network: str, folder: pathlib.Path, device: str, workers: int, batch: int) -> Callable[[], int]:
    module, optimiser = in_training(_tagger(network).to(device), load_recipe().training)
    batches = endless(folder, "flac", CLIPS, SECONDS, 44_100, workers, batch)

    def step() -> int:
        heard = next(batches)
        update(module, optimiser, _batch(heard.waveform, heard.targets, device), True, device)
        return len(heard.clips)

    return step


def _batch(waveform: Tensor, targets: Tensor, device: str) -> Batch:
    lengths = torch.full((len(waveform),), waveform.shape[1])
    return Batch(waveform.to(device), lengths.to(device), targets.to(device), list(range(len(waveform))))
