"""Curves of many classes: precision over recall, and PSD-ROC, as small panels that share their axes.

The first panel is of all classes, each other of one; where there are too many, those that do worst and best are
shown. Curves are staircases and drawn as such, thinned where no difference is visible (`_MOST_POINTS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.arrays import DoubleArray
from earmark.metrics.psd_roc import Roc, mean_roc
from earmark.metrics.psds import Psds
from earmark.report.canvas import BLUE, FAINT, GREEN, INK, ORANGE, SKY, new_figure, plain, shorten, tidy
from earmark.report.study import PrecisionRecall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 41  # classes that get their own panel
_ACROSS = 6  # panels in a row
_MOST_POINTS = 160
_COLOURS = (BLUE, ORANGE, GREEN)


def precision_recall(curves: Mapping[str, PrecisionRecall]) -> Figure:
    """A panel a class, worst first, headed by its average precision; the dot is where the tags that were given lie.

    The first panel has all curves, and the mean of their precision at each recall.
    """
    order = _worst_and_best(curves, lambda name: curves[name].ap)
    figure, mean, panels = _panels(order)
    at = np.linspace(0, 1, 101)
    read = np.array([_precision_at(curve, at) for curve in curves.values()]).reshape(-1, len(at))
    for curve in _some(list(curves.values())):
        mean.plot(*_thin(curve.recall, curve.precision), drawstyle="steps-pre", color=FAINT, linewidth=0.7, alpha=0.8)
    if len(read):
        mean.plot(at, read.mean(axis=0), color=BLUE, linewidth=2.2)
        _head(mean, "mean of all", f"{np.mean([curve.ap for curve in curves.values()]):.2f}", large=True)
    for name, axes in panels:
        curve = curves[name]
        recall, precision = _thin(np.append(0.0, curve.recall), np.append(curve.precision[:1], curve.precision))
        axes.fill_between(recall, precision, step="pre", color=SKY, alpha=0.25, linewidth=0)
        axes.plot(recall, precision, color=BLUE, linewidth=1.4, drawstyle="steps-pre")
        if curve.at is not None:
            axes.plot(*curve.at, marker="o", markersize=5, color=ORANGE, markeredgecolor="white", clip_on=False)
        _head(axes, name, f"{curve.ap:.2f}")
    _finish(figure, [mean, *(axes for _, axes in panels)], "recall", "precision", (0, 1))
    return figure


def psd_roc(found: Mapping[str, Psds], max_efpr: float = 100.0) -> Figure:
    """PSD-ROC: share of events found over effective false positives per hour, one colour a name of `found`.

    The first panel has the mean curve, lowered by how much classes differ: its area is the PSDS. Dashed, the
    mean itself. Classes worst first by the mean of their areas.
    """
    one_of_each = [scored.per_class for scored in found.values()]
    names = [name for scored in list(found.values())[:1] for name in scored.class_rocs]
    order = _worst_and_best(names, lambda name: float(np.mean([areas[name] for areas in one_of_each])))
    figure, mean, panels = _panels(order)
    for colour, scored in zip(_COLOURS, found.values(), strict=False):
        _staircase(mean, scored.roc, max_efpr, colour, 2.2)
        plain_mean = mean_roc(list(scored.class_rocs.values()), 0.0)
        mean.plot(*_thin(plain_mean.efpr, plain_mean.tpr), color=colour, linewidth=1, linestyle="--", alpha=0.7)
        for name, axes in panels:
            _staircase(axes, scored.class_rocs[name], max_efpr, colour, 1.3)
    _head(mean, "mean minus deviation", _areas(scored.value for scored in found.values()), large=True)
    for name, axes in panels:
        _head(axes, name, _areas(areas[name] for areas in one_of_each))
    _finish(figure, [mean, *(axes for _, axes in panels)], "false alarms per hour", "events found", (0, max_efpr))
    _legend(figure, list(found))
    return figure


def _worst_and_best(names: Iterable[str], value: Callable[[str], float]) -> list[str]:
    """Names by rising value; without the middle if there are more than `MOST`."""
    order = sorted(names, key=lambda name: (value(name), name))
    if len(order) <= MOST:
        return order
    return order[: (MOST + 1) // 2] + order[len(order) - MOST // 2 :]


def _panels(order: Sequence[str]) -> tuple[Figure, Axes, list[tuple[str, Axes]]]:
    """A figure, its first panel, twice as wide and high as the others, and the panel of each name."""
    beside = 2 * (_ACROSS - 2)  # panels that find room beside the first
    rows = 2 + max(0, math.ceil((len(order) - beside) / _ACROSS))
    height = 0.65 + 1.62 * rows
    figure = new_figure(height)
    grid = figure.add_gridspec(
        rows, _ACROSS, left=0.055, right=0.99, top=1 - 0.45 / height, bottom=0.4 / height, wspace=0.16, hspace=0.5
    )
    places = [(row, column) for row in range(rows) for column in range(_ACROSS) if row > 1 or column > 1]
    first = figure.add_subplot(grid[:2, :2])
    panels = [(name, figure.add_subplot(grid[place])) for name, place in zip(order, places, strict=False)]
    return figure, first, panels


def _finish(figure: Figure, panels: Sequence[Axes], across: str, upwards: str, span: tuple[float, float]) -> None:
    for axes in panels:
        tidy(axes)
        axes.grid(axis="x", color=FAINT, linewidth=0.4)
        axes.set(xlim=span, ylim=(0, 1.02), xticks=np.linspace(*span, 3), yticks=(0, 0.5, 1))
        axes.set_xticklabels([f"{place:g}" for place in np.linspace(*span, 3)])
        axes.tick_params(labelsize=7)
        axes.get_xticklabels()[0].set_horizontalalignment("left")
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
    for axes in panels[1:]:
        axes.set_yticklabels([])
    panels[0].tick_params(labelsize=9)
    panels[0].set_xlabel(across, color=INK, fontsize=9)
    panels[0].set_ylabel(upwards, color=INK, fontsize=9)
    panels[0].yaxis.labelpad = 0


def _head(axes: Axes, name: str, value: str, large: bool = False) -> None:
    """The name on the left of a panel's head, its value on the right."""
    two = len(value) > 5
    size = 11.0 if large else 7.5 if two else 8.0
    name = shorten(name, 24 if large else 12 if two else 17)
    title = axes.set_title(name, loc="left", fontsize=size, color=INK, pad=4)
    right = axes.set_title(value, loc="right", fontsize=size - (two and not large), color=INK, pad=4)
    title.set_fontweight("bold" if large else "normal")
    right.set_fontweight("bold")
    plain([title])


