import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from earmark.decisions import OperatingPoint, named_point
from earmark.errors import ConfigError
from earmark.models.network import Network
from earmark.recipes import load_recipe
from earmark.reporter import Reporter
from earmark.training.loop import Machine
from earmark.training.request import Request, is_finished
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
Ask = Callable[..., Request]


def weights(request: Request) -> bytes:
    return (request.output / "model.safetensors").read_bytes()


def finish(request: Request, reporter: Reporter | None = None, machine: Machine = MACHINE) -> None:
    run = Run(request, machine, reporter or Reporter(), recipe="tiny", command="earmark train", name="m")
    trained = run.train()
    run.save(trained)


class Stop(Reporter):
    """Interrupts a stage after a number of clips."""

    def __init__(self, stage: str, after: int) -> None:
        self.where, self.after = stage, after

    def stage(self, text: str) -> Callable[[int, int], None] | None:
        def progress(done: int, of: int) -> None:
            if text == self.where and done == self.after:
                raise KeyboardInterrupt

        return progress


def test_the_model_is_complete_only_when_everything_is_there(ask: Ask) -> None:
    request = ask()
    trained = Run(request, MACHINE).train()
    assert not is_finished(request.output)
    assert (request.output / "recipe.yaml").read_text() == request.recipe
    Run(request, MACHINE).save(trained)
    assert is_finished(request.output)
    assert not (request.output / "cache").exists()
    assert [path.name for path in (request.output / "training").glob("*.*")] == ["run.json"]
    assert Network.from_pretrained(request.output).labels == request.train.labels
    assert OperatingPoint.load(request.output) == trained.point
    assert trained.clips == (32, 16)
    assert trained.evaluation is not None
    assert len(trained.history) == 2


@pytest.mark.parametrize(
    ("stage", "after"), [("decoding (train)", 5), ("decoding (valid)", 1), ("per-band scaling", 3)]
)
def test_stopped_before_any_checkpoint_it_goes_on_too(ask: Ask, stage: str, after: int) -> None:
    whole, torn = ask(output="whole"), ask(output="torn")
    finish(whole)
    with pytest.raises(KeyboardInterrupt):
        Run(torn, MACHINE, Stop(stage, after)).train()
    assert not is_finished(torn.output)
    half = torn.output / "cache" / "train" / ".clips-x.pack.y.tmp"  # what a kill leaves in the middle of a file
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"\0" * 100)
    finish(torn)
    assert weights(torn) == weights(whole)


def test_stopped_between_training_and_saving_it_does_not_train_again(ask: Ask) -> None:
    whole, torn = ask(output="whole"), ask(output="torn")
    finish(whole)
    Run(torn, MACHINE).train()
    checkpoint = torn.output / "training" / "last.ckpt"
    before = checkpoint.stat().st_mtime_ns
    with pytest.raises(KeyboardInterrupt):
        Run(torn, MACHINE, Stop("scoring validation clips", 3)).train()
    trained = Run(torn, MACHINE).train()
    assert checkpoint.stat().st_mtime_ns == before
    Run(torn, MACHINE).save(trained)
    assert weights(torn) == weights(whole)
    assert [row["epoch"] for row in trained.history] == [1, 2]


def test_seeds_differ_and_equal_seeds_do_not(ask: Ask) -> None:
    requests = [ask(output=name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    for request in requests:
        finish(request)
    assert weights(requests[0]) == weights(requests[1]) != weights(requests[2])


def test_a_run_keeps_the_arithmetic_it_began_in(ask: Ask) -> None:
    request = ask()
    assert request.precision("bf16", "cpu") == "bf16"
    request.claim("bf16")
    assert request.precision("auto", "cpu") == "bf16"  # whatever a second measurement would say
    with pytest.raises(ConfigError, match=r"with a different precision \(bf16\)"):
        request.precision("float32", "cpu")


def test_without_validation_there_is_no_evaluation(ask: Ask) -> None:
    trained = Run(ask(validate=False), MACHINE).train()
    assert (trained.evaluation, trained.tuning, trained.clips[1]) == (None, None, 0)
    assert trained.point == named_point("default", trained.model.labels)
    assert "valid_map" not in trained.history[0]


def test_the_log_holds_a_row_an_epoch(ask: Ask) -> None:
    request = ask("training.steps_per_epoch=3")
    finish(request)
    with (request.output / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "3"), ("2", "6")]
    assert {"seconds", "learning_rate", "train_loss", "valid_loss", "valid_map", "valid_segment_f1"} <= set(rows[0])
    asked = json.loads((request.output / "training" / "run.json").read_text())
    assert {key: asked[key] for key in request.asked()} == request.asked()


def test_weights_of_the_last_epochs_are_kept_where_asked_for(ask: Ask) -> None:
    request = ask("training.keep_epochs=true", "training.average_last=2")
    finish(request)
    kept = sorted(path.name for path in (request.output / "training").glob("*.safetensors"))
    assert kept == ["epoch-0001.safetensors", "epoch-0002.safetensors"]


def test_clips_held_on_the_device_train_the_very_same_model(ask: Ask) -> None:
    plain, held = ask(output="plain", cache="on"), ask(output="held", cache="device")
    finish(plain)
    finish(held, machine=replace(MACHINE, hold=True, profile=True))
    assert weights(held) == weights(plain)
    lines = (held.output / "training" / "profile.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["waiting for batches", "transfer to the device", "updates"]
    assert sum(int(line.partition("(")[2].partition("%")[0]) for line in lines) in range(98, 103)


def test_a_training_that_diverges_stops_in_one_line_and_keeps_the_last_good_checkpoint(ask: Ask) -> None:
    from earmark.errors import DivergedError

    request = ask("training.learning_rate=1.0e+30", "training.epochs=3", "training.warmup_steps=0")
    with pytest.raises(DivergedError, match="training diverged in epoch 1") as caught:
        Run(request, MACHINE).train()
    assert "\n" not in str(caught.value)
    assert not is_finished(request.output)
    assert not (request.output / "training" / "last.ckpt").exists()


@pytest.mark.parametrize("rate", [".inf", ".nan"])
def test_a_learning_rate_that_is_not_finite_is_refused(recipe: Path, rate: str) -> None:
    with pytest.raises(ConfigError, match="learning_rate"):
        load_recipe(str(recipe), [f"training.learning_rate={rate}"])


@pytest.mark.parametrize("loader", [1, 2, 3])
def test_ctrl_c_stays_ctrl_c_where_the_engine_stumbles_over_a_loader_not_begun(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, loader: int
) -> None:
    begun = 0

    def interrupted(self: DataLoader) -> object:
        nonlocal begun
        begun += 1
        if begun == loader:
            raise KeyboardInterrupt
        return begin(self)

    begin = DataLoader._get_iterator
    monkeypatch.setattr(DataLoader, "_get_iterator", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Run(ask("training.epochs=3"), MACHINE).train()
    assert begun == loader


def test_an_error_is_no_ctrl_c(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: DataLoader) -> object:
        raise RuntimeError("broken")

    monkeypatch.setattr(DataLoader, "_get_iterator", broken)
    with pytest.raises(RuntimeError, match="broken"):
        Run(ask("training.epochs=3"), MACHINE).train()
