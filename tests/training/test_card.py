"""The model card of a training says what was trained on what, and from what."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.data.records import Problem
from earmark.decisions import OperatingPoint
from earmark.models.directory import load_model
from earmark.models.fusion import Fusion
from earmark.training.card import Trained, fused_card, write_card
from earmark.training.request import Request


@pytest.fixture
def made(trained: Path) -> Trained:
    model = load_model(trained)
    return Trained(model, OperatingPoint.plain(model.labels), (), (32, 0), (), None, None)


def test_only_what_there_was_is_listed(ask: Callable[..., Request], made: Trained) -> None:
    card = write_card(ask(seed=3), made, name="m", recipe="tiny", command="earmark train data")
    assert "- **training clips**: 32\n" in card
    assert "- **seed**: 3\n" in card
    assert "earmark train data" in card
    for absent in ("validation clips", "clips without labels", "left out", "fine-tuned from", "self-training"):
        assert f"**{absent}**" not in card
    more = replace(made, clips=(32, 16), unlabelled=5, problems=(Problem("row", "line 9", "no labels"),))
    card = write_card(ask(), more, name="m", recipe="tiny", command="")
    for line in ("validation clips**: 16", "clips without labels**: 5", "left out**: 1 clips or labels"):
        assert line in card


def test_a_fusion_names_its_members(made: Trained) -> None:
    fusion = Fusion([made.model, made.model], ["fine", "coarse"])
    card = fused_card(fusion, made.point, name="both", command="earmark fuse fine coarse")
    assert "- **mean of the scores of**: fine, coarse\n" in card
    assert "earmark fuse fine coarse" in card
