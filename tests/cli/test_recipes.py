import json
from collections.abc import Callable

import yaml

from earmark.recipes import load_recipe, recipe_names


def test_every_recipe_is_listed(earmark: Callable) -> None:
    ran = earmark("recipes")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == recipe_names()
    assert recipe_names()[0] == "default"


def test_one_is_printed_whole_and_can_be_read_back(earmark: Callable, tmp_path: object) -> None:
    ran = earmark("recipes", "demo")
    assert yaml.safe_load(ran.out) == yaml.safe_load(load_recipe("demo").to_yaml())


def test_programs_get_json(earmark: Callable) -> None:
    found = json.loads(earmark("recipes", "--json").out)
    assert [row["name"] for row in found] == recipe_names()
    assert all(row["description"] for row in found)


def test_a_misspelt_name_gets_a_guess(earmark: Callable) -> None:
    ran = earmark("recipes", "dmo")
    assert ran.code == 2
    assert ran.err.startswith("earmark: no recipe 'dmo' (did you mean 'demo'?); there are default, ")
