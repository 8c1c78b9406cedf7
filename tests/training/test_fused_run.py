from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.decisions import OperatingPoint
from earmark.errors import ConfigError, DataError
from earmark.models.directory import load_model
from earmark.models.fusion import Fusion
from earmark.reporter import Reporter
from earmark.runtime.ensemble import mean_scores
from earmark.training.loop import Machine
from earmark.training.request import FusedRequest, Request, is_finished
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
FUSE = ("training.epochs=4", "training.fuse={first: 2, every: 2}")
COARSE = "network.features={kind: logmel, rate: 8000, window: 256, hop: 256, bands: 16}"
Ask = Callable[..., Request]


def finish(request: Request) -> None:
    run_of(request).execute()


def run_of(request: Request | FusedRequest, reporter: Reporter | None = None) -> Run:
    return Run(request, MACHINE, reporter or Reporter(), recipe="tiny", command="earmark train", name="m")


def listing(folder: Path) -> dict[str, bytes]:
    """Files and their content, but for what tells the time or the directory."""
    kept = (".safetensors", ".json", ".md")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in kept}


class Stop(Reporter):
    """Interrupts a stage at its first clip."""

    def stage(self, text: str) -> Callable[[int, int], None] | None:
        def progress(done: int, of: int) -> None:
            if text == "scoring validation clips":
                raise KeyboardInterrupt

        return progress


def test_fused_epochs_make_a_directory_of_models(ask: Ask, collection: Path) -> None:
    request = ask(*FUSE)
    finish(request)
    assert sorted(path.name for path in (request.output / "members").iterdir()) == ["epoch-0002", "epoch-0004"]
    assert not (request.output / "model.safetensors").exists()
    assert [path.name for path in (request.output / "training").glob("*.*")] == ["run.json"]
    assert "- **mean of the scores of**: epoch-0002, epoch-0004" in (request.output / "README.md").read_text()
    sound = collection / "dev" / "audio" / "dev00.wav"
    whole = earmark.load(request.output)(sound).scores
    alone = [earmark.load(path)(sound).scores for path in sorted((request.output / "members").iterdir())]
    np.testing.assert_array_equal(whole.frames, mean_scores(alone).frames)
    assert "tuned for segment-f1 on 16 recordings" in OperatingPoint.load(request.output).origin


def test_the_last_fused_epoch_is_the_model_that_would_have_been(ask: Ask) -> None:
    fused, plain = ask(*FUSE, output="fused"), ask("training.epochs=4", output="plain")
    for request in (fused, plain):
        finish(request)
    last = fused.output / "members" / "epoch-0004" / "model.safetensors"
    assert last.read_bytes() == (plain.output / "model.safetensors").read_bytes()


def test_stopped_after_training_it_fuses_the_same_epochs(ask: Ask) -> None:
    whole, torn = ask(*FUSE, output="whole"), ask(*FUSE, output="torn")
    finish(whole)
    with pytest.raises(KeyboardInterrupt):
        Run(torn, MACHINE, Stop()).train()
    assert not is_finished(torn.output)
    finish(torn)
    assert listing(torn.output) == listing(whole.output)


@pytest.fixture
def systems(ask: Ask, tmp_path: Path) -> Callable[..., FusedRequest]:
    def make(output: str = "fused", *changes: str, validate: bool = True) -> FusedRequest:
        where = f"{output}/members"
        fine = ask(*changes, output=f"{where}/fine", validate=validate)
        coarse = ask(COARSE, *changes, output=f"{where}/coarse", validate=validate)
        return FusedRequest({"fine": fine, "coarse": coarse}, tmp_path / output, "name: both\n")

    return make


def run(request: FusedRequest, reporter: Reporter | None = None) -> list[str]:
    """Train what is to be trained, and save; names of the members that were."""
    before = [name for name, member in request.members.items() if is_finished(member.output)]
    run_of(request, reporter).execute()
    return [name for name, member in request.members.items() if is_finished(member.output) and name not in before]


def test_systems_are_trained_one_by_one_and_fused(systems: Callable[..., FusedRequest], collection: Path) -> None:
    request = systems()
    assert run(request) == ["fine", "coarse"]
    model = load_model(request.output)
    assert isinstance(model, Fusion)
    assert model.names == ("fine", "coarse")
    assert model.clock == model.members[0].clock  # the finer
    assert (request.output / "recipe.yaml").read_text() == "name: both\n"
    card = (request.output / "README.md").read_text()
    assert "- **mean of the scores of**: fine, coarse" in card
    assert "- **validation clips**: 16" in card
    assert earmark.load(request.output)(collection / "dev" / "audio" / "dev00.wav").scores.clock == model.clock


def test_stopped_anywhere_members_that_are_done_are_left_alone(systems: Callable[..., FusedRequest]) -> None:
    whole, torn = systems("whole"), systems("torn")
    run(whole)

    torn.claim()
    run_of(torn)._member("fine").execute()
    begun = (torn.members["fine"].output / "model.safetensors").stat().st_mtime_ns
    assert is_finished(torn.members["fine"].output)
    with pytest.raises(KeyboardInterrupt):
        run(torn, Stop())  # the second member is trained, and not tuned
    assert not is_finished(torn.members["coarse"].output)
    run_of(torn)._member("coarse").execute()
    with pytest.raises(KeyboardInterrupt):
        run(torn, Stop())  # both members are done, the fusion's tuning is not
    assert not is_finished(torn.output)
    assert run(torn) == []
    assert (torn.members["fine"].output / "model.safetensors").stat().st_mtime_ns == begun
    assert listing(torn.output).keys() == listing(whole.output).keys()
    same = ("model.safetensors", "operating_point.json", "README.md")
    here, there = listing(torn.output), listing(whole.output)
    assert [name for name in here if name.endswith(same) and here[name] != there[name]] == []


def test_another_run_in_the_directory_is_refused_by_what_differs(
    systems: Callable[..., FusedRequest], ask: Ask
) -> None:
    systems().claim()
    with pytest.raises(ConfigError, match=r"with a different members\.fine\.training\.epochs"):
        systems("fused", "training.epochs=3").check()
    with pytest.raises(ConfigError, match="with a different network"):
        ask(output="fused").check()


@pytest.mark.parametrize(("named", "expected"), [("xu2018", "xu2018"), ("tuned", "tuned")])
def test_members_that_agree_decide_how_the_fusion_does(
    systems: Callable[..., FusedRequest], named: str, expected: str
) -> None:
    assert systems("fused", f"training.operating_point={named}").operating_point == expected


def test_without_validation_clips_all_is_at_a_half(systems: Callable[..., FusedRequest]) -> None:
    request = systems(validate=False)
    run(request)
    assert OperatingPoint.load(request.output).of("beep").tag_threshold == 0.5


def test_unusable_data_leaves_no_directory(
    systems: Callable[..., FusedRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = systems()

    def fail(*_: object) -> None:
        raise DataError("nothing can be used")

    monkeypatch.setattr("earmark.training.run.prepare", fail)
    with pytest.raises(DataError):
        run(request)
    assert not request.output.exists()
