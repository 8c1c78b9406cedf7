import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from earmark.training import callbacks
from earmark.training.callbacks import Profile, rows_to_csv


def test_a_log_reads_back_as_it_was_written() -> None:
    rows = [
        {"epoch": 1, "step": 1_234_567, "seconds": 1.5, "train_loss": 0.123456789},
        {"epoch": 2, "step": 2_469_134, "seconds": 98_765.4, "train_loss": 1e-9, "valid_map": 0.5},
    ]
    read = list(csv.DictReader(io.StringIO(rows_to_csv(rows))))
    assert [int(row["step"]) for row in read] == [1_234_567, 2_469_134]  # to the last digit
    assert [float(row["train_loss"]) for row in read] == [0.123457, 1e-9]
    assert read[0]["valid_map"] == ""
    assert float(read[1]["valid_map"]) == 0.5
    assert list(read[0]) == ["epoch", "step", "seconds", "train_loss", "valid_map"]


def test_lines_end_alike_on_every_system() -> None:
    assert rows_to_csv([{"epoch": 1, "train_loss": 0.5}]) == "epoch,train_loss\n1,0.5\n"


def test_seconds_are_counted_by_what_they_went_into(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 3.0, 3.5, 9.5, 10.5, 11.0, 19.0])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    module: Any = SimpleNamespace(device=torch.device("cpu"))
    watched, trainer = Profile(), Any
    watched.on_train_epoch_start(trainer, module)  # type: ignore[arg-type]
    for _ in range(2):
        watched.arrived()
        watched.on_train_batch_start(trainer, module, None, 0)  # type: ignore[arg-type]
        watched.on_train_batch_end(trainer, module, None, None, 0)  # type: ignore[arg-type]
    assert watched.seconds == {"waiting": 4.0, "transfer": 1.0, "updates": 14.0}
    assert watched.lines() == [
        "waiting for batches: 4.0 s (21%), 2000.0 ms a step",
        "transfer to the device: 1.0 s (5%), 500.0 ms a step",
        "updates: 14.0 s (74%), 7000.0 ms a step",
    ]
    watched.device_busy = 0.25
    assert watched.lines()[-1] == "device busy: 25% of 20 steps"


def test_a_run_without_an_update_says_so() -> None:
    assert Profile().lines() == ["no update was made, so there is nothing to profile"]
