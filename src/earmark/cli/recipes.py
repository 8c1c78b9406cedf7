"""`earmark recipes`: what can be trained."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from earmark.cli.console import Terminal


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this recipe whole.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of them as JSON.")] = False,
) -> None:
    """List the recipes, or print one."""
    from earmark.recipes import load_recipe, recipe_names
    from earmark.report.tables import Table

    terminal = Terminal()
    if name is not None:
        terminal.print(load_recipe(name).to_yaml().rstrip("\n"))
        return
    recipes = [load_recipe(known) for known in recipe_names()]
    if as_json:
        rows = [{"name": r.name, "paper": r.paper, "row": r.row, "description": r.description} for r in recipes]
        terminal.print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = tuple((recipe.name, recipe.paper or "", recipe.description) for recipe in recipes)
    terminal.table(Table(("recipe", "paper", "what it is"), table))
