import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.data.records import Problem
from earmark.decisions import OperatingPoint, named_point
from earmark.errors import ConfigError, DataError, OutputError
from earmark.models.network import Network
from earmark.recipes import load_recipe
from earmark.reporter import Reporter
from earmark.training.card import write_card
from earmark.training.loop import Machine
from earmark.training.preparing import prepare
from earmark.training.request import Request, clear, is_finished
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
Ask = Callable[..., Request]


@pytest.fixture
def ask(collection: Path, recipe: Path, tmp_path: Path) -> Ask:
    def call(*changes: str, output: str = "m", seed: int = 0, validate: bool = True, **more: object) -> Request:
        chosen = load_recipe(str(recipe), ["training.epochs=2", *changes])
        train = read_manifest(collection / "train")
        valid = read_manifest(collection / "dev", labels=train.labels) if validate else None
        return Request(
            train=train,
            valid=valid,
            network=chosen.network,
            training=chosen.training,
            output=tmp_path / output,
            seed=seed,
            recipe=chosen.to_yaml(),
            **more,
        )

    return call


def weights(request: Request) -> bytes:
    return (request.output / "model.safetensors").read_bytes()


def finish(request: Request, reporter: Reporter | None = None) -> None:
    run = Run(request, MACHINE, reporter or Reporter(), recipe="tiny", command="earmark train", name="m")
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


def test_a_request_knows_its_own_directory_and_no_other(ask: Ask) -> None:
    request = ask()
    request.check()
    assert request.difference() == ""
    assert request.claim("float32") is True
    assert request.claim("float32") is False
    request.check()
    for other, named in (
        (ask(seed=1), "seed"),
        (ask("training.learning_rate=0.5"), "training.learning_rate"),
        (ask("network.features.hop=160"), "network.features.hop"),
        (ask(validate=False), "validation clips"),
    ):
        assert other.difference() == named
        with pytest.raises(
            ConfigError, match=f"already contains a training run with a different {named}; choose another"
        ):
            other.check()
    ask(output="elsewhere", seed=1).check()


def test_a_changed_collection_is_another(ask: Ask, collection: Path, tmp_path: Path) -> None:
    shutil.copytree(collection / "train", tmp_path / "data")
    request = ask()
    request.claim("float32")
    table = tmp_path / "data" / "weak.tsv"
    table.write_text(table.read_text().replace("beep", "horn,beep"))
    changed = Request(**{**vars(request), "train": read_manifest(table)})
    assert changed.difference() == "training clips"


def test_a_run_keeps_the_arithmetic_it_began_in(ask: Ask) -> None:
    request = ask()
    assert request.precision("bf16", "cpu") == "bf16"
    request.claim("bf16")
    assert request.precision("auto", "cpu") == "bf16"  # whatever a second measurement would say
    with pytest.raises(ConfigError, match=r"with a different precision \(bf16\)"):
        request.precision("float32", "cpu")


def test_directories_that_are_taken_are_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    ask().check()
    (tmp_path / "m" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"m is not empty and contains no training run; choose a new directory"):
        Run(ask(), MACHINE).train()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file is a file; expected a directory for the model"):
        ask(output="file").check()


def test_clearing_takes_what_a_training_wrote_and_nothing_else(ask: Ask, tmp_path: Path) -> None:
    finish(ask())
    (tmp_path / "m" / "notes.txt").write_text("")
    clear(tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["notes.txt"]
    (tmp_path / "m" / "training").mkdir()
    (tmp_path / "m" / "README.md").write_text("mine")
    clear(tmp_path / "m")  # holds neither a model nor a run
    assert len(list((tmp_path / "m").iterdir())) == 3
    clear(tmp_path / "nowhere")


def broken(request: Request, *names: str) -> Request:
    """The same request, these training clips being text."""
    folder = request.output.parent / "data"
    shutil.copytree(request.train.source, folder)
    for name in names:
        (folder / "audio" / name).write_text("no sound " * 9)
    return Request(**{**vars(request), "train": read_manifest(folder)})


@pytest.mark.parametrize("cache", ["on", "off"])
def test_broken_clips_are_left_out_and_named(ask: Ask, cache: str) -> None:
    request = broken(ask(cache=cache), "train00.wav", "train09.wav")
    elsewhere = Request(**{**vars(request), "output": request.output.parent / "elsewhere"})
    prepared = prepare(elsewhere, lambda text: None)
    assert [(p.kind, p.where) for p in prepared.problems] == [("unreadable", f"train{n}.wav") for n in ("00", "09")]
    assert len(prepared.train) == 30
    assert "train09.wav" not in [clip.name for clip in prepared.train.clips]
    assert (elsewhere.output / "cache").exists() == (cache == "on")
    index = [clip.name for clip in prepared.train.clips].index("train10.wav")
    assert prepared.train.samples(index) == len(prepared.train.read(index)) == 32_000
    trained = Run(request, MACHINE).train()
    assert trained.clips == (30, 16)
    assert trained.problems == prepared.problems


def test_a_label_without_clips_is_left_out_everywhere(ask: Ask) -> None:
    request = ask()
    manifest = request.train
    clips = [clip for clip in manifest.clips if "hum" not in clip.labels]
    lacking = Request(**{**vars(request), "train": manifest.with_clips(clips)})
    trained = Run(lacking, MACHINE).train()
    assert trained.model.labels.names == trained.point.labels == ("beep", "horn", "whistle")
    message = "no usable clip has this label; the label is left out"
    assert trained.problems == (Problem("label", "hum", message),)
    card = write_card(lacking, trained, name="m", recipe="tiny", command="")
    assert "hum" not in card
    assert "**left out**: 1 clips or labels" in card


def test_nothing_usable_leaves_nothing_behind(ask: Ask) -> None:
    names = [f"train{n:02d}.wav" for n in range(32)]
    request = broken(ask(), *names)
    with pytest.raises(DataError, match=r"none of the 32 clips can be read; the first: .*train00.wav: cannot be read"):
        Run(request, MACHINE).train()
    assert not request.output.exists()


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
