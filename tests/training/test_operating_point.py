"""The operating point of a model that was just trained."""

from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.decisions import named_point
from earmark.models.directory import load_model
from earmark.training.operating_point import choose_point


@pytest.fixture
def choose(trained: Path, collection: Path) -> Callable[..., object]:
    model = load_model(trained)

    def call(named: str, validate: bool = True) -> object:
        valid = read_manifest(collection / "dev", labels=model.labels) if validate else None
        return choose_point(model, valid, named, seed=0, device="cpu", stage=lambda text: None)

    call.labels = model.labels
    return call


def test_with_validation_clips_it_is_tuned_and_measured(choose: Callable[..., object]) -> None:
    chosen = choose("tuned")
    assert chosen.tuning is not None
    assert "16 recordings" in chosen.point.origin
    assert chosen.evaluation.to_json()["tagging"]["map"] > 0.8


def test_a_point_by_name_is_that_point_and_is_measured_too(choose: Callable[..., object]) -> None:
    chosen = choose("xu2018")
    assert chosen.point == named_point("xu2018", choose.labels)
    assert chosen.tuning is None
    assert chosen.evaluation is not None


@pytest.mark.parametrize(("named", "found"), [("tuned", "default"), ("dcase2017", "dcase2017")])
def test_without_validation_clips_nothing_is_tuned(choose: Callable[..., object], named: str, found: str) -> None:
    chosen = choose(named, validate=False)
    assert chosen.point == named_point(found, choose.labels)
    assert chosen.evaluation is None
