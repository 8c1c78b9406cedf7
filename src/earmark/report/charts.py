"""The charts of an evaluation: reliability diagrams, confusions, curves; with titles and how to read each.

`reliability_diagram` shows how far scores can be trusted as probabilities, before and after calibration,
`confusion_matrix` missed classes against wrongly reported ones; the curves are in `curves.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.arrays import DoubleArray, IntArray
from earmark.decisions.calibration import Reliability
from earmark.report.canvas import BLUE, FAINT, INK, ORANGE, PAPER, SKY, new_figure, plain, shorten, tidy
from earmark.report.curves import precision_recall, psd_roc
from earmark.report.study import Confusion, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MOST_ROWS = 20  # classes with a row on the right
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
    shown = worst[:MOST_ROWS]
    for place, table in enumerate(shown):
        end = after.get(table.label, 0.0 if not calibrated else math.nan)
        axes.plot([end, table.ece], [place, place], color=FAINT, linewidth=2)
        axes.plot(table.ece, place, marker="o", markersize=6, color=BLUE)
        if calibrated:
            axes.plot(end, place, marker="o", markersize=6, color=ORANGE)
    axes.set_yticks(range(len(shown)), [shorten(table.label, 24) for table in shown])
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.set_xlim(left=0)
    few = len(worst) <= MOST_ROWS
    title = "Classes by calibration error" if few else f"The {MOST_ROWS} classes with the largest error"
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.set_xlabel("mean distance from the diagonal", color=INK, fontsize=9)
    plain(axes.get_yticklabels())


MOST_CELLS = 40  # rows and columns
_ROW, _HEAD, _FOOT = 0.235, 1.6, 0.12  # inches
_UPRIGHT = 12  # columns up to which their names lean


def confusion_matrix(found: Confusion) -> Figure:
    """Rows: classes missed, with how often of how many. Columns: what was wrongly reported there. Cells: recordings.

    The first column counts those in which nothing was wrongly reported; the last row, all recordings in which a class
    was. Classes without a miss have no row, those
    never wrongly reported no column; of more than `MOST_CELLS` the most frequent are shown.
    """
    rows = _most(found.missed)
    columns = _most(found.counts[rows].sum(axis=0))
    height = _FOOT + _HEAD + _ROW * (1 + max(2, len(rows)))
    figure = new_figure(height)
    axes = figure.add_axes((0.21, _FOOT / height, 0.765, 1 - (_FOOT + _HEAD) / height))
    _draw_cells(axes, found.counts[np.ix_(rows, columns)], rows, columns)
    for y, row in enumerate(rows):
        alone = found.alone[row]
        axes.text(-1, y, str(alone) if alone else "", ha="center", va="center", fontsize=7.5, color=INK)
        _beside(axes, y, f"{found.missed[row]} of {found.reference[row]}")
    for x, column in enumerate(columns):
        axes.text(x, len(rows), str(found.invented[column]), ha="center", va="center", fontsize=7.5, color=INK)
    names = found.labels.names
    axes.set_yticks(range(len(rows) + 1), [*(shorten(names[row], 20) for row in rows), "wrong in all"])
    axes.set_xticks(range(-1, len(columns)), ["(nothing)", *(shorten(names[column], 20) for column in columns)])
    _finish(axes, len(rows), len(columns))
    return figure


def _most(counts: IntArray) -> list[int]:
    """Where counts are above 0, the largest first; at most `MOST_CELLS`."""
    order = np.argsort(-counts, kind="stable")[:MOST_CELLS]
    return [int(place) for place in order if counts[place] > 0]


def _draw_cells(axes: Axes, cells: IntArray, rows: list[int], columns: list[int]) -> None:
    """Counts as colour and number; a class against itself is hatched out."""
    from matplotlib.colors import LinearSegmentedColormap

    if not cells.size:
        return
    colours = LinearSegmentedColormap.from_list("misses", [PAPER, "#f6c9a8", ORANGE, "#7a3300"])
    top = max(1, int(cells.max()))
    at_x, at_y = np.arange(len(columns) + 1) - 0.5, np.arange(len(rows) + 1) - 0.5
    axes.pcolormesh(at_x, at_y, cells, cmap=colours, vmin=0, vmax=top, edgecolors="#e8ecef", linewidth=0.5)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if row == column:
                axes.fill_between([x - 0.5, x + 0.5], y - 0.5, y + 0.5, color=FAINT, alpha=0.5, linewidth=0)
            elif cells[y, x]:
                colour = PAPER if cells[y, x] > 0.5 * top else INK
                axes.text(x, y, str(cells[y, x]), ha="center", va="center", fontsize=7.5, color=colour)


def _beside(axes: Axes, y: float, text: str) -> None:
    axes.annotate(text, (0, y), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                  va="center", ha="right", fontsize=7.5, color=INK)  # fmt: skip


def _finish(axes: Axes, rows: int, columns: int) -> None:
    axes.set(xlim=(-1.5, max(columns, 1) - 0.5), ylim=(rows + 0.5, -0.5))
    axes.axvline(-0.5, color=FAINT, linewidth=1)
    axes.axhline(rows - 0.5, color=FAINT, linewidth=1)
    axes.xaxis.tick_top()
    axes.tick_params(colors=INK, length=0, labelsize=8)
    axes.tick_params(axis="y", pad=50)  # room for the counts
    for label in axes.get_xticklabels():
        if columns > _UPRIGHT:
            label.set(rotation=90, ha="center")
        else:
            label.set(rotation=35, ha="left", rotation_mode="anchor")
    for side in axes.spines.values():
        side.set_color(FAINT)
    plain([*axes.get_yticklabels(), *axes.get_xticklabels()])
    _beside(axes, -0.85, "missed")
    if not rows:
        axes.text(0.5, 0.5, "nothing was missed", transform=axes.transAxes, ha="center", va="center", color=INK)


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure with its title and how to read it."""

    title: str
    figure: Figure
    caption: str = ""


def charts(study: Study) -> list[Chart]:
    """Whatever the study has something for."""
    found = []
    if study.precision_recall:
        caption = (
            "Precision of the tags (vertical) against the share of the clips with the sound that are found "
            "(horizontal), over all thresholds. A curve through the upper right corner is perfect. The number is the "
            "average precision; the dot marks the operating point. Worst classes first."
        )
        found.append(Chart("Precision and recall", precision_recall(study.precision_recall), caption))
    if study.psds:
        caption = (
            "Share of events found (vertical) against false alarms per hour (horizontal), over all thresholds. The "
            "score is the area under the curve. In the first panel the mean (dashed) is reduced by the deviation "
            "between classes. Worst classes first."
        )
        found.append(Chart("Events found and false alarms", psd_roc(study.psds), caption))
    if study.confusion is not None:
        caption = (
            "In recordings where the sound of a row was missed: how often the sound of a column was reported although "
            "it was not there. A dark cell suggests that one sound was taken for another; a column that is dark "
            "throughout is a class that is reported too often in general."
        )
        found.append(Chart("Missed, and what was reported instead", confusion_matrix(study.confusion), caption))
    if study.reliability:
        caption = "Whether a clip score is a probability: of all clips that score 0.8, are 80 % right?"
        found.append(Chart("Can scores be trusted?", reliability_diagram(study.reliability, study.calibrated), caption))
    return found
