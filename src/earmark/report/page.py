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
from earmark.report.figures import Row, training_curve
from earmark.report.meanings import SECTIONS, Metric
from earmark.report.recording import LEFT, RIGHT, Thresholds, recording_figure
from earmark.report.tables import Table
from earmark.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 8_000_000  # characters of a page; recordings that would exceed it are left out and named


@dataclass(frozen=True, eq=False)
class RecordingView:
    """A recording to be shown (`recording.recording_figure` says what each part means)."""

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
    history: Sequence[Row] = ()  # the training log, one row an epoch
    operating_point: Table | None = None  # thresholds and smoothing, one row a class
    recordings: Sequence[RecordingView] = ()
    figures: Sequence[tuple[str, Figure]] = ()  # more figures, each with a title
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
    environment.filters["value"] = tables.text
    numbers = tables.overall(report.metrics)
    recordings, left_out = _recordings(report.recordings)
    return environment.from_string(source).render(
        report=report,
        cards=[(metric, value) for _, metric, value in numbers if metric.headline],
        sections=_by_section(numbers),
        classes=tables.per_class_table(report.metrics),
        curve=_image(training_curve(report.history)) if report.history else None,
        figures=[(title, _image(figure)) for title, figure in report.figures],
        recordings=recordings,
        problems=[*report.problems, *left_out],
        left=LEFT,
        span=RIGHT - LEFT,
    )


def _by_section(numbers: Sequence[tuple[str, Metric, Any]]) -> dict[str, list[tuple[Metric, Any]]]:
    sections: dict[str, list[tuple[Metric, Any]]] = {}
    for section, metric, value in numbers:
        sections.setdefault(SECTIONS.get(section, section), []).append((metric, value))
    return sections


def _recordings(views: Sequence[RecordingView]) -> tuple[list[dict[str, Any]], list[str]]:
    """What the template shows of each recording, and a line for each that no longer fits."""
    shown: list[dict[str, Any]] = []
    left_out: list[str] = []
    room = LARGEST - 500_000  # for all the rest
    for view in views:
        picture = data_uri(png(_picture(view)), "image/png")
        sound = "" if view.waveform is None else data_uri(player.encode(view.waveform, view.rate), "audio/ogg")
        room -= len(picture) + len(sound)
        if room < 0:
            left_out.append(f"{view.scores.recording}: not shown, the page would grow beyond {LARGEST // 10**6} MB")
            continue
        shown.append({"view": view, "picture": picture, "sound": sound})
    return shown, left_out


def _picture(view: RecordingView) -> Figure:
    return recording_figure(
        view.logmel, view.logmel_clock, view.scores, view.reference, view.detected, view.thresholds, view.band_hz
    )


def _image(figure: Figure) -> str:
    return data_uri(svg(figure), "image/svg+xml")