def _areas(values: Iterable[float]) -> str:
    return " · ".join("–" if math.isnan(value) else f"{value:.2f}" for value in values)


def _legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=c, linewidth=2, label=name) for c, name in zip(_COLOURS, names, strict=False)]
    figure.legend(handles=handles, loc="upper right", ncols=len(handles), frameon=False, fontsize=9, labelcolor=INK,
                  bbox_to_anchor=(0.995, 1.0), borderaxespad=0.1)  # fmt: skip


def _staircase(axes: Axes, roc: Roc, span: float, colour: str, width: float) -> None:
    """The curve, its last height held to the end of the axis."""
    if not len(roc.tpr):
        return
    efpr, tpr = _thin(np.append(roc.efpr, span), np.append(roc.tpr, roc.tpr[-1]))
    axes.fill_between(efpr, tpr, step="post", color=colour, alpha=0.08, linewidth=0)
    axes.plot(efpr, tpr, color=colour, linewidth=width, drawstyle="steps-post")


def _precision_at(curve: PrecisionRecall, recall: DoubleArray) -> DoubleArray:
    """Precision at each recall: that of the threshold which just reaches it."""
    place = np.searchsorted(curve.recall, recall - 1e-9)
    return np.asarray(curve.precision[np.minimum(place, len(curve.precision) - 1)])


def _some(curves: Sequence[PrecisionRecall], most: int = 80) -> Sequence[PrecisionRecall]:
    """At most as many curves as can be distinguished behind their mean."""
    return curves[:: math.ceil(len(curves) / most)] if curves else curves


def _thin(x: DoubleArray, y: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """A curve with fewer points, first and last kept."""
    if len(x) <= _MOST_POINTS:
        return x, y
    keep = np.unique(np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(np.int64))
    return x[keep], y[keep]
