"""The metrics of an evaluation as tables of plain values, and as Markdown.

Input is the JSON of `earmark evaluate`: the sections `tagging`, `segment` and `event`, each optional, each with
overall values and `per_class: {label: {metric: value}}`; a value may be None where it is undefined. What is not
described in `meanings.py` still gets its place in the tables, under its own key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.report.meanings import CLASS_COLUMNS, METRICS, SECTIONS, Metric, describe

Value = str | float | int | None
Metrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """A header and rows of as many plain values; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    shares: tuple[bool, ...] = ()  # which columns lie in [0, 1] by nature, so that a bar can show them


def text(value: Value, digits: int = 3) -> str:
    """A value for people: None and NaN are a dash, counts stay whole.

    >>> text(0.12345), text(None), text(12), text("dog")
    ('0.123', '–', '12', 'dog')
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def overall_table(metrics: Metrics) -> Table:
    """One row a metric: (metric, value, what it says)."""
    rows = [(metric.name, value, metric.meaning) for _, metric, value in overall(metrics)]
    return Table(("metric", "value", "what it says"), tuple(rows))


def overall(metrics: Metrics) -> list[tuple[str, Metric, float | int | None]]:
    """(section, metric, value) of every overall number, known metrics first and in their order."""
    order = {place: rank for rank, place in enumerate(METRICS)}
    length = (metrics.get("segment") or {}).get("segment_length") or 1.0
    found = [
        (section, key, value)
        for section, values in metrics.items()
        for key, value in (values or {}).items()
        if _scalar(value)
    ]
    found.sort(key=lambda item: order.get(item[:2], len(order)))
    return [(section, describe(section, key, length), value) for section, key, value in found]


def per_class_table(metrics: Metrics, full: bool = False) -> Table:
    """One row a label, one column a metric: those worth a glance (`CLASS_COLUMNS`), or all with `full`.

    Sections without a description are shown in any case. A label that a section lacks has None there.
    """
    sections = {name: dict((values or {}).get("per_class") or {}) for name, values in metrics.items()}
    labels = list(dict.fromkeys(label for rows in sections.values() for label in rows))
    found = dict.fromkeys(
        (section, key)
        for section, rows in sections.items()
        for values in rows.values()
        for key, value in values.items()
        if _scalar(value) and (full or (section, key) in CLASS_COLUMNS or section not in SECTIONS)
    )
    columns = [place for place in CLASS_COLUMNS if place in found] + [p for p in found if p not in CLASS_COLUMNS]
    titles = [CLASS_COLUMNS.get((s, key), (f"{s} {key.replace('_', ' ')}", False)) for s, key in columns]
    rows = [(label, *(sections[s].get(label, {}).get(key) for s, key in columns)) for label in labels]
    return Table(("class", *(name for name, _ in titles)), tuple(rows), (False, *(share for _, share in titles)))


def markdown_table(table: Table, digits: int = 3) -> str:
    r"""A table in Markdown, ending in a newline; pipes and line breaks in the cells are made harmless.

    >>> print(markdown_table(Table(("class", "F1"), (("a|b", 0.5),))), end="")
    | class | F1 |
    |---|---:|
    | a\|b | 0.500 |
    """
    numeric = [any(isinstance(row[i], int | float) for row in table.rows) for i in range(len(table.header))]
    rule = "|" + "|".join("---:" if number else "---" for number in numeric) + "|"
    lines = [_markdown_row(table.header, digits), rule, *(_markdown_row(row, digits) for row in table.rows)]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[Value], digits: int) -> str:
    harmless = (" ".join(text(cell, digits).split()).replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(cell.replace("<", "&lt;") for cell in harmless) + " |"


def _scalar(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
