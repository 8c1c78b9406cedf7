"""Where the time of a training goes: waiting for batches, bringing them to the device, updates; how busy a GPU is.

    waiting     the host asks for the next batch until it has it: reading, decoding, putting together
    transfer    the batch on its way to the device; of pinned memory the host only starts it
    updates     the host works on a step: of a GPU it fills the queue, on a CPU it computes
    device      kernels running on a GPU, of `SAMPLED` steps, as a share of the time that these took

A GPU that is less busy than 90 % waits for the host: more workers, `--cache on` or `--cache device`, larger batches.
"""

from __future__ import annotations

import time
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

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
        said = {"waiting": "waiting for batches", "transfer": "transfer to the device", "updates": "updates"}
        found = [
            f"{said[name]}: {spent:.1f} s ({spent / total:.0%}), {1000 * spent / self.steps:.1f} ms a step"
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
