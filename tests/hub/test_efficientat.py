"""EfficientAT taggers score as their authors' code does with the same weights (tests/reference)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.errors import ModelError
from earmark.hub.efficientat import FAMILY, efficientat_network
from earmark.hub.importing import import_checkpoint
from earmark.models.network import Network
from earmark.recipes import load_recipe
from tests.hub import drawn

REFERENCE = Path(__file__).parents[1] / "reference" / "mobile_networks.npz"
PARAMETERS = {"mn04": 983_599, "mn10": 4_876_831, "dymn10": 10_548_479}


def drawn_network(name: str) -> Network:
    return FAMILY.converted(drawn.draw(FAMILY.expected(name), drawn.SPREAD[f"efficientat/{name}"]), name)


@torch.no_grad()
@pytest.mark.parametrize("seconds", [1, 10, 27])
@pytest.mark.parametrize("name", FAMILY.names)
def test_scores_are_those_of_the_authors_code(name: str, seconds: int) -> None:
    ours = drawn_network(name)
    assert ours.parameter_count() == PARAMETERS[name]
    with np.load(REFERENCE) as stored:
        clip, features = stored[f"efficientat|{name}|{seconds}|clip"], stored[f"efficientat|{seconds}|features"]
    waveform = torch.from_numpy(drawn.sound(seconds * 32_000, 32_000))[None]
    heard, _ = ours.features(waveform)
    np.testing.assert_allclose(heard[0, ::11, ::9], features, atol=1e-4, rtol=0)
    pooled = ours(waveform)
    assert clip.std() > 0.05  # it says something
    np.testing.assert_allclose(pooled.clip[0], clip, atol=1e-5, rtol=0)
    assert pooled.frames.shape == (1, -(-100 * seconds // 32), 527)


@pytest.mark.parametrize("name", FAMILY.names)
def test_the_recipe_is_the_same_network(name: str) -> None:
    recipe, network = load_recipe(f"efficientat/{name}"), efficientat_network(name)
    for part in ("features", "encoder", "pooling"):
        assert getattr(recipe.network, part) == getattr(network, part)


def test_a_checkpoint_is_recognised_by_its_tensors(tmp_path: Path) -> None:
    state = drawn.draw(FAMILY.expected("mn04"))
    torch.save(state, tmp_path / "c.pt")
    made = import_checkpoint(tmp_path / "c.pt", tmp_path / "m")
    assert (made.name, made.origin, made.labels, made.parameters) == ("efficientat/mn04", "unknown", 527, 983_599)
    card = (tmp_path / "m" / "README.md").read_text()
    assert "license: mit" in card
    assert "trained on clip labels without times" in card


def test_a_dynamic_network_of_other_constants_is_refused() -> None:
    state = drawn.draw(FAMILY.expected("dymn10"))
    state["layers.3.depth_act.lambdas"][0] = 2.0
    with pytest.raises(
        ModelError, match=r"its dynamic ReLU has other constants: layers.3.depth_act.lambdas is \[2.0, 1.0"
    ):
        FAMILY.converted(state, "dymn10")


def test_a_step_has_the_middle_of_what_it_looks_at() -> None:
    clock = drawn_network("mn04").clock
    assert float(clock.step) == pytest.approx(0.32)
    assert float(clock.start) == pytest.approx(-0.16)
