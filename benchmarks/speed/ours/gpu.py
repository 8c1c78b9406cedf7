"""Our networks on a GPU, in bfloat16: listening, learning, files in bulk, a whole training, and what the device could.

A job's result is what was done; how long it took is measured outside, except where a job says so. What is not needed
to listen is imported where it is: on some machines the engine of the trainings takes longer to load than a row to
measure.
"""

from __future__ import annotations

import itertools
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.ours.flac import SECONDS, TABLE
from benchmarks.speed.ours.listening import in_training, save, update
from benchmarks.speed.worker import Jobs
from earmark.data.batches import Batch
from earmark.data.manifest import read_manifest
from earmark.data.store import ClipStore, open_store
from earmark.data.synthetic import VOICES
from earmark.data.targets import Targets
from earmark.labels import Labels
from earmark.models.captured import CapturedNetwork
from earmark.models.directory import fast
from earmark.models.fast import compiled as compile_network
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.reporter import Counts, Reporter

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
CLASSES = {"gated CRNN": 17, "Cnn14": 527}  # of the models that hear files in bulk
FEW = 256  # files that updates go through again and again
_MIN_SCORE = 0.6  # weights are random: nearly nothing scores more, so nearly nothing is written


def start(folder: str, device: str, batch: int, size: int) -> Jobs:
    """Jobs of networks by name, as they are or compiled; `size` is that of the matrices of `peak`."""
    place = pathlib.Path(folder)
    sounds = place / "sounds"
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
            forget()
            torch.backends.cudnn.benchmark = job != "infer"  # as the engines have it: algorithms of updates are tried
            if job in ("infer", "train"):
                made[key] = {"infer": _listener, "train": _learner}[job](network, bool(how), device, batch)
            else:
                store = _store(sounds, None if job == "flac" else place / "cache")
                made[key] = _fed(network, store, device, how, batch, hold=job == "device")
        clips = sum(made[key]() for _ in range(times))
        finish()
        return clips

    def forget() -> None:
        """Count the device's memory anew."""
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def held() -> float:
        """MB of the device's memory at most, since the last network was made."""
        return torch.cuda.max_memory_allocated() / 2**20 if device.startswith("cuda") else 0.0

    def peak(times: int) -> float:
        """Billion operations of so many matrix products."""
        a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
        for _ in range(times):
            a @ b
        finish()
        return times * 2 * size**3 / 1e9

    def work(network: str) -> float:
        """Billion operations of the matrix products and convolutions of one clip heard."""
        network = _network(network).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(_waveform(1, network.rate))
        return counter.get_total_flops() / 1e9

    def name() -> str:
        """What the device calls itself."""
        return torch.cuda.get_device_name(device) if device.startswith("cuda") else device

    def bulk(network: str, processes: int) -> tuple[float, float]:
        """Files a second that `detect` decides and writes, once it is under way; seconds before."""
        from earmark import api

        made.clear()
        forget()
        model, output = place / network, place / "found"
        if not model.exists():
            save(_network(network, [f"class {number}" for number in range(CLASSES[network])]), model)
        clock = _Clock()
        options: dict[str, Any] = {"device": device, "precision": "bf16", "processes": processes}
        found = api.detect(
            [sounds], models=[model], output=output, min_score=_MIN_SCORE, overwrite=True, reporter=clock, **options
        )
        assert not found.account.failed, found.account.failed[0]
        return clock.speed()

    def epoch(network: str, hold: bool, steps: int) -> list[str]:
        """Where the time of a training's first epoch goes, as `earmark train --profile` says it."""
        from earmark.training.callbacks import Stage
        from earmark.training.loop import SUMMARY, ClipSet, Machine, fit

        made.clear()
        options = load_recipe().training.model_copy(update={"batch_size": batch, "settle": 0}).lasting(None, steps)
        machine = Machine(device, "bf16", profile=True, hold=hold)
        own = _network(network)
        store = _store(sounds, place / "cache")
        clips = ClipSet(store, Targets.of_clips(store.clips, Labels(LABELS)))
        with tempfile.TemporaryDirectory() as run_folder:
            fit(own, clips, None, options, pathlib.Path(run_folder), seed=0, machine=machine)
            return (pathlib.Path(run_folder) / Stage().state / SUMMARY).read_text().splitlines()

    def recipe(epochs: int, cache: str) -> float:
        """Seconds of `earmark train` on all files by the default recipe, from the shell and back."""
        made.clear()
        forget()
        began = time.perf_counter()
        words = ["train", str(sounds / TABLE), "-o", str(place / f"trained-{cache}"), "--from", "none", "--quiet"]
        options = ["--epochs", str(epochs), "--device", device, "--cache", cache]
        subprocess.run([sys.executable, "-m", "earmark", *words, *options], check=True)
        return time.perf_counter() - began

    return {
        "peak": peak,
        "run": run,
        "work": work,
        "held": held,
        "name": name,
        "bulk": bulk,
        "epoch": epoch,
        "recipe": recipe,
    }


class _Clock(Reporter):
    """Notes how many recordings are done when."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.seen: list[tuple[float, int]] = []

    def counts(self, text: str) -> Callable[[Counts], None]:
        return lambda now: self.seen.append((time.perf_counter(), now.done))

    def speed(self) -> tuple[float, float]:
        """Recordings a second from the first look that saw a twentieth of them on; seconds before that look."""
        end, count = self.seen[-1]
        since, before = next((each for each in self.seen if each[1] >= count / 20), self.seen[0])
        if before == count:
            since, before = self.began, 0
        return (count - before) / (end - since), since - self.began


def _network(network: str, labels: Any = LABELS) -> Network:
    torch.manual_seed(0)
    return Network(ModelOptions(labels=tuple(labels), **{**dict(load_recipe().network), **NETWORKS[network]}))


def _waveform(batch: int, rate: int) -> Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(0.1 * random.standard_normal((batch, round(SECONDS * rate)), np.float32))


def _store(sounds: pathlib.Path, cache: pathlib.Path | None) -> ClipStore:
    """The first files as clips with their labels; packed where there is a cache."""
    clips = read_manifest(sounds / TABLE).clips[:FEW]
    return open_store(clips, load_recipe().network.features.rate, cache)


def _listener(network: str, compiled: bool, device: str, batch: int) -> Callable[[], int]:
    network = fast(_network(network).eval(), device, "bf16").to(device)
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
    module, optimiser = in_training(_network(network).to(device), load_recipe().training)
    if compiled:
        module.tagger.classify = compile_network(module.tagger.classify)
    given = _batch(_waveform(batch, module.tagger.rate), (torch.rand(batch, len(LABELS)) < 0.2).float(), device)
    return _learning(module, optimiser, itertools.repeat(given), device)


def _fed(network: str, store: ClipStore, device: str, workers: int, batch: int, hold: bool) -> Callable[[], int]:
    """Updates whose clips come from a store by so many workers, or are cut on the device."""
    from benchmarks.speed.ours.loader import endless
    from earmark.training.loop import Machine

    recipe = load_recipe()
    module, optimiser = in_training(_network(network).to(device), recipe.training)
    options = recipe.training.model_copy(update={"batch_size": batch})
    machine = Machine(device, "bf16", workers=workers, hold=hold)
    loaded = endless(store, Labels(LABELS), options, module.tagger.rate, machine)
    return _learning(module, optimiser, (each.on(device) for each in loaded), device)


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
