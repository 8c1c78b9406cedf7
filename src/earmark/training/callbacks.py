"""What happens beside the updates: after each epoch a row in the log, its weights, a checkpoint; a profile of the time.

The log's rows travel inside the checkpoint, so log.csv after a resume is the log of one undisturbed run. The checkpoint
is written aside and renamed: a power cut leaves the last one whole.

A profile counts where the time goes:

    waiting     the host asks for the next batch until it has it: reading, decoding, putting together
    transfer    the batch on its way to the device; of pinned memory the host only starts it
    updates     the host works on a step: of a GPU it fills the queue, on a CPU it computes
    device      kernels running on a GPU, of `SAMPLED` steps, as a share of the time that these took

A GPU that is less busy than 90 % waits for the host: more workers, `--cache on` or `--cache device`, larger batches.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from earmark.errors import GOES_ON, DivergedError, unwritable
from earmark.files import write_text
from earmark.training.module import TrainingModule
from earmark.training.request import ASIDE
from earmark.training.weights import save_epoch

Row = dict[str, float | int]
Validate = Callable[[TrainingModule], dict[str, float]]


@dataclass(frozen=True)
class Stage:
    """One of the trainings that a model takes: by default the only one."""

    name: str = ""  # "teacher"
    number: int = 0  # in the log's column `stage`, from 1; 0: no such column
    state: Path = Path("training")  # folder of its checkpoints, within the model's
    before: tuple[Row, ...] = ()  # the log of the stages before, which goes on


class History(lightning.Callback):
    """One row an epoch: losses, validation figures, seconds; kept in the checkpoint and written to `path` as CSV.

    Epochs, steps and seconds are counted on from the stages before.
    """

    def __init__(self, path: Path, validate: Validate | None, stage: Stage | None = None) -> None:
        self.path, self.validate, self.stage = path, validate, stage or Stage()
        self.rows: list[Row] = list(self.stage.before)
        self._steps_before = int(self.rows[-1]["step"]) if self.rows else 0
        self._began = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """The rows so far, for the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Add this epoch's row."""
        assert isinstance(pl_module, TrainingModule)
        check_finite(pl_module, len(self.rows) + 1)
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        row: Row = {
            "epoch": len(self.rows) + 1,
            **({"stage": self.stage.number} if self.stage.number else {}),
            "step": self._steps_before + trainer.global_step,
            "seconds": round(float(before) + time.monotonic() - self._began, 1),
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "train_loss": float(torch.stack(pl_module.losses).mean()),
        }
        self._began = time.monotonic()
        if self.validate is not None:
            row |= self.validate(pl_module)
        self.rows.append(row)
        if trainer.is_global_zero:
            write_text(self.path, rows_to_csv(self.rows))
            for logger in trainer.loggers:
                figures = {name: value for name, value in row.items() if name not in ("epoch", "stage", "step")}
                logger.log_metrics(figures, step=int(row["step"]))


class Checkpoints(lightning.Callback):
    """After each epoch the whole state of the run, in `last.ckpt`; the weights of the epochs in `kept` (from 1)."""

    def __init__(self, folder: Path, kept: Container[int]) -> None:
        self.folder, self.kept = folder, kept

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write both, the checkpoint last."""
        assert isinstance(pl_module, TrainingModule)
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero and epoch in self.kept:
            save_epoch(self.folder, epoch, pl_module.tagger.state_dict())
        last, aside = self.folder / "last.ckpt", self.folder / ASIDE
        try:
            trainer.save_checkpoint(aside)  # every process takes part, the first one writes
            if trainer.is_global_zero:
                with open(aside, "rb+") as file:
                    os.fsync(file.fileno())
                os.replace(aside, last)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise unwritable(last, error, GOES_ON) from error


def check_finite(module: TrainingModule, epoch: int) -> None:
    """`DivergedError` where the loss of an epoch (from 1) or the weights after it are not finite.

    It comes before the epoch's checkpoint is written, so that the last good one stays.
    """
    numbers = [torch.stack(module.losses), *module.tagger.state_dict().values()]
    if not all(bool(torch.isfinite(each).all()) for each in numbers if each.is_floating_point()):
        kept = f"the checkpoint after epoch {epoch - 1} is kept" if epoch > 1 else "nothing is kept"
        raise DivergedError(
            f"training diverged in epoch {epoch}: the loss or the weights are not finite numbers; {kept}; "
            "try a lower training.learning_rate, and look for damaged clips with 'earmark doctor'"
        )


def rows_to_csv(rows: list[Row]) -> str:
    """CSV text of the rows; numbers with as many digits as say something."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: str(value) if isinstance(value, int) else f"{value:.6g}" for k, value in row.items()})
    return text.getvalue()


SAMPLED = 20  # steps whose kernels are timed on a GPU
_SKIPPED = 5  # steps before: memory is taken and algorithms are chosen


class Profile(Callback):
    """Counts the seconds of a training's steps by what they went into."""

    def __init__(self) -> None:
        self.seconds = {"waiting": 0.0, "transfer": 0.0, "updates": 0.0}
        self.steps = 0
        self.device_busy: float | None = None  # share of the sampled steps' time; None: no GPU, or too few steps
        self._since = 0.0
        self._kernels: Any = None
        self._sampled_from = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """The wait for the first batch begins."""
        self._since = time.perf_counter()

    def arrived(self) -> None:
        """A batch is there, and its transfer begins (the module's hook calls this)."""
        self._count("waiting")

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """The batch is on the device."""
        self._count("transfer")
        if pl_module.device.type == "cuda" and self.steps == _SKIPPED and self._kernels is None:
            self._sample(pl_module.device)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """An update is done, or in the device's queue."""
        self._count("updates")
        self.steps += 1
        if self._kernels is not None and self.device_busy is None and self.steps == _SKIPPED + SAMPLED:
            self._evaluate(pl_module.device)

    def lines(self) -> list[str]:
        """For people: a line for each part, with its share."""
        total = sum(self.seconds.values())
        if not self.steps or not total:
            return ["no update was made, so there is nothing to profile"]
        titles = {"waiting": "waiting for batches", "transfer": "transfer to the device", "updates": "updates"}
        found = [
            f"{titles[name]}: {spent:.1f} s ({spent / total:.0%}), {1000 * spent / self.steps:.1f} ms a step"
            for name, spent in self.seconds.items()
        ]
        if self.device_busy is not None:
            found.append(f"device busy: {self.device_busy:.0%} of {SAMPLED} steps")
        return found

    def _count(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] += now - self._since
        self._since = now

    def _sample(self, device: torch.device) -> None:
        torch.cuda.synchronize(device)
        self._kernels = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
        self._kernels.start()
        self._sampled_from = time.perf_counter()

    def _evaluate(self, device: torch.device) -> None:
        torch.cuda.synchronize(device)
        passed = time.perf_counter() - self._sampled_from
        self._kernels.stop()
        busy = sum(event.self_device_time_total for event in self._kernels.key_averages())  # microseconds
        self.device_busy = min(1.0, busy / 1e6 / passed)
