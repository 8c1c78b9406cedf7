"""Recipes: one YAML file a system, composed of options that their classes own."""

from earmark.recipes.recipe import Recipe, load_recipe, recipe_names

__all__ = ["Recipe", "load_recipe", "recipe_names"]
