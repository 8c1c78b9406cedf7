"""Curves and bars: the course of training, one bar a class, two models class by class.

Each function returns a matplotlib `Figure`; `canvas.svg` and `canvas.png` turn it into bytes. Missing values
(None or NaN) are left out of a line, never drawn as zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from earmark.report.canvas import BLUE, GREEN, INK, ORANGE, PURPLE, new_figure, plain, shorten, tidy
from earmark.report.tables import Bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, float | None]

# column of the training log -> (legend, colour)
_LOSSES = {"train_loss": ("training", BLUE), "valid_loss": ("validation", ORANGE)}
_QUALITIES = {
    "valid_map": ("tagging mAP", BLUE),
    "valid_segment_f1": ("segment F1", ORANGE),
    "valid_event_f1": ("event F1", GREEN),
    "valid_micro_f1": ("tagging F1", PURPLE),
}


def training_curve(rows: Sequence[Row]) -> Figure:
    """Losses on the left and validation scores on the right, over epochs (or steps, or rows where neither is given).

    Columns drawn where present: train_loss, valid_loss; valid_map, valid_segment_f1, valid_event_f1, valid_micro_f1.
    """
    figure = new_figure(3.2)
    axis = next((name for name in ("epoch", "step") if any(row.get(name) is not None for row in rows)), None)
    places = [float(i + 1) if axis is None else _number(row.get(axis)) for i, row in enumerate(rows)]
    left, right = figure.subplots(1, 2)
    for axes, title, columns in ((left, "Loss", _LOSSES), (right, "Validation", _QUALITIES)):
        tidy(axes)
        axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
        axes.set_xlabel(axis or "row", color=INK, fontsize=9)
        for column, (name, colour) in columns.items():
            _line(axes, places, [_number(row.get(column)) for row in rows], name, colour)
        if axes.lines:
            axes.legend(frameon=False, fontsize=9, labelcolor=INK)
        else:
            _nothing(axes)
    right.set_ylim(0, 1)
    left.set_ylim(bottom=0)
    figure.tight_layout(w_pad=3)
    return figure


def per_class_bars(
    values: Mapping[str, float | None], title: str = "", unit: str = "", bounds: Mapping[str, Bounds] | None = None
) -> Figure:
    """One horizontal bar a class, best on top, the value at its end; classes without a value come last.

    `bounds` are intervals, drawn as whiskers.
    """
    known = {label: _number(value) for label, value in values.items()}
    order = sorted(known, key=lambda label: (math.isnan(known[label]), -known[label]))
    figure = new_figure(0.9 + 0.27 * max(1, len(order)), width=7.0)
    axes = figure.subplots()
    tidy(axes, grid="x")
    for place, label in enumerate(order):
        value = known[label]
        axes.barh(place, 0.0 if math.isnan(value) else value, height=0.7, color=BLUE)
        low, high = (bounds or {}).get(label, (value, value))
        axes.plot([low, high], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")
        text = "no value" if math.isnan(value) else f"{value:.2f}{unit}"
        axes.annotate(text, (0.0 if math.isnan(value) else max(value, high), place), (4, 0), textcoords="offset points",
                      va="center", fontsize=8.5, color=INK)  # fmt: skip
    axes.set_yticks(range(len(order)), [shorten(label) for label in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1.08 * max(1.0, *(v for v in known.values() if not math.isnan(v)), 1.0))
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    plain([*axes.get_yticklabels(), axes.title])
    figure.tight_layout()
    return figure


def dumbbells(
    pairs: Mapping[str, tuple[float | None, float | None]], names: tuple[str, str], title: str = ""
) -> Figure:
    """A line a class from its value in the first model to that in the second, largest gain on top.

    Classes that lack one of the two are left out.
    """
    known = {label: (float(a), float(b)) for label, (a, b) in pairs.items() if _finite(a) and _finite(b)}
    order = sorted(known, key=lambda label: known[label][0] - known[label][1])
    figure = new_figure(0.9 + 0.22 * max(1, len(order)))
    axes = figure.subplots()
    tidy(axes, grid="x")
    for place, label in enumerate(order):
        first, second = known[label]
        axes.plot([first, second], [place, place], color=GREEN if second >= first else ORANGE, linewidth=3, alpha=0.5)
        axes.plot(first, place, marker="o", markersize=6, color="white", markeredgecolor=INK)
        axes.plot(second, place, marker="o", markersize=6, color=BLUE)
    axes.set_yticks(range(len(order)), [shorten(label, 28) for label in order])
    axes.set_ylim(max(1, len(order)) - 0.4, -0.6)
    ends = [end for pair in known.values() for end in pair]
    axes.set_xlim(min([0.0, *ends]) - 0.02, max([1.0, *ends]) + 0.02)
    handles = [*axes.plot([], [], "o", color="white", markeredgecolor=INK), *axes.plot([], [], "o", color=BLUE)]
    legend = axes.legend(handles, names, frameon=False, fontsize=9, labelcolor=INK, ncols=2, loc="lower right",
                         bbox_to_anchor=(1, 1), borderaxespad=0.2)  # fmt: skip
    plain([*axes.get_yticklabels(), *legend.get_texts()])
    figure.tight_layout()
    return figure


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _line(axes: Axes, places: list[float], values: list[float], name: str, colour: str) -> None:
    """One series with its last point marked; rows without a value don't break the line."""
    points = [(x, y) for x, y in zip(places, values, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if points:
        xs, ys = zip(*points, strict=True)
        axes.plot(xs, ys, color=colour, linewidth=2, label=name, marker="o", markersize=5, markevery=[-1])


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=INK, fontsize=9)
