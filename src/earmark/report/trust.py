"""How far scores can be trusted as probabilities: reliability diagrams, before and after calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.arrays import DoubleArray
from earmark.decisions.reliability import Reliability
from earmark.report.canvas import BLUE, FAINT, INK, ORANGE, SKY, new_figure, plain, shorten, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 20  # classes with a row on the right
_PALE = "#f2b48c"  # orange, as pale as SKY
_Z = 1.96  # of a 95 % interval


def reliability_diagram(tables: Sequence[Reliability], calibrated: Sequence[Reliability] = ()) -> Figure:
    """Left: the clips of all classes, by score; on the diagonal a score of 0.8 is right eight times in ten.

    Whiskers are 95 % intervals (Wilson's) of the share, wide where a bin holds few. Right: each class's mean
    distance from the diagonal (expected calibration error), worst first. `calibrated`: the same scores calibrated.
    """
    figure = new_figure(5.0)
    grid = figure.add_gridspec(2, 2, height_ratios=[4, 1], width_ratios=[1, 1], hspace=0.12, wspace=0.55,
                               left=0.07, right=0.985, top=0.92, bottom=0.1)  # fmt: skip
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    above.plot([0, 1], [0, 1], color=FAINT, linewidth=1.5, linestyle="--", label="perfect")
    _series(above, tables, "as they are" if calibrated else "scores", BLUE)
    _counts(below, tables, SKY, (0.05, 0.5) if calibrated else (0.05, 0.95))
    if calibrated:
        _series(above, calibrated, "calibrated", ORANGE)
        _counts(below, calibrated, _PALE, (0.5, 0.95))
    above.set(xlim=(0, 1), ylim=(0, 1))
    above.set_ylabel("share that was correct", color=INK, fontsize=9)
    above.tick_params(labelbottom=False)
    above.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper left")
    above.set_title("All classes", loc="left", fontsize=11, color=INK, fontweight="bold")
    below.set_yscale("log")
    below.set_xlabel("score", color=INK, fontsize=9)
    below.set_ylabel("how many", color=INK, fontsize=9)
    for axes in (above, below):
        tidy(axes)
    figure.align_ylabels([above, below])
    _errors(figure.add_subplot(grid[:, 1]), tables, calibrated)
    return figure


def _pooled(tables: Sequence[Reliability]) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Mean score, share that was correct, and how many, of all classes together; (bins,) each, NaN for empty bins."""
    count, score, share = (
        np.array([[0.0 if value is None else value for value in getattr(table, name)] for table in tables])
        for name in ("counts", "mean_score", "observed")
    )
    held = count.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return (count * score).sum(axis=0) / held, (count * share).sum(axis=0) / held, held


def _series(axes: Axes, tables: Sequence[Reliability], name: str, colour: str) -> None:
    if not tables:
        return
    score, share, held = _pooled(tables)
    full = held > 0
    score, share, held = score[full], share[full], held[full]
    # Wilson (1927): the shares p that put the observed one within z standard errors of p
    middle = (share + _Z**2 / (2 * held)) / (1 + _Z**2 / held)
    half = _Z * np.sqrt(share * (1 - share) / held + _Z**2 / (4 * held**2)) / (1 + _Z**2 / held)
    error = float(held @ np.abs(score - share) / held.sum())
    axes.vlines(score, middle - half, middle + half, color=colour, linewidth=1.2, alpha=0.7)
    axes.plot(score, share, color=colour, linewidth=2, marker="o", markersize=5, label=f"{name}: error {error:.3f}")


def _counts(axes: Axes, tables: Sequence[Reliability], colour: str, part: tuple[float, float]) -> None:
    """A bar a bin, from one share of the bin's width to another."""
    if tables:
        held = _pooled(tables)[2]
        left, right = ((np.arange(len(held)) + share) / len(held) for share in part)
        axes.bar(left, held, width=right - left, align="edge", color=colour)


def _errors(axes: Axes, tables: Sequence[Reliability], calibrated: Sequence[Reliability]) -> None:
    """A row a class: its calibration error, and an arrow's worth of how calibration changed it."""
    tidy(axes, grid="x")
    after = {table.label: table.ece for table in calibrated}
    worst = sorted(tables, key=lambda table: -table.ece)
    shown = worst[:MOST]
    for place, table in enumerate(shown):
        end = after.get(table.label, 0.0 if not calibrated else math.nan)
        axes.plot([end, table.ece], [place, place], color=FAINT, linewidth=2)
        axes.plot(table.ece, place, marker="o", markersize=6, color=BLUE)
        if calibrated:
            axes.plot(end, place, marker="o", markersize=6, color=ORANGE)
    axes.set_yticks(range(len(shown)), [shorten(table.label, 24) for table in shown])
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.set_xlim(left=0)
    title = "Classes by calibration error" if len(worst) <= MOST else f"The {MOST} classes with the largest error"
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.set_xlabel("mean distance from the diagonal", color=INK, fontsize=9)
    plain(axes.get_yticklabels())
