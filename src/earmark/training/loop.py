"""The training loop: a network, batches and callbacks handed to the engine, resumed where it stopped.

Epoch e is the updates e * n to (e + 1) * n of the endless stream of batches. After each comes a checkpoint; a run that
is stopped, however, goes on from there and ends with the very weights it would have had (on a processor, with the same
number of threads).
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.profilers import SimpleProfiler
from torch import Tensor
from torch.utils.data import DataLoader

from earmark.data.balance import BalancedStream
from earmark.data.batches import Batch, EvaluationBatches, Stream, TrainingBatches, Waveforms
from earmark.data.frame_targets import FrameTargets
from earmark.data.queue import QueueStream
from earmark.data.targets import TargetRows
from earmark.devices import Precision, resolve_precision
from earmark.errors import GOES_ON, OutputError, unwritable
from earmark.models.network import Network
from earmark.training.callbacks import Checkpoints, History, Row, Stage, Validate
from earmark.training.module import TrainingModule
from earmark.training.options import BalanceOptions, TrainingOptions
from earmark.training.weights import average_weights, epoch_file, save_epoch, settle_norms

PROFILE = "fit-profile.txt"  # in the folder of a run's state: the engine's table of what took how long


@dataclass(frozen=True)
class ClipSet:
    """Decoded clips and their weak labels: targets (clips, classes); frame labels, where they are taught."""

    waveforms: Waveforms
    targets: TargetRows
    frames: FrameTargets | None = None


@dataclass(frozen=True)
class Machine:
    """On what a training runs."""

    device: str = "cpu"  # resolved: cpu, cuda, cuda:1, mps
    precision: Precision = "auto"
    processes: int = 1  # GPUs, or processes on CPU
    workers: int = 0  # processes that load data
    profile: bool = False  # write where the time goes to `PROFILE`


class Loaders(lightning.LightningDataModule):
    """Loaders of each epoch's batches: the sampler is the list of the epoch's step numbers."""

    def __init__(
        self, train: ClipSet, valid: ClipSet | None, options: TrainingOptions, *, rate: int, seed: int, workers: int
    ) -> None:
        super().__init__()
        self.train_set, self.valid_set, self.rate, self.options = train, valid, rate, options
        self.seed, self.workers = seed, workers
        self.stream = _stream(train.targets, options.balance, seed)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        return self.options.updates_per_epoch(len(self.train_set.targets))

    @property
    def longest(self) -> int:
        """Longest cut of a clip, samples."""
        return round(self.options.clip_seconds * self.rate)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the current epoch."""
        assert self.trainer is not None
        batches = self.batches(self.trainer.global_rank, self.trainer.world_size)
        first = self.trainer.current_epoch * self.steps_per_epoch
        steps = range(first, first + self.steps_per_epoch)
        return DataLoader(batches, batch_size=None, sampler=steps, num_workers=self.workers)

    def batches(self, rank: int, world: int) -> TrainingBatches:
        """The endless stream of training batches, or the share of one of several processes."""
        return TrainingBatches(
            self.train_set.waveforms,
            self.train_set.targets,
            self.stream,
            batch_size=self.options.batch_size,
            longest=self.longest,
            seed=self.seed,
            rank=rank,
            world=world,
            frames=self.train_set.frames,
        )

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Every validation clip once."""
        if self.valid_set is None:
            return []
        batches = EvaluationBatches(
            self.valid_set.waveforms, self.valid_set.targets, self.options.batch_size, 6 * self.longest
        )
        return DataLoader(batches, batch_size=None, num_workers=self.workers)


def _stream(targets: TargetRows, balance: BalanceOptions, seed: int) -> Stream:
    if balance.method == "queue":
        return QueueStream(targets, seed, balance.queue_step)
    return BalancedStream(targets, balance.max_ratio, seed)


def fit(
    network: Network,
    train: ClipSet,
    valid: ClipSet | None,
    options: TrainingOptions,
    folder: Path,
    *,
    seed: int,
    machine: Machine,
    validate: Validate | None = None,
    progress: Sequence[lightning.Callback] = (),
    stage: Stage = Stage(),  # noqa: B008 - frozen
) -> list[Row]:
    """Train `network` in place, keeping state in `folder/training` (or the stage's); returns the rows of the log.

    Goes on from `last.ckpt` there, if there is one. At the end the network holds the average of the last epochs'
    weights; where epochs are to be fused, those of the last, and the weights of each lie there too.
    """
    state = folder / stage.state
    history = History(folder / "log.csv", validate, stage)
    checkpoints = Checkpoints(state, options.model_epochs)
    loaders = Loaders(train, valid, options, rate=network.rate, seed=seed, workers=machine.workers)
    total = loaders.steps_per_epoch * options.epochs
    module = TrainingModule(network, options, total, seed)
    last = state / "last.ckpt"
    with _QuietEngine():
        trainer = _engine(options, machine, state, [history, checkpoints, *progress])
        try:
            trainer.fit(module, loaders, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
        except OSError as error:  # of the engine's log; ours are told where they are met
            raise unwritable(state, error, GOES_ON) from error
    trainer.strategy.barrier()
    if options.fuse is None:
        network.load_state_dict(average_weights(epoch_file(state, epoch) for epoch in options.model_epochs))
    if options.settle:
        _settle(module, loaders, machine, state)
    return history.rows


def _settle(module: TrainingModule, loaders: Loaders, machine: Machine, state: Path) -> None:
    """Give the model, or each epoch it is fused of, batch statistics of its own (`weights.py`)."""
    network, options = module.tagger.to(machine.device), module.options
    steps = range(module.total_steps, module.total_steps + options.settle)  # as if training went on

    def batches() -> Iterator[tuple[Tensor, Tensor | None]]:
        found = loaders.batches(0, 1)
        for step in steps:
            batch = found[step]
            waveform, samples, targets = (part.to(machine.device) for part in batch[:3])
            features, lengths, _ = module.heard(Batch(waveform, samples, targets, batch.clips, batch.whole), step)
            yield features, lengths

    bf16 = resolve_precision(machine.precision, machine.device) == "bf16"
    if options.fuse is None:
        settle_norms(network, batches(), bf16=bf16)
        return
    for epoch in options.model_epochs:
        network.load_state_dict(safetensors.torch.load_file(epoch_file(state, epoch)))
        settle_norms(network, batches(), bf16=bf16)
        save_epoch(state, epoch, network.state_dict())


def _engine(
    options: TrainingOptions, machine: Machine, state: Path, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    kind, _, number = machine.device.partition(":")
    precision = resolve_precision(machine.precision, machine.device)
    name = PROFILE.removeprefix("fit-").removesuffix(".txt")  # the engine adds these
    return lightning.Trainer(
        accelerator="gpu" if kind == "cuda" else kind,
        devices=[int(number)] if number else machine.processes,
        strategy="ddp" if machine.processes > 1 else "auto",
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        max_epochs=options.epochs,
        gradient_clip_val=options.gradient_clip,
        logger=TensorBoardLogger(state, name=None, version="tensorboard"),
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        profiler=SimpleProfiler(state, name) if machine.profile else None,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


class _QuietEngine(warnings.catch_warnings):
    """The engine's advice on workers, samplers and devices is not for our users."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._hook = threading.excepthook
        threading.excepthook = self._thread_failed

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if error[0] is None or not issubclass(error[0], OutputError):  # its thread may end after this
            threading.excepthook = self._hook

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """The thread that writes the engine's log ends where it cannot; `fit` says so."""
        if not issubclass(failed.exc_type, OSError):
            self._hook(failed)
