"""Our networks on a GPU, in bfloat16: listening, learning, and what the device could do at most."""

from __future__ import annotations

import itertools
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.ours.listening import in_training, update
from benchmarks.speed.ours.loader import endless, made_store
from benchmarks.speed.worker import Jobs
from earmark.data.batches import Batch
from earmark.data.synthetic import VOICES
from earmark.data.targets import Targets
from earmark.labels import Labels
from earmark.models.captured import CapturedNetwork
from earmark.models.directory import fast
from earmark.models.fast import compiled as compile_network
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.callbacks import Stage
from earmark.training.loop import SUMMARY, ClipSet, Machine, fit

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
    made: dict[tuple[str, str, int], Callable[[], int]] = {}

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    def run(job: str, network: str, how: int, times: int) -> int:
        """Clips that went through: `how` is whether the network is compiled, or how many workers load.

        Jobs are infer, train, and updates that are fed from flac, pack or device.
        """
        key = job, network, how
        if key not in made:
            made.clear()  # one network at a time in the device's memory
            if job in ("infer", "train"):
                made[key] = {"infer": _listener, "train": _learner}[job](network, bool(how), device, batch)
            else:
                made[key] = _fed(network, pathlib.Path(folder), device, job, how, batch)
        clips = sum(made[key]() for _ in range(times))
        finish()
        return clips

    def peak(times: int) -> float:
        """Billion operations of so many matrix products."""
        a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
        for _ in range(times):
            a @ b
        finish()
        return times * 2 * size**3 / 1e9

    def work(network: str) -> float:
        """Billion operations of the matrix products and convolutions of one clip heard."""
        network = _tagger(network).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(_waveform(1, network.rate))
        return counter.get_total_flops() / 1e9

    def held() -> float:
        """MB of the device's memory at most."""
        return torch.cuda.max_memory_allocated() / 2**20 if device.startswith("cuda") else 0.0

    def epoch(network: str, hold: bool, steps: int) -> list[str]:
        """Where the time of a training's first epoch goes, as `earmark train --profile` says it."""
        made.clear()
        place = pathlib.Path(folder)
        options = load_recipe().training.model_copy(update={"batch_size": batch, "settle": 0}).lasting(None, steps)
        machine = Machine(device, "bf16", profile=True, hold=hold)
        own = _tagger(network)
        store = made_store(place, "pack", CLIPS, SECONDS, 44_100, own.rate)
        clips = ClipSet(store, Targets.of_clips(store.clips, Labels(LABELS)))
        with tempfile.TemporaryDirectory() as run_folder:
            fit(own, clips, None, options, pathlib.Path(run_folder), seed=0, machine=machine)
            return (pathlib.Path(run_folder) / Stage().state / SUMMARY).read_text().splitlines()

    return {"peak": peak, "run": run, "work": work, "held": held, "epoch": epoch}


def _tagger(network: str) -> Network:
    torch.manual_seed(0)
    return Network(ModelOptions(labels=LABELS, **{**dict(load_recipe().network), **NETWORKS[network]}))


def _waveform(batch: int, rate: int) -> Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(0.1 * random.standard_normal((batch, round(SECONDS * rate)), np.float32))


def _listener(network: str, compiled: bool, device: str, batch: int) -> Callable[[], int]:
    network = fast(_tagger(network).eval(), device, "bf16").to(device)
    heard = _waveform(batch, network.rate).to(device)
    recorded = CapturedNetwork(network, batch)  # as the engine has it for full batches
    call = compile_network(network) if compiled else lambda heard: recorded(*network.features(heard))

    @torch.inference_mode()
    def listen() -> int:
        with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            call(heard)
        return batch

    return listen


def _learner(network: str, compiled: bool, device: str, batch: int) -> Callable[[], int]:
    module, optimiser = in_training(_tagger(network).to(device), load_recipe().training)
    if compiled:
        module.tagger.classify = compile_network(module.tagger.classify)
    given = _batch(_waveform(batch, module.tagger.rate), (torch.rand(batch, len(LABELS)) < 0.2).float(), device)
    return _learning(module, optimiser, itertools.repeat(given), device)


def _fed(network: str, folder: pathlib.Path, device: str, source: str, workers: int, batch: int) -> Callable[[], int]:
    """Updates whose clips come from flac files, from the pack, or are cut on the device."""
    recipe = load_recipe()
    module, optimiser = in_training(_tagger(network).to(device), recipe.training)
    options = recipe.training.model_copy(update={"batch_size": batch})
    kind = "flac" if source == "flac" else "pack"
    store = made_store(folder, kind, CLIPS, SECONDS, 44_100, module.tagger.rate)
    machine = Machine(device, "bf16", workers=workers, hold=source == "device")
    loaded = endless(store, Labels(LABELS), options, module.tagger.rate, machine)
    return _learning(module, optimiser, (_there(each, device) for each in loaded), device)


def _there(batch: Batch, device: str) -> Batch:
    """A batch brought to the device as the engine does it."""
    parts = (part.to(device, non_blocking=True) for part in batch[:3])
    return Batch(*parts, batch.clips, batch.whole)


def _learning(
    module: Any, optimiser: torch.optim.Optimizer, batches: Iterator[Batch], device: str
) -> Callable[[], int]:
    """Updates, one a call; clips in it."""

    def step() -> int:
        given = next(batches)
        update(module, optimiser, given, True, device)
        return len(given.clips)

    return step


def _batch(waveform: Tensor, targets: Tensor, device: str) -> Batch:
    lengths = torch.full((len(waveform),), waveform.shape[1])
    return Batch(waveform.to(device), lengths.to(device), targets.to(device), list(range(len(waveform))), whole=True)
