"""What a family states of its checkpoints, and the table of published ones, go together."""

import pytest
import torch

from earmark.errors import ModelError
from earmark.hub.family import Family, check_finite, differences
from earmark.hub.importing import FAMILIES
from earmark.hub.published import CHECKPOINTS
from earmark.recipes import load_recipe, recipe_names


def toy(name: str) -> dict[str, tuple[int, ...]]:
    return {"fc.weight": (4, 2 if name == "narrow" else 8)}


FAMILY = Family(names=("narrow", "wide"), expected=toy, converted=lambda state, name: None)


def test_every_published_checkpoint_is_of_a_family_that_converts_it() -> None:
    assert set(CHECKPOINTS) == {f"{name}/{short}" for name, family in FAMILIES.items() for short in family.names}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_no_checkpoint_passes_for_another_of_another_family(name: str) -> None:
    part, _, short = name.partition("/")
    state = {key: torch.empty(shape, device="meta") for key, shape in FAMILIES[part].expected(short).items()}
    assert short in FAMILIES[part].fitting(state)[0]
    for other in FAMILIES.keys() - {part}:
        assert FAMILIES[other].fitting(state)[0] == []


def test_the_nearest_architecture_is_named_with_what_parts_it() -> None:
    state = {"fc.weight": torch.zeros(4, 8), "fc.bias": torch.zeros(4)}
    assert FAMILY.fitting(state) == ([], "wide", ["unexpected 'fc.bias'"])
    assert FAMILY.fitting({"fc.weight": torch.zeros(4, 8)}) == (["wide"], "wide", [])
    assert differences(state, toy("narrow")) == ["unexpected 'fc.bias'", "'fc.weight' is (4, 8), not (4, 2)"]


def test_values_that_are_no_numbers_are_refused() -> None:
    check_finite({"fc.bias": torch.ones(3)})
    with pytest.raises(ModelError, match=r"the checkpoint is damaged: fc.bias with values that are not finite"):
        check_finite({"fc.weight": torch.ones(3), "fc.bias": torch.tensor([1.0, float("nan")])})


@pytest.mark.parametrize("name", [name for name in CHECKPOINTS if not name.startswith("panns/")])
def test_every_family_has_recipes_of_its_networks(name: str) -> None:
    assert name in recipe_names()
    assert load_recipe(name).classes
