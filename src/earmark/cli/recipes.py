"""`earmark recipes`: what can be trained."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import Terminal

if TYPE_CHECKING:
    from earmark.recipes import Recipe

SOME_LABELS = 10  # for which a network is counted in the list where the recipe is for any number of them


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of a recipe to print.")] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print all recipes as JSON; `parameters` counts the network for `labels` labels."),
    ] = False,
) -> None:
    """List the recipes, or print one.

    The list has the parameters and the first published figure of each recipe.
    """
    from earmark.recipes import load_recipe, recipe_names
    from earmark.report.tables import Table

    terminal = Terminal()
    if name is not None:
        terminal.print(load_recipe(name).to_yaml().rstrip("\n"))
        return
    recipes = [load_recipe(known) for known in recipe_names()]
    if as_json:
        kept = {"name", "paper", "row", "description", "classes", "published", "members"}
        rows = [r.model_dump(mode="json", include=kept) | _size(r) for r in recipes]
        terminal.print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = []
    for recipe in recipes:
        size = f"{_size(recipe)['parameters'] / 1e6:6.2f} M"
        table.append((recipe.name, size, _figure(recipe.published), _sentence(recipe.description)))
    terminal.table(Table(("recipe", "parameters", "published", "what it is"), tuple(table)))


def _size(recipe: Recipe) -> dict[str, int]:
    """Parameters of a recipe's network, and the labels it was counted for: the paper's, else some."""
    from earmark.recipes.recipe import parameter_count

    labels = recipe.classes or SOME_LABELS
    return {"parameters": parameter_count(recipe, labels) or 0, "labels": labels}


def _figure(published: Mapping[str, float]) -> str:
    """The figure published first, without the set it is on.

    >>> _figure({"mAP on AudioSet eval": 0.36}), _figure({})
    ('mAP 0.360', '')
    """
    for name, value in published.items():
        return f"{name.partition(' on ')[0]} {value:.{3 if value < 1 else 1}f}"
    return ""


def _sentence(description: str) -> str:
    """The first sentence.

    >>> _sentence("As in Xu et al. 2018. Differs in nothing.")
    'As in Xu et al. 2018.'
    """
    return re.split(r"(?<=\.)\s+(?=[A-Z])", description)[0]
