"""The operating point for people: a row a label, with the columns that are in use, and what calibrates its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earmark.decisions import ClassPoint, OperatingPoint
from earmark.decisions.calibration import Calibration
from earmark.report.tables import Table, Value


@dataclass(frozen=True)
class _Column:
    title: str
    value: Callable[[ClassPoint], Value]
    method: str = ""  # the only method that it means something to; empty: to all
    always: bool = False  # else shown only where a label departs from doing nothing


_NOTHING = ClassPoint()
_COLUMNS = (
    _Column("tag threshold", lambda part: part.tag_threshold, always=True),
    _Column("event threshold", lambda part: part.onset, always=True),
    _Column("lasts while above", lambda part: part.offset, "threshold"),
    _Column("median filter (s)", lambda part: part.median_seconds, "threshold"),
    _Column("step filter (s)", lambda part: part.step_seconds, "boxes", always=True),
    _Column("dips bridged up to", lambda part: part.merge_absolute, "boxes", always=True),
    _Column("or by a factor of", lambda part: part.merge_relative, "boxes", always=True),
    _Column("shortest event (s)", lambda part: part.min_duration_on),
    _Column("shortest gap (s)", lambda part: part.min_duration_off, "threshold"),
    _Column("pad before (s)", lambda part: part.pad_onset),
    _Column("pad after (s)", lambda part: part.pad_offset),
    _Column("events from clip score", lambda part: part.gate),
    _Column("times clip score", lambda part: "yes" if part.tag_weight else "–"),
    _Column("clip calibration", lambda part: _map_text(part.clip_calibration)),
    _Column("frame calibration", lambda part: _map_text(part.frame_calibration)),
)


def point_table(point: OperatingPoint) -> Table:
    """The operating point, a row a label; only columns that some label makes use of.

    >>> point_table(OperatingPoint.plain(["dog"])).header
    ('class', 'tag threshold', 'event threshold')
    """
    parts = point.classes
    shown = [column for column in _COLUMNS if column.method in ("", point.method) and _in_use(column, point)]
    rows = tuple((label, *(column.value(part) for column in shown)) for label, part in parts.items())
    return Table(("class", *(column.title for column in shown)), rows)


def _in_use(column: _Column, point: OperatingPoint) -> bool:
    if column.title == "lasts while above":  # without hysteresis it repeats the threshold
        return any(part.offset != part.onset for part in point.classes.values())
    return column.always or any(column.value(part) != column.value(_NOTHING) for part in point.classes.values())


def method_text(point: OperatingPoint) -> str:
    """How events are found, in a sentence.

    >>> method_text(OperatingPoint.plain(["dog"]))
    'Events are the stretches in which the score stays above a threshold.'
    """
    if point.method == "boxes":
        return (
            "Events are sound event bounding boxes: changes of the score decide where they begin and end, "
            "the threshold decides which of them count."
        )
    return "Events are the stretches in which the score stays above a threshold."


def calibration_text(point: OperatingPoint) -> str:
    """Whether scores are calibrated, in a sentence.

    >>> calibration_text(OperatingPoint.plain(["dog"]))
    'Scores are not calibrated: they rank, but they are not reliable probabilities.'
    """
    maps = {
        "Clip": [part.clip_calibration for part in point.classes.values()],
        "Frame": [part.frame_calibration for part in point.classes.values()],
    }
    if not any(found for kind in maps.values() for found in kind):
        return "Scores are not calibrated: they rank, but they are not reliable probabilities."
    return " ".join(_calibrated(what, found) for what, found in maps.items())


def _calibrated(what: str, found: list[Calibration | None]) -> str:
    kinds = sorted({"Platt scaling" if part.kind == "platt" else "isotonic maps" for part in found if part})
    if not kinds:
        return f"{what} scores are used as they are."
    count = sum(part is not None for part in found)
    of = "all labels" if count == len(found) else f"{count} of {len(found)} labels"
    return f"{what} scores of {of} are calibrated ({' and '.join(kinds)})."


def _map_text(found: Calibration | None) -> str:
    if found is None:
        return "–"
    if found.kind == "platt":
        return f"Platt {found.slope:.2f}, {found.intercept:+.2f}"
    return f"isotonic, {len(found.x)} points"
