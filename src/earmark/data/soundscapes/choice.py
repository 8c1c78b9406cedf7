"""A part of a collection, chosen by the columns of its table.

By its split or fold column, or by any other. So that no recording serves two parts, the fold column has to keep
recordings of one origin together; where a table has none, `fold_by` makes five folds of any column: equal cells, equal
fold. Besides the table's own columns there are `label`, `fold` and `filename`, in folders too.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.data.records import Clip
from earmark.errors import ConfigError, did_you_mean
from earmark.formats.tables import normalised

FOLDS = 5  # made by `fold_by`
_CONDITION = re.compile(r"\s*([^=!]+?)\s*(!?=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """A part of a collection."""

    folds: tuple[str, ...] = ()  # of the split or fold column: "1", "1-3", "train"; none: all
    where: tuple[str, ...] = ()  # "column=value" or "column!=value", with * and ?; of one column, any of the values
    fold_by: str | None = None  # make the folds of this column


@dataclass(frozen=True)
class Row:
    """A clip with the cells of its row in the table, by normalised column name."""

    clip: Clip
    cells: dict[str, str]
    fold: str

    def values(self, column: str) -> tuple[str, ...]:
        """What it has in a column, or as its label, fold or filename."""
        key = normalised(column)
        if key in self.cells:
            return (self.cells[key],)
        return {"label": self.clip.labels, "fold": (self.fold,), "filename": (self.clip.name,)}[key]

    def one(self, names: Iterable[str]) -> str:
        """The first of these cells that is not empty, or nothing."""
        return next((self.cells[name] for name in names if self.cells.get(name)), "")


def choose(data: Path, rows: list[Row], choice: Choice) -> list[Row]:
    """The rows of the part that is asked for, never none; `ConfigError` where nothing fits or a column is unknown."""
    if choice.fold_by is not None:
        _check_column(data, rows, choice.fold_by)
        rows = [replace(row, fold=_made_fold(row, choice.fold_by)) for row in rows]
    kept = rows
    if choice.folds:
        wanted = {fold for text in choice.folds for fold in expand_folds(text)}
        there = {row.fold for row in rows}
        if not wanted & there:
            known = ", ".join(sorted(there - {""})) or "none; name a column to make folds from, such as filename"
            raise ConfigError(f"{data}: no recording is in fold {', '.join(sorted(wanted))}; its folds are {known}")
        kept = [row for row in kept if row.fold in wanted]
    conditions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for text in choice.where:
        column, sign, value = parse_condition(text)
        conditions[column, sign].append(value)
    for (column, sign), values in conditions.items():
        _check_column(data, rows, column)
        fitting = [row for row in kept if _fits(row, column, values) == (sign == "=")]
        if not fitting:
            there = {value for row in kept for value in row.values(column)}
            told = ", ".join(sorted(there)[:6]) + (" ..." if len(there) > 6 else "")
            raise ConfigError(f"{data}: no recording matches {column}{sign}{' or '.join(values)}; there is {told}")
        kept = fitting
    return kept


def _check_column(data: Path, rows: list[Row], column: str) -> None:
    known = {"label", "fold", "filename"}.union(*(row.cells for row in rows))
    if normalised(column) not in known:
        raise ConfigError(
            f"{data}: no column {column!r}{did_you_mean(column, known)}; known: {', '.join(sorted(known))}"
        )


def _fits(row: Row, column: str, patterns: Iterable[str]) -> bool:
    folded = [pattern.casefold() for pattern in patterns]
    return any(fnmatch.fnmatchcase(v.casefold(), pattern) for v in row.values(column) for pattern in folded)


def _made_fold(row: Row, column: str) -> str:
    together = ",".join(row.values(column)) or row.clip.name
    digest = hashlib.blake2b(together.encode(), digest_size=8).digest()
    return str(1 + int.from_bytes(digest, "big") % FOLDS)


def parse_condition(text: str) -> tuple[str, str, str]:
    """Column, "=" or "!=", value.

    >>> parse_condition("licence != *NC*")
    ('licence', '!=', '*NC*')
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r} is not a condition; expected COLUMN=VALUE or COLUMN!=VALUE, such as licence=CC0*")
    return found[1], found[2], found[3].strip()


def expand_folds(text: str) -> list[str]:
    """Folds as they are asked for.

    >>> expand_folds("1-3,train")
    ['1', '2', '3', 'train']
    """
    folds: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        span = re.fullmatch(r"(\d{1,4})-(\d{1,4})", part)
        folds += map(str, range(int(span[1]), int(span[2]) + 1)) if span else [part]
    return folds
