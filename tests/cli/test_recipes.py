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
    assert {"name", "paper", "row", "parameters", "published"} <= set(found[0])
    by_name = {row["name"]: row for row in found}
    assert (by_name["default"]["parameters"], by_name["default"]["labels"]) == (1_444_596, 10)  # labels are the user's
    assert by_name["hong2020/gmap"]["parameters"] == 6_531_535
    assert by_name["hong2020/gmap"]["published"]["mAP on AudioSet eval"] == 0.417
    fused = by_name["xu2018/fusion"]
    assert fused["parameters"] == sum(by_name[member]["parameters"] for member in fused["members"])
    assert all(row["labels"] == row["classes"] for row in found if row["classes"])
    assert all(row["parameters"] for row in found)


def test_the_list_has_sizes_and_published_figures(earmark: Callable) -> None:
    lines = {line.split()[0]: line for line in earmark("recipes").out.splitlines()}
    assert lines["kong2020/cnn14"].split()[1:5] == ["80.75", "M", "mAP", "0.431"]
    assert lines["kong2020/cnn14"].endswith("the largest and the mean embedding.")  # the first sentence alone
    assert lines["demo"].split()[1:4] == ["0.08", "M", "A"]


def test_a_misspelt_name_gets_a_guess(earmark: Callable) -> None:
    ran = earmark("recipes", "dmo")
    assert ran.code == 2
    assert ran.err.startswith("earmark: no recipe 'dmo' (did you mean 'demo'?); known: default, ")
