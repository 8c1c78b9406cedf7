"""Confusions: a matrix of missed classes against wrongly reported classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.arrays import IntArray
from earmark.report.canvas import FAINT, INK, ORANGE, PAPER, new_figure, plain, shorten
from earmark.report.study import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 40  # rows and columns
_ROW, _HEAD, _FOOT = 0.235, 1.6, 0.12  # inches
_UPRIGHT = 12  # columns up to which their names lean


def confusion_matrix(found: Confusion) -> Figure:
    """Rows: classes missed, with how often of how many. Columns: what was wrongly reported there. Cells: recordings.

    The first column counts those in which nothing was wrongly reported; the last row, all recordings in which a class
    was. Classes without a miss have no row, those
    never wrongly reported no column; of more than `MOST` the most frequent are shown.
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
    """Where counts are above 0, the largest first; at most `MOST`."""
    order = np.argsort(-counts, kind="stable")[:MOST]
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


def _beside(axes: Axes, y: float, told: str) -> None:
    axes.annotate(told, (0, y), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
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
