"""Recipes: one YAML file a system, composed of options that their classes own.

`recipe`  a recipe, read and checked; recipes that fuse others; how many parameters its network has
"""

from earmark.recipes.recipe import Recipe, load_recipe, recipe_names

__all__ = ["Recipe", "load_recipe", "recipe_names"]
