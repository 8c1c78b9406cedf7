"""One HTML page that holds everything: numbers, tables, curves, pictures and sounds; no network, no other file.

`Report` is what is known, in plain fields; `write_report` draws it. The text of the page is in `page.html.j2`,
where every value is escaped; a content policy within the page keeps it from loading anything from outside.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from earmark.clock import Clock
from earmark.errors import MissingExtraError
from earmark.events import Event
from earmark.files import write_text
from earmark.report import player, tables
from earmark.report.canvas import data_uri, png, svg
from earmark.report.charts import Chart
from earmark.report.comparison import Comparison, changes, class_pairs, comparison_table, difference_table
from earmark.report.figures import Row, dumbbells, training_curve
from earmark.report.meanings import SECTIONS
from earmark.report.recording import LEFT, RIGHT, Thresholds, recording_figure
from earmark.report.tables import Difference, Number, Table
from earmark.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 8_000_000  # characters of a page; recordings that would exceed it are left out and named
_AROUND = 2_000  # characters that the page writes around a recording, its name and note apart


@dataclass(frozen=True, eq=False)
class RecordingView:
    """A recording to be shown (`recording.recording_figure` explains its parts)."""

    scores: Scores
    logmel: npt.NDArray[np.floating]  # (frames, bands)
    logmel_clock: Clock
    detected: Sequence[Event]
    reference: Sequence[Event] | None = None  # None: nothing is known
    thresholds: Thresholds = None
    band_hz: Sequence[float] | None = None
    waveform: npt.NDArray[np.floating] | None = None  # (samples,) mono; None: no player
    rate: int = 0  # Hz, of the waveform
    note: str = ""  # a sentence on why it is shown


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
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", "report", "writing an HTML report") from error
    source = resources.files("earmark.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"value": tables.text, "bounds": tables.bounds_text}
    environment.tests["difference"] = lambda value: isinstance(value, Difference)
    template = environment.from_string(source)
    values = _values(report)
    room = LARGEST - _AROUND - len(template.render(values))  # the page without its recordings
    recordings, room, left_out = _recordings(report.recordings, room, report.sounds)
    hardest, _, more_left_out = _recordings(report.hardest, room, report.sounds)
    problems = [*report.problems, *left_out, *more_left_out]
    return template.render({**values, "recordings": recordings, "hardest": hardest, "problems": problems})


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
        "left": LEFT,
        "span": RIGHT - LEFT,
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


def _recordings(views: Sequence[RecordingView], room: int, sounds: bool) -> tuple[list[dict[str, Any]], int, list[str]]:
    """What the template shows of each recording, the room left, and a line for each that no longer fits."""
    shown: list[dict[str, Any]] = []
    left_out: list[str] = []
    for view in views:
        picture = data_uri(png(view_figure(view)), "image/png")
        audible = view.waveform if sounds else None
        sound = "" if audible is None else data_uri(player.encode(audible, view.rate), "audio/ogg")
        size = len(picture) + len(sound) + _AROUND + 12 * len(view.note + view.scores.recording)  # escaped, twice
        if size > room:
            left_out.append(f"{view.scores.recording}: not shown, because the page would exceed {LARGEST // 10**6} MB")
            room -= 2 * len(left_out[-1])
            continue
        room -= size
        shown.append({"view": view, "picture": picture, "sound": sound})
    return shown, room, left_out


def view_figure(view: RecordingView) -> Figure:
    """The picture of a recording."""
    return recording_figure(
        view.logmel, view.logmel_clock, view.scores, view.reference, view.detected, view.thresholds, view.band_hz
    )


def _image(figure: Figure) -> str:
    return data_uri(svg(figure), "image/svg+xml")
