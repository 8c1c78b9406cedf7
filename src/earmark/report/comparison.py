"""Two models side by side: their figures on the same recordings, how much they differ, and whether that is sure.

A difference is always the second model less the first. Its interval is that of the *difference* over the same draws
of recordings (`metrics.bootstrap.paired_intervals`), far narrower than the two models' own intervals suggest; one that
does not contain 0 shows which is better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from earmark.report.meanings import CLASS_COLUMNS
from earmark.report.tables import (
    INTERVAL,
    Bounds,
    Difference,
    Metrics,
    Number,
    Table,
    bounds_of,
    bounds_text,
    finite_bounds,
    overall,
    text,
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models on the same recordings, each by the JSON of `earmark evaluate`.

    `paired[section]` is `{metric: [low, high]}`, intervals of second less first, and under `per_class` the same by
    label; what is missing has no interval.
    """

    names: tuple[str, str]
    first: Metrics
    second: Metrics
    paired: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One number of both models."""

    first: Number
    second: Number
    difference: Difference | None
    bounds: Bounds | None  # of the difference

    @property
    def verdict(self) -> str:
        """`better`, `worse` (of the second model), `no significant difference`; empty if none of these is known."""
        if not self.second.metric.good or self.bounds is None:
            return ""
        low, high = sorted(end * self.second.metric.good for end in self.bounds)
        return "better" if low > 0 else "worse" if high < 0 else "no significant difference"


def changes(comparison: Comparison) -> list[Change]:
    """Every overall number that both models have."""
    firsts = {(number.section, number.key): number for number in overall(comparison.first)}
    found = []
    for number in overall(comparison.second):
        place = (number.section, number.key)
        if place in firsts:
            bounds = finite_bounds((comparison.paired.get(number.section) or {}).get(number.key))
            found.append(Change(firsts[place], number, _less(number.value, firsts[place].value), _signed(bounds)))
    return found


def comparison_table(comparison: Comparison) -> Table:
    """One row a metric: both values, the difference, its interval, the verdict; counts are left out.

    Interval and verdict only where any difference has an interval.
    """
    found = [change for change in changes(comparison) if change.second.metric.good]
    sure = any(change.bounds for change in found)
    header = ("metric", *comparison.names, "difference", *((INTERVAL, "second is") if sure else ()))
    rows = []
    for change in found:
        verdict = ("" if change.bounds is None else bounds_text(change.bounds), change.verdict) if sure else ()
        rows.append((change.second.metric.name, change.first.value, change.second.value, change.difference, *verdict))
    return Table(header, tuple(rows))


def difference_table(comparison: Comparison) -> Table:
    """One row a label, one column a metric of both models: the second less the first.

    The counts of the reference come first. Notes: from which value to which, and the difference's interval.
    """
    first, second = (_by_class(metrics) for metrics in (comparison.first, comparison.second))
    labels = list(dict.fromkeys(label for place in CLASS_COLUMNS for label in second.get(place, {})))
    places = [place for place in CLASS_COLUMNS if first.get(place) and second.get(place)]
    rows, notes = [], dict[tuple[int, int], str]()
    for row, label in enumerate(labels):
        cells: list[str | float | int | None] = [label]
        for column, place in enumerate(places, 1):
            before, after = first[place].get(label), second[place].get(label)
            cells.append(after if place[1] == "reference" else _less(after, before))
            if place[1] != "reference":
                notes[row, column] = _note(comparison, place, label, before, after)
        rows.append(tuple(cells))
    header = ("class", *(CLASS_COLUMNS[place][0] for place in places))
    return Table(header, tuple(rows), (False, *(CLASS_COLUMNS[place][1] for place in places)), notes)


def class_pairs(comparison: Comparison, places: Sequence[tuple[str, str]] = ()) -> tuple[str, dict[str, Any]]:
    """(what it is called, {label: (first, second)}) of the first per-class metric that both models have.

    `places` are tried in turn; by default segment F1, then average precision.
    """
    for place in places or (("segment", "f1"), ("tagging", "ap"), ("tagging", "f1")):
        first, second = (_by_class(metrics).get(place, {}) for metrics in (comparison.first, comparison.second))
        if first and second:
            return CLASS_COLUMNS[place][0], {label: (first.get(label), value) for label, value in second.items()}
    return "", {}


def _by_class(metrics: Metrics) -> dict[tuple[str, str], dict[str, Any]]:
    """{(section, metric): {label: value}} of the columns worth a glance."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for section, values in metrics.items():
        for label, row in ((values or {}).get("per_class") or {}).items():
            for key, value in row.items():
                if (section, key) in CLASS_COLUMNS:
                    found.setdefault((section, key), {})[label] = value
    return found


def _note(comparison: Comparison, place: tuple[str, str], label: str, before: Any, after: Any) -> str:
    section, key = place
    paired = ((comparison.paired.get(section) or {}).get("per_class") or {}).get(label) or {}
    bounds = _signed(bounds_of({"intervals": paired}, key))
    return f"{text(before)} → {text(after)}" + (f", difference {bounds_text(bounds)}" if bounds else "")


def _less(one: float | None, other: float | None) -> Difference | None:
    return None if one is None or other is None else Difference(one - other)


def _signed(bounds: Bounds | None) -> Bounds | None:
    return None if bounds is None else (Difference(bounds[0]), Difference(bounds[1]))
