"""Recipes that fuse others: their members by name, changes handed on.

`--set` of `network` and `training` keys changes every member; other keys belong to the fused recipe itself. A recipe
that is named more than once is trained as often, with seeds one after the other: each becomes another model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.errors import ConfigError
from earmark.models.directory import member_names
from earmark.recipes.recipe import Recipe, load_recipe

_OF_MEMBERS = ("network", "training")


def load_members(name: str, changes: Sequence[str] = ()) -> tuple[Recipe, dict[str, Recipe]]:
    """A fused recipe and its members by short name; no members where the recipe fuses nothing (changes are not made).

    A member is named as a recipe is; a YAML file is looked for beside that of the fused recipe. `ConfigError` as from
    `load_recipe`, and where a member is fused itself.
    """
    recipe = load_recipe(name)
    if not recipe.members:
        return recipe, {}
    handed_on = [change for change in changes if change.partition("=")[0].partition(".")[0] in _OF_MEMBERS]
    recipe = load_recipe(name, [change for change in changes if change not in handed_on])
    members = [load_recipe(_place(member, name), handed_on) for member in recipe.members]
    for member in members:
        if member.members:
            raise ConfigError(
                f"recipe {name!r} fuses {member.name!r}, which is a fusion itself; list its members instead"
            )
    short = member_names([Path(member.removesuffix(".yaml").removesuffix(".yml")) for member in recipe.members])
    return recipe, dict(zip(short, members, strict=True))


def member_seeds(members: Mapping[str, Recipe], seed: int) -> dict[str, int]:
    """The seed of each member: that of the run, and one more for every time its recipe was named before.

    >>> one, other = load_recipe("default"), load_recipe("plain-crnn")
    >>> member_seeds({"default": one, "plain-crnn": other, "default-2": one}, 7)
    {'default': 7, 'plain-crnn': 7, 'default-2': 8}
    """
    recipes = list(members.values())
    return {name: seed + recipes[:place].count(recipes[place]) for place, name in enumerate(members)}


def _place(member: str, name: str) -> str:
    """Where a member's recipe is."""
    file = Path(member)
    return str(Path(name).parent / file) if file.suffix in (".yaml", ".yml") else member
