"""Options: frozen, typed, and strict about unknown keys.

Every class that can be configured owns a subclass of `Options` beside it, with a comment a field; a recipe only
composes them. `parse` turns plain data (YAML, JSON, `--set`) into options and any fault into one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from earmark.errors import ConfigError, did_you_mean

MOST_FAULTS = 5  # that a message names
LONGEST = 200  # letters of a value that a message shows


class Options(BaseModel):
    """Base of all options: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def parse(cls, data: Mapping[str, Any], source: str) -> Self:
        """Options from plain data; `ConfigError` naming `source`, the key and a guess when something is off."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{source}: {describe(error, cls)}") from error


def describe(error: ValidationError, options: type[BaseModel]) -> str:
    """The faults of a validation in one line, unknown keys with a guess; the first of many."""
    faults = error.errors()
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return "; ".join(_describe_one(dict(fault), options) for fault in faults[:MOST_FAULTS]) + more


def _describe_one(fault: dict[str, Any], options: type[BaseModel]) -> str:
    path = [str(part) for part in fault["loc"] if part not in ("built-in", "plugin")]  # branches of a union, not keys
    where = ".".join(path)
    if fault["type"] == "extra_forbidden":
        return f"unknown key {where!r}{did_you_mean(path[-1], all_keys(options))}"
    if fault["type"] == "missing":
        return f"{where!r} is missing"
    if fault["type"] == "union_tag_invalid":
        context = fault["ctx"]
        known = [name.strip("' ") for name in str(context["expected_tags"]).split(",")]
        guess = did_you_mean(str(context["tag"]), known)
        return f"{where}: no such kind {context['tag']!r}, expected one of {', '.join(known)}{guess}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    got = fault.get("input")
    if isinstance(got, Mapping | BaseModel) or fault["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message[:LONGEST]}, got {shown(got)}"


def shown(value: Any) -> str:
    """A value as a message shows it: as Python writes it, but not at length.

    >>> shown("x" * 500)[-6:], shown(10**5000)
    ('xx ...', 'a number of 16610 bits')
    """
    try:
        text = repr(value)
    except ValueError:  # of more digits than Python writes out
        return f"a number of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def all_keys(options: type[BaseModel]) -> set[str]:
    """Every field name in a tree of options, for guesses at misspelt keys."""
    found: set[str] = set()
    for name, field in options.model_fields.items():
        found.add(name)
        for nested in _models_in(field.annotation):
            found |= all_keys(nested)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
