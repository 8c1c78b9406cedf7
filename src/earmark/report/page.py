"""One HTML page that holds everything: numbers, tables, curves, pictures and sounds; no network, no other file.

`Report` is what is known, in plain fields; `write_report` draws it. The text of the page is in `page.html.j2`,
where every value is escaped; a content policy within the page keeps it from loading anything from outside.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from earmark.errors import MissingExtraError
from earmark.files import write_text
from earmark.report import tables
from earmark.report.canvas import data_uri, svg
from earmark.report.charts import Chart
from earmark.report.comparison import Comparison, changes, class_pairs, comparison_table, difference_table
from earmark.report.figures import Row, dumbbells, training_curve
from earmark.report.lanes import RecordingView, drawn
from earmark.report.meanings import CLASS_COLUMNS, SECTIONS
from earmark.report.recording import recording_figure
from earmark.report.tables import Difference, Number, Table

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

LARGEST = 8_000_000  # characters of a page; recordings that would exceed it are left out and named
_HEADINGS = 2_000  # characters of the headings and links of the recordings


@dataclass(frozen=True, eq=False)
class Report:
    """All that a report can say; only the title is needed, and what is missing is left out of the page."""

    title: str
    summary: str = ""  # one or two sentences under the title
    facts: Mapping[str, str] = field(default_factory=dict)  # model, recipe, data, seed, duration ...: name -> text
    metrics: tables.Metrics = field(default_factory=dict)  # the JSON of `earmark evaluate`
    comparison: Comparison | None = None  # of two models; its cards then take the place of those of the metrics
    history: Sequence[Row] = ()  # the training log, one row an epoch
    operating_point: Table | None = None  # thresholds and smoothing, one row a class
    decisions: Sequence[str] = ()  # sentences on how they were chosen and what calibrates the scores
    recordings: Sequence[RecordingView] = ()  # to get an impression
    hardest: Sequence[RecordingView] = ()  # those it fails on, worst first
    sounds: bool = True  # whether recordings that have a waveform get a player
    charts: Sequence[Chart] = ()
    problems: Sequence[str] = ()  # one line each: what could not be read, what was left out
    command: str = ""  # how to get this again


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Write the page, whole or not at all.

    `OutputError` where it cannot be written, `MissingExtraError` without the extra `report`.
    """
    write_text(path, render(report))


def render(report: Report) -> str:
    """The page as text."""
    page = template("page.html.j2")
    values = _values(report)
    room = LARGEST - _HEADINGS - len(page.render(values))  # the page without its recordings
    recordings, room, left_out = _recordings(report.recordings, room, report.sounds)
    hardest, _, more_left_out = _recordings(report.hardest, room, report.sounds)
    problems = [*report.problems, *left_out, *more_left_out]
    return page.render({**values, "recordings": recordings, "hardest": hardest, "problems": problems})


def template(name: str) -> Template:
    """A template of this room, every value escaped; `MissingExtraError` without jinja2."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", "report", "writing an HTML report") from error
    loader = PackageLoader("earmark", "report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"value": tables.text, "bounds": tables.bounds_text}
    environment.tests["difference"] = lambda value: isinstance(value, Difference)
    return environment.get_template(name)


def _values(report: Report) -> dict[str, Any]:
    """What the template is filled with, recordings apart."""
    numbers = tables.overall(report.metrics)
    return {
        "report": report,
        "cards": [] if report.comparison else [number for number in numbers if number.metric.headline],
        "interval": tables.INTERVAL if any(number.bounds for number in numbers) else "",
        "sections": _by_section(numbers),
        "classes": tables.per_class_table(report.metrics),
        "versus": _versus(report.comparison) if report.comparison else None,
        "curve": _image(training_curve(report.history)) if report.history else None,
        "charts": [(chart, _image(chart.figure)) for chart in report.charts],
        "recordings": [],
        "hardest": [],
        "problems": report.problems,
        "silent": split_silent,
    }


def _by_section(numbers: Sequence[Number]) -> dict[str, list[Number]]:
    sections: dict[str, list[Number]] = {}
    for number in numbers:
        sections.setdefault(SECTIONS.get(number.section, number.section), []).append(number)
    return sections


def _versus(comparison: Comparison) -> dict[str, Any]:
    """Two models: cards, tables, and the figure of one metric class by class."""
    title, pairs = class_pairs(comparison)
    return {
        "names": comparison.names,
        "cards": [change for change in changes(comparison) if change.second.metric.headline],
        "table": comparison_table(comparison),
        "classes": difference_table(comparison),
        "title": title,
        "figure": _image(dumbbells(pairs, comparison.names)) if pairs else None,
    }


def _recordings(views: Sequence[RecordingView], room: int, sounds: bool) -> tuple[list[str], int, list[str]]:
    """The recordings as HTML, the room left, and a line for each that no longer fits."""
    lanes = template("lanes.html.j2").module.lanes  # type: ignore[attr-defined]  # a macro
    shown: list[str] = []
    left_out: list[str] = []
    for view in views:
        text = lanes(drawn(view, sounds))
        if len(text) > room:
            left_out.append(f"{view.scores.recording}: not shown, because the page would exceed {LARGEST // 10**6} MB")
            room -= 2 * len(left_out[-1])
            continue
        room -= len(text)
        shown.append(text)
    return shown, room, left_out


def split_silent(table: Table) -> tuple[Table, Table]:
    """A table of classes as two: those that the reference holds, and those without a clip or event in it.

    Without a column that counts the reference, nothing is split off.
    """
    names = {title for (_, key), (title, _) in CLASS_COLUMNS.items() if key == "reference"}
    columns = [place for place, title in enumerate(table.header) if title in names]
    silent = {place for place, row in enumerate(table.rows) if columns and not any(row[column] for column in columns)}
    if len(silent) == len(table.rows):
        return table, replace(table, rows=())
    return _only(table, [place for place in range(len(table.rows)) if place not in silent]), _only(
        table, sorted(silent)
    )


def _only(table: Table, places: Sequence[int]) -> Table:
    """Some rows of a table, with their notes."""
    new = {place: row for row, place in enumerate(places)}
    notes = {(new[row], column): note for (row, column), note in (table.notes or {}).items() if row in new}
    return replace(table, rows=tuple(table.rows[place] for place in places), notes=notes)


def view_figure(view: RecordingView) -> Figure:
    """The picture of a recording."""
    return recording_figure(
        view.logmel,
        view.logmel_clock,
        view.scores,
        view.reference,
        view.detected,
        thresholds=view.thresholds,
        band_hz=view.band_hz,
    )


def _image(figure: Figure) -> str:
    return data_uri(svg(figure), "image/svg+xml")
