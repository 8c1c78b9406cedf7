"""How many parameters a recipe's network has, counted without making any: on torch's `meta` device."""

from __future__ import annotations

import torch

from earmark.models.network import ModelOptions, Network
from earmark.recipes.recipe import Recipe, load_recipe


def parameter_count(recipe: Recipe, labels: int | None = None) -> int | None:
    """Trainable parameters for the recipe's classes, or for this many `labels`; None if neither is given.

    Of a recipe that fuses others, the sum of its members'; of one that fuses its own epochs, those of one epoch.

    >>> parameter_count(load_recipe("default")), parameter_count(load_recipe("default"), labels=10)
    (None, 727892)
    """
    if recipe.members:
        counts = [parameter_count(load_recipe(member), labels) for member in recipe.members]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None
    count = labels or recipe.classes
    if count is None:
        return None
    with torch.device("meta"):
        network = Network(ModelOptions(labels=tuple(map(str, range(count))), **dict(recipe.network)))
    return network.parameter_count()
