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
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.profilers import SimpleProfiler
from torch import Tensor
from torch.utils.data import DataLoader

from earmark.data.balance import BalancedStream, QueueStream
from earmark.data.batches import Batch, EvaluationBatches, Inputs, Stream, TrainingBatches
from earmark.data.store import HeldClips, Integers
from earmark.data.targets import FrameTargets, TargetRows
from earmark.devices import Precision, arithmetic_of, resolve_precision
from earmark.errors import GOES_ON, ConfigError, OutputError, unwritable
from earmark.files import write_text
from earmark.models.network import Network
from earmark.training.callbacks import Checkpoints, History, Profile, Row, Stage, Validate
from earmark.training.module import TrainingModule
from earmark.training.options import BalanceOptions, TrainingOptions
from earmark.training.weights import average_weights, epoch_file, save_epoch, settle_norms

_PLENTY = 0.25  # share of a GPU's free memory that clips are given without being asked for
GPU_WORKERS = 2  # processes that make batches for a GPU, where none are asked for: reading a pack is not much work
# In the folder of a run's state: the engine's table of what took how long, and where the time went in a few lines.
PROFILE, SUMMARY = "fit-profile.txt", "profile.txt"


@dataclass(frozen=True)
class ClipSet:
    """Decoded clips and their weak labels: targets (clips, classes); frame labels, where they are taught."""

    inputs: Inputs
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
    hold: bool | None = False  # keep the clips in the device's memory; None: of a single GPU, where they fit

    @property
    def gpu(self) -> bool:
        """Whether batches have to cross over to a device that works by itself."""
        return self.device.startswith("cuda")


class Loaders(lightning.LightningDataModule):
    """Loaders of each epoch's batches: the sampler is the list of the epoch's step numbers."""

    def __init__(
        self,
        train: ClipSet,
        valid: ClipSet | None,
        options: TrainingOptions,
        *,
        rate: Fraction,
        seed: int,
        machine: Machine,
    ) -> None:
        super().__init__()
        self.train_set, self.valid_set, self.rate, self.options = train, valid, rate, options
        self.seed, self.machine = seed, machine
        self.profile = Profile() if machine.profile else None
        self.stream = _stream(train.targets, options.balance, seed)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        return self.options.updates_per_epoch(len(self.train_set.targets))

    @property
    def longest(self) -> int:
        """Longest cut of a clip, in samples or vectors."""
        return round(self.options.clip_seconds * self.rate)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the current epoch."""
        assert self.trainer is not None
        batches = self.batches(self.trainer.global_rank, self.trainer.world_size)
        first = self.trainer.current_epoch * self.steps_per_epoch
        steps = range(first, first + self.steps_per_epoch)
        return DataLoader(batches, batch_size=None, sampler=steps, **self.ahead())

    def batches(self, rank: int, world: int) -> TrainingBatches:
        """The endless stream of training batches, or the share of one of several processes."""
        return TrainingBatches(
            self.train_set.inputs,
            self.train_set.targets,
            self.stream,
            batch_size=self.options.batch_size,
            longest=self.longest,
            seed=self.seed,
            rank=rank,
            world=world,
            frames=self.train_set.frames,
            narrow=self.machine.gpu,
        )

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Every validation clip once."""
        if self.valid_set is None:
            return []
        batches = EvaluationBatches(
            *(self.valid_set.inputs, self.valid_set.targets, self.options.batch_size, 6 * self.longest),
            narrow=self.machine.gpu,
        )
        return DataLoader(batches, batch_size=None, **self.ahead())

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Note that a batch of the training is there, where that is asked for."""
        if self.profile is not None and self.trainer is not None and self.trainer.training:
            self.profile.arrived()
        return batch

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """A batch brought to the device; of pinned memory it is under way when this returns."""
        return batch.on(device)

    def ahead(self) -> dict[str, Any]:
        """How batches are made ready while the device computes: by other processes, in memory that it reads itself."""
        if self.machine.hold:
            return {"num_workers": 0, "collate_fn": _as_it_is}  # they are on the device already
        workers = self.machine.workers or (GPU_WORKERS if self.machine.gpu else 0)
        return {"num_workers": workers, "pin_memory": self.machine.gpu, "collate_fn": _as_it_is}


def _as_it_is(batch: Batch) -> Batch:
    """Batches come whole: there is nothing to put together."""
    return batch


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
    train, valid, machine = held(train, valid, machine)
    loaders = Loaders(train, valid, options, rate=network.clip_rate, seed=seed, machine=machine)
    total = loaders.steps_per_epoch * options.epochs
    module = TrainingModule(network, options, total, seed)
    last = state / "last.ckpt"
    precision = resolve_precision(machine.precision, machine.device)
    with _QuietEngine(), arithmetic_of(precision):
        watching = [] if loaders.profile is None else [loaders.profile]
        trainer = _engine(options, machine, state, [history, checkpoints, *progress, *watching])
        try:
            trainer.fit(module, loaders, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
        except OSError as error:  # of the engine's log; ours are told where they are met
            raise unwritable(state, error, GOES_ON) from error
    if loaders.profile is not None and trainer.is_global_zero:
        write_text(state / SUMMARY, "\n".join(loaders.profile.lines()) + "\n")
    trainer.strategy.barrier()
    if options.fuse is None:
        network.load_state_dict(average_weights(epoch_file(state, epoch) for epoch in options.model_epochs))
    if options.settle:
        with arithmetic_of(precision):
            _settle(module, loaders, machine, state)
    return history.rows


def held(train: ClipSet, valid: ClipSet | None, machine: Machine) -> tuple[ClipSet, ClipSet | None, Machine]:
    """The clips in the memory of the device, where the machine is to have them there; and what was decided.

    Where that is left open (`hold` None) they go into the memory of a single GPU that has plenty, unless processes that
    load data were asked for. `ConfigError` as `hold` raises it, where they must go there.
    """
    if machine.hold:
        return hold(train, machine), None if valid is None else hold(valid, machine), machine
    if machine.hold is None and machine.gpu and not machine.workers:
        try:
            there = hold(train, machine, _PLENTY), None if valid is None else hold(valid, machine, _PLENTY)
        except ConfigError:
            pass
        else:
            return *there, replace(machine, hold=True)
    return train, valid, replace(machine, hold=False)


def hold(clips: ClipSet, machine: Machine, room: float = 0.5) -> ClipSet:
    """The same clips, in the memory of the device. `ConfigError` where they are no sound, or do not fit.

    They fit into the share `room` of the memory that is free.
    """
    if machine.processes > 1:
        raise ConfigError("--cache device is for one GPU: each process would hold all clips; use --cache on")
    if not isinstance(clips.inputs, Integers):
        raise ConfigError("--cache device holds decoded sound, and these clips are embeddings; use --cache on")
    return replace(clips, inputs=HeldClips(clips.inputs, machine.device, room))


def _settle(module: TrainingModule, loaders: Loaders, machine: Machine, state: Path) -> None:
    """Give the model, or each epoch it is fused of, batch statistics of its own (`weights.py`)."""
    network, options = module.tagger.to(machine.device), module.options
    steps = range(module.total_steps, module.total_steps + options.settle)  # as if training went on

    def batches() -> Iterator[tuple[Tensor, Tensor | None]]:
        found = loaders.batches(0, 1)
        for step in steps:
            features, lengths, _ = module.augmented(found[step].on(machine.device), step)
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
        benchmark=machine.gpu,  # cuDNN tries its algorithms once: batches are of one size
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
