"""Progress of a training: a bar with the loss and the time left on a terminal, a line an epoch in any case."""

from __future__ import annotations

import sys
import time
from typing import Any

import lightning
from rich.progress import TaskID
from typing_extensions import override

from earmark.cli.console import BarReporter, Terminal, minutes, progress_bar
from earmark.training.callbacks import History

_PAUSE = 0.5  # seconds between two losses: reading one waits for the GPU
_SHOWN = {"train_loss": "loss", "valid_map": "valid mAP", "valid_segment_f1": "valid segment F1"}


class TrainingProgress(lightning.Callback):
    """Follows a training on the terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.bar = progress_bar(terminal.err) if sys.stderr.isatty() and not terminal.quiet else None
        self.task: TaskID | None = None
        self.began, self.first_step = 0.0, 0
        self.printed, self.title, self.stage = 0.0, "training", ""

    @override
    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the bar where the run starts."""
        total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
        self.stage = self._history(trainer).stage.name
        self.title = self._named("training")
        self.began, self.first_step = time.monotonic(), trainer.global_step
        if trainer.global_step:
            self.terminal.say(self._named(f"continuing from update {trainer.global_step} of {total}"))
        if self.bar is not None:
            self.bar.start()
            if self.task is not None:  # of the stage before
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(self.title, total=total, completed=trainer.global_step)

    @override
    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Move the bar."""
        if self.bar is None or self.task is None:
            return
        if time.monotonic() - self.printed > _PAUSE:
            self.printed = time.monotonic()
            self.title = self._named(f"training, loss {float(outputs['loss']):.3f}")
        self.bar.update(self.task, completed=trainer.global_step, description=self.title)

    @override
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """One line an epoch."""
        row, epoch = self._history(trainer).rows[-1], trainer.current_epoch + 1
        left = (trainer.max_epochs or 0) - trainer.current_epoch - 1
        pace = (time.monotonic() - self.began) / max(1, trainer.global_step - self.first_step)
        seconds = pace * left * float(trainer.num_training_batches)
        figures = [f"{name} {row[key]:.3f}" for key, name in _SHOWN.items() if key in row]
        name = f"{self.stage} epoch" if self.stage else "epoch"
        self.terminal.say(f"{name} {epoch}/{trainer.max_epochs}  {'  '.join(figures)}  {minutes(seconds)} left")

    def _named(self, text: str) -> str:
        """A text that names which of several trainings it belongs to."""
        return f"{self.stage}: {text}" if self.stage else text

    @staticmethod
    def _history(trainer: lightning.Trainer) -> History:
        found: list[lightning.Callback] = vars(trainer)["callbacks"]
        return next(callback for callback in found if isinstance(callback, History))

    @override
    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Stop the bar where the run stops."""
        self.stop()

    def stop(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.stop()


class TrainingReporter(BarReporter):
    """Stages as bars, the training as a separate bar."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._training = TrainingProgress(terminal)

    @override
    def __exit__(self, *error: object) -> None:
        self._training.stop()
        super().__exit__(*error)

    @override
    def callbacks(self) -> list[lightning.Callback]:
        """The bar of the training."""
        return [self._training]
