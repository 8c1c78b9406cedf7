"""Where the time of a training goes, counted by the hooks in the order in which the engine calls them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from earmark.training import profile
from earmark.training.profile import Profile


def test_seconds_are_counted_by_what_they_went_into(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 3.0, 3.5, 9.5, 10.5, 11.0, 19.0])
    monkeypatch.setattr(profile.time, "perf_counter", lambda: next(clock))
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
