from pathlib import Path

import pytest

from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.recipes.counting import parameter_count


@pytest.mark.parametrize("name", ["demo", "plain-crnn"])
def test_it_is_what_the_network_has_when_made(name: str) -> None:
    recipe = load_recipe(name)
    made = Network(ModelOptions(labels=("a", "b", "c"), **dict(recipe.network)))
    assert parameter_count(recipe, labels=3) == made.parameter_count()
    assert parameter_count(recipe) is None  # for as many labels as there are
    assert parameter_count(recipe.model_copy(update={"classes": 3})) == made.parameter_count()


def test_labels_asked_for_come_before_the_papers_classes() -> None:
    recipe = load_recipe("hong2020/average")
    assert parameter_count(recipe) - parameter_count(recipe, labels=27) == 500 * 513


def test_members_are_added_up(tmp_path: Path) -> None:
    recipe = load_recipe("demo").model_copy(update={"members": ("demo", "default")})
    alone = [parameter_count(load_recipe(name), labels=5) for name in recipe.members]
    assert parameter_count(recipe, labels=5) == sum(alone)
    assert parameter_count(recipe) is None
