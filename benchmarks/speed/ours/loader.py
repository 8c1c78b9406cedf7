"""Our training loader and the training step of the default recipe."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import soundfile
import torch
from torch.utils.data import DataLoader

from benchmarks.speed.ours.listening import in_training, update
from benchmarks.speed.worker import Jobs
from earmark.data.batches import Batch
from earmark.data.records import Clip
from earmark.data.store import ClipStore, open_store
from earmark.data.synthetic import make_clip
from earmark.data.targets import Targets
from earmark.devices import resolve_precision, tune_allocator
from earmark.labels import Labels
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.loop import ClipSet, Loaders, Machine, hold
from earmark.training.options import TrainingOptions

SOURCES = ("wav", "flac", "mp3", "pack")


def start(folder: str, clips: int, seconds: float, file_rate: int) -> Jobs:
    """Jobs that load so many batches from each source, in so many worker processes."""
    place = pathlib.Path(folder)
    recipe = load_recipe()
    rate = recipe.network.features.rate
    stores = {kind: made_store(place, kind, clips, seconds, file_rate, rate) for kind in SOURCES}
    labels = Labels(sorted({label for clip in stores["wav"].clips for label in clip.labels}))
    running: dict[tuple[str, int], Any] = {}

    def load(kind: str, workers: int, batches: int) -> int:
        """Clips loaded: the next batches of an endless loader, so that its start is not counted again."""
        if (kind, workers) not in running:
            running.clear()
            running[kind, workers] = endless(stores[kind], labels, recipe.training, rate, Machine(workers=workers))
        return sum(len(batch.clips) for batch in itertools.islice(running[kind, workers], batches))

    def stop() -> None:
        running.clear()

    return {"load": load, "stop": stop}


def endless(store: ClipStore, labels: Labels, options: TrainingOptions, rate: int, machine: Machine) -> Iterator[Batch]:
    """Training batches as `Loaders.train_dataloader` makes them, without an end."""
    clips = ClipSet(store, Targets.of_clips(store.clips, labels))
    clips = hold(clips, machine) if machine.hold else clips
    loaders = Loaders(clips, None, options, rate=Fraction(rate), seed=0, machine=machine)
    return iter(DataLoader(loaders.batches(0, 1), batch_size=None, sampler=itertools.count(), **loaders.ahead()))


def made_store(folder: pathlib.Path, kind: str, clips: int, seconds: float, file_rate: int, rate: int) -> ClipStore:
    """Clips of a kind; the pack is made from the wav files."""
    source = "wav" if kind == "pack" else kind
    made = []
    for number in range(clips):
        path = folder / f"{number}.{source}"
        samples, events = make_clip(0, "train", number, seconds, file_rate)
        if not path.exists():
            soundfile.write(path, samples, file_rate)
        made.append(Clip(path, path.name, tuple(sorted({event.label for event in events}))))
    return open_store(made, rate, folder / "cache" if kind == "pack" else None)


def step(batch: int, seconds: float, classes: int) -> Jobs:
    """The training step of the default recipe, from waveforms on, augmentation included."""
    tune_allocator()
    recipe = load_recipe()
    names = tuple(f"sound {number}" for number in range(classes))
    torch.manual_seed(0)
    network = Network(ModelOptions(labels=names, **dict(recipe.network)))
    module, optimiser = in_training(network, recipe.training)
    bf16 = resolve_precision("auto") == "bf16"
    samples = round(seconds * network.rate)
    random = np.random.default_rng(0)
    waveform = torch.from_numpy(0.1 * random.standard_normal((batch, samples), np.float32))
    targets = torch.from_numpy((random.random((batch, classes)) < 0.2).astype(np.float32))
    given = Batch(waveform, torch.full((batch,), samples), targets, list(range(batch)), whole=True)
    return {"step": lambda: float(update(module, optimiser, given, bf16)), "bf16": lambda: bf16}
