"""What a paper's experiment consists of: its tables, the recipes behind their rows, budgets, and one figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from earmark.recipes import Recipe


@dataclass(frozen=True)
class Column:
    """A figure of a table: how the paper heads it, under which name recipes keep it, where an evaluation has it."""

    title: str
    published: str  # key of Recipe.published, before " on SET (TASK)"
    section: str  # of an evaluation
    key: str
    percent: bool = False  # the paper prints 100 times our figure
    higher: bool = True  # is better

    def shown(self, value: float) -> float:
        """A figure of ours in the paper's units."""
        return 100 * value if self.percent else value


@dataclass(frozen=True)
class Row:
    """A row of a table and the recipe that stands for it."""

    title: str
    recipe: str


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper."""

    name: str  # "Table 1"
    title: str
    task: str  # as recipes name it in their published figures: "tagging"; empty where they name none
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    extra: tuple[Column, ...] = ()  # of ours, beyond the paper

    def published(self, recipe: Recipe, column: Column, part: str) -> float | None:
        """What the paper printed for a row on a part of its data ("dev"), in its units."""
        task = f" ({self.task})" if self.task else ""
        return recipe.published.get(f"{column.published} on {part}{task}")


@dataclass(frozen=True)
class Expectation:
    """What the paper found of two rows of a table: that one beats the other."""

    sentence: str
    table: str
    better: str  # recipe
    worse: str


@dataclass(frozen=True)
class Budget:
    """How much training a row gets; None means as much as its recipe says."""

    name: str
    sentence: str  # a sentence for the tables
    epochs: int | None = None
    steps: int | None = None  # updates in all
    changes: tuple[str, ...] = ()  # to every recipe, as for --set
    fuse: tuple[int, int] | None = None  # first epoch and step, for recipes that fuse epochs
    settle: int = 0  # batches to take batch statistics over at the end, for the same recipes
    scale_queue: bool = False  # the balancing queue's step in proportion to the number of clips


@dataclass(frozen=True)
class Study:
    """A paper's experiment."""

    name: str
    paper: str
    tables: tuple[PaperTable, ...]
    budgets: tuple[Budget, ...]  # the first is the paper's own
    parts: dict[str, str]  # part of the data set (its split) -> what the paper calls it
    expected: tuple[Expectation, ...]
    figure: Literal["localisation", "weights"]
    figure_recipes: tuple[str, ...]

    def recipes(self) -> list[str]:
        """Recipes of all rows, members of fusions before them, each once."""
        return list(dict.fromkeys(row.recipe for table in self.tables for row in table.rows))

    def budget(self, name: str) -> Budget:
        """The budget of this name; `KeyError` when there is none."""
        return {budget.name: budget for budget in self.budgets}[name]
