from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from earmark.errors import ConfigError
from earmark.options import Options, all_keys


class Round(Options):
    kind: Literal["round"] = "round"
    radius: float = Field(1.0, gt=0)


class Square(Options):
    kind: Literal["square"] = "square"
    side: float = 1.0


class Nest(Options):
    colour: str = "brown"
    depth: int


class Tree(Options):
    height: int = 3
    nest: Nest | None = None
    leaf: Annotated[Round | Square, Field(discriminator="kind")] = Round()

    @model_validator(mode="after")
    def _check(self) -> "Tree":
        if self.height == 13:
            raise ValueError("nobody plants a tree of 13 m")
        return self


def test_plain_data_becomes_options_at_any_depth() -> None:
    tree = Tree.parse({"height": "5", "nest": {"depth": 2}, "leaf": {"kind": "square", "side": 2}}, "tree.yaml")
    assert (tree.height, tree.nest, tree.leaf) == (5, Nest(depth=2), Square(side=2.0))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"heigth": 5}, r"^tree\.yaml: unknown key 'heigth' \(did you mean 'height'\?\)$"),
        ({"nest": {"depth": 1, "color": "red"}}, r"unknown key 'nest\.color' \(did you mean 'colour'\?\)"),
        ({"leaf": {"kind": "round", "radios": 1}}, r"unknown key .*radios.*did you mean 'radius'"),
        ({"zzz": 1}, r"unknown key 'zzz'$"),
        ({"nest": {}}, r"'nest\.depth' is missing"),
        (
            {"leaf": {"kind": "squre"}},
            r"leaf: no such kind 'squre', expected one of round, square \(did you mean 'square'",
        ),
        ({"height": "tall"}, r"height: .*integer.*, got 'tall'"),
        ({"leaf": {"kind": "round", "radius": -1}}, r"radius: .*greater than 0, got -1"),
        ({"height": 13}, r"^tree\.yaml: nobody plants a tree of 13 m$"),
    ],
)
def test_a_fault_is_one_line_that_names_the_key(data: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Tree.parse(data, "tree.yaml")
    assert "\n" not in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"height: .*; unknown key 'widht'"):
        Tree.parse({"height": "tall", "widht": 1}, "tree.yaml")


def test_options_cannot_be_changed_behind_ones_back() -> None:
    tree = Tree()
    with pytest.raises(ValidationError, match="frozen"):
        tree.height = 4
    assert tree.height == 3


def test_guesses_know_the_keys_of_nested_options() -> None:
    assert all_keys(Tree) == {"height", "nest", "leaf", "colour", "depth", "kind", "radius", "side"}
