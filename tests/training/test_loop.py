import csv
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from earmark.data.records import Clip
from earmark.errors import ConfigError
from earmark.models.network import Network
from earmark.training.callbacks import Row
from earmark.training.loop import ClipSet, Machine, fit, held
from earmark.training.module import Validation
from earmark.training.options import TrainingOptions
from earmark.training.weights import average_weights

Make = Callable[..., Network]
EVERYTHING = TrainingOptions(
    **{"epochs": 4, "steps_per_epoch": 3, "batch_size": 8, "average_last": 2, "warmup_steps": 2, "clip_seconds": 0.9},
    augment={"mixup": 0.5, "overlay": 0.5, "gain_db": 6, "time_shift": True, "spec_augment": {"time_width": 4}},
)


class PowerCutError(Exception):
    """What stops a run in these tests."""


class Cut(lightning.Callback):
    """Stops the run at some point."""

    def __init__(self, where: str) -> None:
        self.where = where

    def on_train_batch_end(self, trainer: lightning.Trainer, *rest: object) -> None:
        if self.where == "in the middle of epoch 3" and trainer.global_step == 7:
            raise PowerCutError

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if self.where == "right after epoch 2" and trainer.current_epoch == 1:
            raise PowerCutError


def run(
    tagger: Network,
    sounds: Callable,
    folder: Path,
    cut: str = "",
    options: TrainingOptions = EVERYTHING,
    workers: int = 0,
) -> list[Row]:
    train, valid = sounds(24, seed=0), sounds(10, seed=1)
    clips = [Clip(Path("x"), "x", tuple(np.array(["tone", "burst"])[row])) for row in valid.targets]
    validation = Validation(clips, tagger.labels, tagger.clock)
    times = 0

    def validate(module: lightning.LightningModule) -> dict[str, float]:
        nonlocal times
        times += 1
        if cut == "before the first checkpoint" or (cut == "while epoch 3 is validated" and times == 3):
            raise PowerCutError
        return validation(module)

    return fit(
        *(tagger, ClipSet(train, train.targets), ClipSet(valid, valid.targets), options, folder),
        **{"seed": 5, "machine": Machine(precision="float32", workers=workers)},
        **{"validate": validate, "progress": [Cut(cut)]},
    )


def without_seconds(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture
def undisturbed(untrained: Make, sounds: Callable, tmp_path: Path) -> tuple[Network, list[Row], Path]:
    tagger = untrained(dropout=0.3)
    return tagger, run(tagger, sounds, tmp_path / "undisturbed"), tmp_path / "undisturbed"


@pytest.mark.parametrize(
    "cut",
    ["before the first checkpoint", "right after epoch 2", "in the middle of epoch 3", "while epoch 3 is validated"],
)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    undisturbed: tuple[Network, list[Row], Path], untrained: Make, sounds: Callable, folder: Path, cut: str
) -> None:
    expected, rows, other = undisturbed
    with pytest.raises(PowerCutError):
        run(untrained(dropout=0.3), sounds, folder, cut)
    torch.manual_seed(123), np.random.seed(123)  # what a new process would begin with matters to nothing
    tagger = untrained(dropout=0.3)
    found = run(tagger, sounds, folder)
    assert without_seconds(found) == without_seconds(rows)
    torch.testing.assert_close(tagger.state_dict(), expected.state_dict(), atol=0, rtol=0)
    logs = [list(csv.DictReader((place / "log.csv").read_text().splitlines())) for place in (folder, other)]
    assert without_seconds(logs[0]) == without_seconds(logs[1])


def test_a_finished_run_is_not_run_again(
    undisturbed: tuple[Network, list[Row], Path], untrained: Make, sounds: Callable
) -> None:
    expected, rows, folder = undisturbed
    tagger = untrained(dropout=0.3)
    assert run(tagger, sounds, folder) == rows
    torch.testing.assert_close(tagger.state_dict(), expected.state_dict(), atol=0, rtol=0)


def test_the_weights_are_the_average_of_the_last_epochs(undisturbed: tuple[Network, list[Row], Path]) -> None:
    tagger, rows, folder = undisturbed
    kept = sorted((folder / "training").glob("epoch-*.safetensors"))
    assert [path.name for path in kept] == ["epoch-0003.safetensors", "epoch-0004.safetensors"]
    torch.testing.assert_close(dict(tagger.state_dict()), average_weights(kept), atol=0, rtol=0)
    assert not torch.equal(average_weights(kept[:1])["pooling.classify.weight"], tagger.pooling.classify.weight)
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_loading_processes_make_no_difference(
    undisturbed: tuple[Network, list[Row], Path], untrained: Make, sounds: Callable, folder: Path
) -> None:
    tagger = untrained(dropout=0.3)
    run(tagger, sounds, folder, workers=1)
    torch.testing.assert_close(tagger.state_dict(), undisturbed[0].state_dict(), atol=0, rtol=0)


def test_without_validation_there_is_still_a_log(untrained: Make, sounds: Callable, folder: Path) -> None:
    train = sounds()
    options = TrainingOptions(epochs=1, batch_size=8, gradient_clip=1.0)
    machine = Machine(precision="float32")
    rows = fit(untrained(), ClipSet(train, train.targets), None, options, folder, seed=0, machine=machine)
    assert [set(row) for row in rows] == [{"epoch", "step", "seconds", "learning_rate", "train_loss"}]
    assert rows[0]["step"] == 3  # one pass over 24 clips


@torch.no_grad()
def test_planted_sounds_are_learned_and_found_where_they_are(untrained: Make, sounds: Callable, folder: Path) -> None:
    """A tone and bursts of noise, told apart and placed, from clip tags alone."""
    train, tagger = sounds(96, seed=2), untrained()
    options = TrainingOptions(epochs=4, steps_per_epoch=40, batch_size=16, learning_rate=0.01, warmup_steps=5)
    with torch.enable_grad():
        rows = fit(
            *(tagger, ClipSet(train, train.targets), None, options, folder),
            **{"seed": 0, "machine": Machine(precision="float32")},
        )
    assert rows[-1]["train_loss"] < 0.5 * rows[0]["train_loss"]
    test = sounds(60, seed=3)
    tagger.eval()
    pooled = [tagger(torch.from_numpy(clip)[None]) for clip in test.clips]
    ap = average_precision_score(test.targets, np.stack([p.clip[0].numpy() for p in pooled]), average="macro")
    assert ap > 0.9
    peaks = [pooled[n].frames[0, :, k].argmax() / 25 - test.spans[n] for n, k in np.argwhere(test.targets)]
    assert np.mean([-0.1 <= peak <= 0.4 for peak in peaks]) > 0.9  # a sound lasts 0.3 s


def test_clips_stay_where_they_are_unless_a_gpu_has_room(sounds: Callable) -> None:
    train = ClipSet(sounds(), sounds().targets)
    for machine in (Machine(hold=None), Machine(hold=False), Machine("cuda", hold=None, workers=2)):
        found, valid, decided = held(train, None, machine)
        assert found is train
        assert valid is None
        assert decided.hold is False
    found, _, decided = held(train, None, Machine("cuda", hold=None))  # no sound of 16 bits: not asked of the GPU
    assert found is train
    assert decided.hold is False
    with pytest.raises(ConfigError, match="embeddings"):
        held(train, None, Machine(hold=True))
