"""A recipe: a network and its training, composed from their own options, with the paper row it stands for.

Recipes are YAML files beside this module, or the user's own. Every key is checked; `--set training.epochs=3`
changes one.

Some recipes fuse others, their members. `--set` of `network` and `training` keys then changes every member; other keys
belong to the fused recipe itself. A recipe that is named more than once is trained as often, with seeds one after the
other: each becomes another model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

import torch
import yaml
from pydantic import Field, model_validator

from earmark.errors import ConfigError, did_you_mean
from earmark.models.directory import member_names
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.options import Options
from earmark.training.options import TrainingOptions

DEEPEST = 20  # levels of keys
LARGEST = 2**20  # letters of a recipe
_OF_MEMBERS = ("network", "training")  # keys


class Recipe(Options):
    """What `earmark train` follows."""

    name: str
    description: str = ""
    paper: str | None = None  # what it reproduces, if anything
    row: str | None = None  # of a table in that paper
    published: dict[str, float] = Field(default_factory=dict)  # the paper's figures for this row, as "metric on set"
    classes: int | None = Field(None, gt=0)  # of the data the paper trained it on
    members: tuple[str, ...] = ()  # recipes whose models are fused; then `network` and `training` are theirs
    network: NetworkOptions = NetworkOptions()
    training: TrainingOptions = TrainingOptions()

    def to_yaml(self) -> str:
        """All options, defaults included, as YAML that `load_recipe` reads back."""
        theirs = {"network", "training"} if self.members else set()
        return yaml.safe_dump(self.model_dump(mode="json", exclude=theirs), sort_keys=False, allow_unicode=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.members and {"network", "training"} & self.model_fields_set:
            raise ValueError("a recipe with members cannot have a network or training; these belong to the members")
        return self


def recipe_names() -> list[str]:
    """Names of the recipes in the package, `default` first, those of papers (`paper/row`) last."""
    names = [
        f"{folder}{entry.name.removesuffix('.yaml')}"
        for folder, entries in _folders()
        for entry in entries
        if entry.name.endswith(".yaml")
    ]
    return sorted(names, key=lambda name: (name != "default", "/" in name, name))


def _folders() -> Iterator[tuple[str, list[Traversable]]]:
    """The folder of recipes and each paper's folder in it: prefix of the names, entries."""
    top = list(resources.files("earmark.recipes").iterdir())
    yield "", top
    for entry in top:
        if entry.is_dir() and not entry.name.startswith("_"):
            yield f"{entry.name}/", list(entry.iterdir())


def load_recipe(name: str = "default", changes: Sequence[str] = (), network: NetworkOptions | None = None) -> Recipe:
    """A recipe by name or from a YAML file, with `key=value` changes. `ConfigError` names what is wrong.

    `network` takes the place of the recipe's own, and can be changed just so.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"{path}: no such recipe file")
        text, source = _read(path), str(path)
    else:
        known = recipe_names()
        if name not in known:
            raise ConfigError(f"no recipe {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
        text = resources.files("earmark.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        source = f"recipe {name!r}"
    data = _parse(text, source)
    if network is not None:
        data["network"] = network.model_dump(mode="json")
    for change in changes:
        _set(data, change)
    return Recipe.parse(data, source if not changes else f"{source} with {' '.join(changes)}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8; expected a recipe in YAML") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


class _Plain(yaml.SafeLoader):
    """YAML without what no recipe needs: aliases (which make a gigabyte of a line), dates, and nesting without end."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node, unless it is an alias or lies too deep."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not supported; write the values out")
        if self.depth >= DEEPEST:
            raise yaml.YAMLError(f"nested more than {DEEPEST} deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load(text: str) -> Any:
    """Plain data from YAML. `yaml.YAMLError`, `ValueError`."""
    if len(text) > LARGEST:
        raise ValueError(f"longer than {LARGEST // 2**20} MB")
    return yaml.load(text, _Plain)


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        data = _load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source}: not valid YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected keys and values, got {type(data).__name__}")
    return data


def _set(data: dict[str, Any], change: str) -> None:
    """Apply one `a.b.c=value`; the value is read as YAML."""
    key, equals, value = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {change}: expected key=value, for example training.epochs=3")
    *parents, last = key.split(".")
    place = data
    for parent in parents:
        inner = place[parent] = {} if place.get(parent) is None else place[parent]  # null: all defaults
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {change}: {parent!r} is a value and has no keys")
        place = inner
    try:
        place[last] = _load(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"--set {change}: the value is not valid YAML") from error


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


def parameter_count(recipe: Recipe, labels: int | None = None) -> int | None:
    """Trainable parameters for the recipe's classes, or for this many `labels`; None if neither is given.

    Of a recipe that fuses others, the sum of its members'; of one that fuses its own epochs, those of one epoch.

    >>> parameter_count(load_recipe("default")), parameter_count(load_recipe("default"), labels=10)
    (None, 1444596)
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
