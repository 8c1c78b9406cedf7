"""The metrics of an evaluation as tables of plain values, and as Markdown.

Input is the JSON of `earmark evaluate`: the sections `tagging`, `segment`, `event`, `intersection`, `psds`, each
optional, each with overall values and `per_class: {label: {metric: value}}`; a value may be None where it is
undefined. A section, and each class in it, may have `intervals: {metric: [low, high]}`, 95 % confidence intervals.
What is not described in `meanings.py` still gets its place in the tables, under its own key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.report.meanings import CLASS_COLUMNS, METRICS, SECTIONS, Metric, describe

Value = str | float | int | None
Bounds = tuple[float, float]  # the ends of a confidence interval
Metrics = Mapping[str, Mapping[str, Any]]

INTERVAL = "95 %"  # heading of a column of intervals


class Difference(float):
    """One number less another, written with its sign.

    >>> text(Difference(0.05)), text(Difference(-0.0001)), text(Difference(0.25), 2)
    ('+0.050', '0.000', '+0.25')
    """


@dataclass(frozen=True)
class Table:
    """A header and rows of as many plain values; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    shares: tuple[bool, ...] = ()  # which columns lie in [0, 1] by nature, so that a bar can show them
    notes: Mapping[tuple[int, int], str] | None = None  # (row, column) -> what a page may say of a cell on demand


@dataclass(frozen=True)
class Number:
    """An overall number of an evaluation."""

    section: str
    key: str
    metric: Metric
    value: float | int | None
    bounds: Bounds | None = None  # its confidence interval


def text(value: Value, digits: int = 3) -> str:
    """A value for people: None and NaN are a dash, counts stay whole.

    >>> text(0.12345), text(None), text(12), text("dog")
    ('0.123', '–', '12', 'dog')
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    if not isinstance(value, float):
        return str(value)
    written = f"{value:+.{digits}f}" if isinstance(value, Difference) else f"{value:.{digits}f}"
    return written if float(written) else f"{0:.{digits}f}"  # neither +0.000 nor -0.000


def bounds_text(bounds: Bounds | None, digits: int = 3) -> str:
    """An interval for people; a dash where there is none.

    >>> bounds_text((0.25, 0.5)), bounds_text(None), bounds_text((Difference(-0.125), Difference(0.25)), 2)
    ('0.250 to 0.500', '–', '-0.12 to +0.25')
    """
    return "–" if bounds is None else f"{text(bounds[0], digits)} to {text(bounds[1], digits)}"


def bounds_of(values: Mapping[str, Any], key: str) -> Bounds | None:
    """The interval of a metric in a section, or in a class of it; None where it has none or none that is finite."""
    return finite_bounds((values.get("intervals") or {}).get(key))


def finite_bounds(found: Sequence[float | None] | None) -> Bounds | None:
    """An interval as JSON holds it, [low, high]; None where one end is missing."""
    if found is None or any(end is None or not math.isfinite(end) for end in found):
        return None
    low, high = (float(end) for end in found if end is not None)
    return low, high


def overall_table(metrics: Metrics) -> Table:
    """One row per metric: (metric, value, meaning), with an interval after the value if any metric has one."""
    found = overall(metrics)
    if not any(number.bounds for number in found):
        rows = [(number.metric.name, number.value, number.metric.meaning) for number in found]
        return Table(("metric", "value", "what it says"), tuple(rows))
    header = ("metric", "value", INTERVAL, "what it says")
    return Table(header, tuple((n.metric.name, n.value, _told(n.bounds), n.metric.meaning) for n in found))


def _told(bounds: Bounds | None) -> str:
    return "" if bounds is None else bounds_text(bounds)


def overall(metrics: Metrics) -> list[Number]:
    """Every overall number, known metrics first and in their order."""
    order = {place: rank for rank, place in enumerate(METRICS)}
    length = (metrics.get("segment") or {}).get("segment_length") or 1.0
    found = [
        Number(section, key, describe(section, key, length), value, bounds_of(values, key))
        for section, values in metrics.items()
        for key, value in (values or {}).items()
        if _scalar(value)
    ]
    return sorted(found, key=lambda number: order.get((number.section, number.key), len(order)))


def per_class_table(metrics: Metrics, full: bool = False) -> Table:
    """One row a label, one column a metric: those worth a glance (`CLASS_COLUMNS`), or all with `full`.

    Sections without a description are shown in any case. A label that a section lacks has None there. The notes
    are the intervals.
    """
    sections = {name: dict((values or {}).get("per_class") or {}) for name, values in metrics.items()}
    labels = list(dict.fromkeys(label for rows in sections.values() for label in rows))
    columns = _class_columns(sections, full)
    titles = [CLASS_COLUMNS.get((s, key), (f"{s} {key.replace('_', ' ')}", False)) for s, key in columns]
    rows = tuple((label, *(sections[s].get(label, {}).get(key) for s, key in columns)) for label in labels)
    notes = {
        (row, column): f"{INTERVAL}: {bounds_text(bounds)}"
        for row, label in enumerate(labels)
        for column, (section, key) in enumerate(columns, 1)
        if (bounds := bounds_of(sections[section].get(label, {}), key))
    }
    return Table(("class", *(name for name, _ in titles)), rows, (False, *(share for _, share in titles)), notes)


def _class_columns(sections: Mapping[str, Mapping[str, Mapping[str, Any]]], full: bool) -> list[tuple[str, str]]:
    """(section, key) of the columns, those of `CLASS_COLUMNS` first and in their order."""
    found = dict.fromkeys(
        (section, key)
        for section, rows in sections.items()
        for values in rows.values()
        for key, value in values.items()
        if _scalar(value) and (full or (section, key) in CLASS_COLUMNS or section not in SECTIONS)
    )
    return [place for place in CLASS_COLUMNS if place in found] + [p for p in found if p not in CLASS_COLUMNS]


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
