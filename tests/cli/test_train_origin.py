"""What `earmark train` begins with: asked for, or chosen by the data."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml

from earmark.training import origin

QUICK = ("--steps", 2, "--precision", "float32", "--device", "cpu")
HEAD = ("--set", "training.head={updates: 5}")


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    """One model is at hand, and tells the labels apart better than its features do."""
    monkeypatch.setattr("earmark.hub.at_hand", lambda: [("old", trained)])
    monkeypatch.setattr(origin, "_separability", lambda *_: origin.Separability(0.9, 0.5, True))


def recipe(folder: Path) -> str:
    name: str = yaml.safe_load((folder / "recipe.yaml").read_text())["name"]
    return name


@pytest.mark.usefixtures("at_hand")
def test_few_clips_begin_with_the_model_at_hand_and_both_terminal_and_card_say_so(
    earmark: Callable, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", *QUICK, *HEAD)
    assert ran.code == 0
    assert "beginning with old: it separates the labels of" in ran.err
    assert "mean average precision 0.90, features alone 0.50" in ran.err
    assert "kept: the n" in ran.err
    assert "blocks frozen" in (tmp_path / "m" / "README.md").read_text()
    assert recipe(tmp_path / "m") == "fine-tune"
    monkeypatch.setattr(origin, "_separability", lambda *_: pytest.fail("chosen before"))
    again = earmark("train", collection / "train", "-o", tmp_path / "m", *QUICK, *HEAD)
    assert (again.code, "is already finished" in again.err) == (0, True)


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    "asked",
    [("--from", "none"), ("--set", "network.encoder.units=8"), ("--recipe", "demo")],
    ids=["none", "set", "recipe"],
)
def test_who_says_how_to_begin_gets_it_so(
    asked: tuple[str, ...], earmark: Callable, collection: Path, tmp_path: Path
) -> None:
    plain = ("--set", "training.self_training=null", "--set", "training.batch_size=2")
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", *QUICK, *plain, *asked)
    assert ran.code == 0
    assert "beginning" not in ran.err
    assert "fine-tuned from" not in (tmp_path / "m" / "README.md").read_text()
    assert recipe(tmp_path / "m") == ("demo" if "demo" in asked else "default")


def test_with_a_frozen_encoder_the_head_is_all_that_is_trained(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", "--from", trained, "--freeze", "encoder", *HEAD)
    assert ran.code == 0
    old, new = (safetensors.torch.load_file(folder / "model.safetensors") for folder in (trained, tmp_path / "m"))
    changed = {name for name in old if old[name].shape != new[name].shape or not torch.equal(old[name], new[name])}
    assert changed
    assert all(name.startswith("pooling.") for name in changed)
    log = (tmp_path / "m" / "log.csv").read_text().splitlines()
    assert log[0].startswith("epoch,step,seconds,valid_map")
    assert log[1].startswith("1,5,")
    assert json.loads((tmp_path / "m" / "config.json").read_text())["labels"] == ["beep", "horn", "hum", "whistle"]


def test_lower_blocks_that_tell_the_labels_as_well_are_all_that_is_taken(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.hub.at_hand", lambda: [("old", trained)])
    monkeypatch.setattr(origin, "_separability", lambda *_: origin.Separability(0.8, 0.5, True, blocks=0.8))
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", "--device", "cpu")
    assert ran.code == 0
    assert "beginning with the lower blocks of old: they separate the labels of" in ran.err
    assert recipe(tmp_path / "m") == "linear-head"
    assert "encoder frozen; its lower blocks alone" in (tmp_path / "m" / "README.md").read_text()
    old, new = (safetensors.torch.load_file(folder / "model.safetensors") for folder in (trained, tmp_path / "m"))
    blocks = {name for name in new if name.startswith(("encoder.", "scaling."))}
    assert all(torch.equal(new[name], old[name]) for name in blocks)
    assert {name for name in new if name not in blocks} == {"pooling.classify.weight", "pooling.classify.bias"}
    sound = next((collection / "train").rglob("*.wav"))
    assert earmark("tag", sound, "-m", tmp_path / "m").code == 0
    asked = ("--from", trained, "--recipe", "linear-head", "--device", "cpu")
    assert earmark("train", collection / "train", "-o", tmp_path / "asked", *asked).code == 0
    again = safetensors.torch.load_file(tmp_path / "asked" / "model.safetensors")
    assert all(torch.equal(again[name], new[name]) for name in new)


def test_the_recipe_of_lower_blocks_needs_a_model_that_has_them(
    earmark: Callable, collection: Path, tmp_path: Path
) -> None:
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", "--recipe", "linear-head")
    assert ran.code == 2
    assert "recipe 'linear-head' takes blocks of a model: name that model with --from MODEL" in ran.err
