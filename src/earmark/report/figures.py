"""Curves and bars: the course of training, one bar a class, and how far scores can be trusted.

Each function returns a matplotlib `Figure`; `canvas.svg` and `canvas.png` turn it into bytes. Missing values
(None or NaN) are left out of a line, never drawn as zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.report.canvas import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, new_figure, plain, shorten, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, float | None]

# column of the training log -> (what the legend says, colour)
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


def per_class_bars(values: Mapping[str, float | None], title: str = "", unit: str = "") -> Figure:
    """One horizontal bar a class, best on top, the value at its end; classes without a value come last."""
    known = {label: _number(value) for label, value in values.items()}
    order = sorted(known, key=lambda label: (math.isnan(known[label]), -known[label]))
    figure = new_figure(0.9 + 0.27 * max(1, len(order)), width=7.0)
    axes = figure.subplots()
    tidy(axes, grid="x")
    for place, label in enumerate(order):
        value = known[label]
        axes.barh(place, 0.0 if math.isnan(value) else value, height=0.7, color=BLUE)
        text = "no value" if math.isnan(value) else f"{value:.2f}{unit}"
        axes.annotate(text, (0.0 if math.isnan(value) else value, place), (4, 0), textcoords="offset points",
                      va="center", fontsize=8.5, color=INK)  # fmt: skip
    axes.set_yticks(range(len(order)), [shorten(label) for label in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1.08 * max(1.0, *(v for v in known.values() if not math.isnan(v)), 1.0))
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    plain([*axes.get_yticklabels(), axes.title])
    figure.tight_layout()
    return figure


def reliability(
    predicted: npt.ArrayLike, observed: npt.ArrayLike, counts: npt.ArrayLike, title: str = "Reliability"
) -> Figure:
    """Mean score against the share of positives, a point a bin (bins,), over how many scores each bin holds.

    On the diagonal, a score of 0.8 is right eight times in ten. Bins without scores are left out.
    """
    mean, share, held = (np.asarray(values, dtype=np.float64) for values in (predicted, observed, counts))
    if not mean.shape == share.shape == held.shape or mean.ndim != 1:
        raise ValueError(f"one value a bin is expected, got shapes {mean.shape}, {share.shape}, {held.shape}")
    figure = new_figure(4.6, width=4.6)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
    full = held > 0
    above.plot([0, 1], [0, 1], color=FAINT, linewidth=1.5, linestyle="--", label="perfect")
    above.plot(mean[full], share[full], color=BLUE, linewidth=2, marker="o", markersize=5, label="scores")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that was right")
    above.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper left")
    above.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    below.bar((np.arange(len(held)) + 0.5) / max(1, len(held)), held, width=0.9 / max(1, len(held)), color=SKY)
    below.set(xlabel="score", ylabel="how many")
    for axes in (above, below):
        tidy(axes)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
    plain([above.title])
    figure.align_ylabels()
    figure.tight_layout()
    return figure


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
