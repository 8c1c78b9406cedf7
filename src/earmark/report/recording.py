"""One recording in a figure: its spectrogram, the scores and events of the model, and the reference.

On top the log-mel. Beneath, for each class that matters, its frame scores as a filled curve (0 at the foot of the row,
1 at the top), coloured where the class was detected, with the threshold; under the curve two lanes: reference events
and detected events. Or (`trajectories_figure`) the weights along time that a pooling gives. All share one time axis,
whose place in the picture is fixed (`LEFT`, `RIGHT`), so that a page can lay a play head over it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.clock import Clock
from earmark.events import Event
from earmark.report.canvas import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, new_figure, plain, shorten, tidy
from earmark.scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
if TYPE_CHECKING:
    from matplotlib.figure import Figure


Thresholds = Mapping[str, float] | float | None

LEFT, RIGHT = 0.14, 0.94  # where the time axis begins and ends, as shares of the picture's width
_SPECTROGRAM, _ROW, _MARGINS = 2.1, 0.78, 1.0  # inches
_CLOSE = 1e-6  # seconds
_FOOT, _HEAD = 0.36, 0.94  # the curve's share of a row of height 1; the lanes lie under it


def relevant_labels(
    scores: Scores, reference: Sequence[Event] | None, detected: Sequence[Event], most: int = 6
) -> list[str]:
    """The classes worth showing: those that occur or were detected, as they come, then those that nearly were.

    The latter, by falling clip score and from 0.2 up, only to make `most`. Never empty. A reference may name
    classes that the model doesn't know.
    """
    ranked = [scores.labels.names[column] for column in np.argsort(-scores.clip, kind="stable")]
    in_order = [event.label for event in sorted([*(reference or ()), *detected], key=lambda e: e.onset)]
    wanted = list(dict.fromkeys(in_order))
    close = [label for label in ranked if label not in wanted and scores.clip[scores.labels.index(label)] > 0.2]
    wanted += close[: max(0, most - len(wanted))]
    return wanted or ranked[:1]


def recording_figure(
    logmel: npt.NDArray[np.floating],
    logmel_clock: Clock,
    scores: Scores,
    reference: Sequence[Event] | None,
    detected: Sequence[Event],
    *,
    thresholds: Thresholds = None,
    band_hz: Sequence[float] | None = None,
) -> Figure:
    """The picture of one recording.

    logmel (frames, bands) with its own clock; `reference` None where nothing is known; `thresholds` one for all
    or one a label; `band_hz` (bands,) the centre frequency of each band, for the vertical axis.
    """
    labels = relevant_labels(scores, reference, detected)
    rows = len(labels) * _ROW
    height = _SPECTROGRAM + rows + _MARGINS
    figure = new_figure(height)
    top, bottom = 1 - 0.45 / height, 0.5 / height
    grid = figure.add_gridspec(
        2, 1, left=LEFT, right=RIGHT, top=top, bottom=bottom, hspace=0.04, height_ratios=[_SPECTROGRAM, rows]
    )
    above = figure.add_subplot(grid[0])
    below = figure.add_subplot(grid[1], sharex=above)
    _draw_logmel(above, logmel, logmel_clock, band_hz)
    for place, label in enumerate(labels):
        found = [event for event in detected if event.label == label]
        _draw_class(below, -place - 1, label, scores, found, thresholds)
        _draw_lane(below, -place - 1 + 0.19, [event for event in reference or () if event.label == label], BLUE)
        _draw_lane(below, -place - 1 + 0.04, found, ORANGE)
    below.set_ylim(-len(labels), 0)
    above.set_xlim(0, scores.duration)
    _finish(figure, (above, below), labels, scores, known=reference is not None, threshold=thresholds is not None)
    return figure


def _draw_logmel(axes: Axes, logmel: npt.NDArray[np.floating], clock: Clock, band_hz: Sequence[float] | None) -> None:
    frames, bands = logmel.shape
    low, high = np.percentile(logmel, [3, 99.8]) if logmel.size else (0.0, 1.0)
    edges = clock.edges(frames)
    axes.imshow(
        logmel.T, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=max(high, low + 1e-6),
        extent=(edges[0], edges[-1], 0, bands), interpolation="nearest",
    )  # fmt: skip
    if band_hz is None:
        axes.set_yticks([])
        axes.set_ylabel("mel bands", color=INK, fontsize=9)
        return
    marks: dict[float, str] = {}
    for hz in (16000, 8000, 4000, 2000, 1000, 500, 250, 125):
        place = float(np.interp(hz, band_hz, np.arange(bands) + 0.5))
        if band_hz[0] <= hz <= band_hz[-1] and all(abs(place - other) > bands / 12 for other in marks):
            marks[place] = f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"
    axes.set_yticks(list(marks), list(marks.values()))


def _draw_class(
    axes: Axes, foot: float, label: str, scores: Scores, detected: Sequence[Event], thresholds: Thresholds
) -> None:
    """The score curve of one class as steps, coloured where the class was detected, and the threshold."""
    axes.axhline(foot, color=FAINT, linewidth=0.6)
    if label not in scores.labels:
        return
    values = scores.frames[:, scores.labels.index(label)]
    foot += _FOOT
    curve = foot + (_HEAD - _FOOT) * np.append(values, values[-1:])  # the last value up to the last edge
    edges = scores.edges[: len(curve)]
    axes.fill_between(edges, foot, curve, step="post", color=FAINT, alpha=0.55, linewidth=0)
    for event in detected:
        part = slice(max(0, np.searchsorted(edges, event.onset + _CLOSE) - 1), np.searchsorted(edges, event.offset) + 1)
        axes.fill_between(edges[part], foot, curve[part], step="post", color=ORANGE, alpha=0.35, linewidth=0)
    threshold = thresholds.get(label) if isinstance(thresholds, Mapping) else thresholds
    if threshold is not None:
        ends, level = [0.0, scores.duration], foot + (_HEAD - _FOOT) * threshold
        axes.plot(ends, [level, level], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.7)
    axes.step(edges, curve, where="post", color=INK, linewidth=1.0)


def _draw_lane(axes: Axes, foot: float, events: Sequence[Event], colour: str) -> None:
    spans = [(event.onset, event.offset - event.onset) for event in events]
    axes.broken_barh(spans, (foot, 0.11), facecolors=colour, edgecolors="white", linewidth=0.6)


def _wrapped(label: str) -> str:
    """A long label on two lines, the second cut where even that is not enough."""
    first, *rest = textwrap.wrap(label, 17) or [label]
    return "\n".join([first, shorten(" ".join(rest), 17)]) if rest else first


def _finish(
    figure: Figure, both: tuple[Axes, Axes], labels: list[str], scores: Scores, *, known: bool, threshold: bool
) -> None:
    """Names on the left, clip scores on the right, the time beneath, the legend on top."""
    above, below = both
    for axes in both:
        tidy(axes, grid=None)
    above.tick_params(labelbottom=False)
    below.grid(axis="x", color=FAINT, linewidth=0.5)
    below.set_yticks([-place - 0.5 for place in range(len(labels))], [_wrapped(label) for label in labels])
    below.tick_params(axis="y", labelsize=10)
    plain(below.get_yticklabels())
    below.set_xlabel("seconds", color=INK, fontsize=9)
    for place, label in enumerate(labels):
        score = f"{scores.clip[scores.labels.index(label)]:.2f}" if label in scores.labels else "unknown"
        below.annotate(score, (1, -place - 0.5), (6, 0), xycoords=("axes fraction", "data"),
                       textcoords="offset points", va="center", fontsize=9, color=INK)  # fmt: skip
    below.annotate("clip\nscore", (1, 1), (6, 4), xycoords="axes fraction", textcoords="offset points",
                   va="bottom", fontsize=7.5, color=INK)  # fmt: skip
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [Line2D([], [], color=INK, linewidth=1, label="score")]
    if threshold:
        handles.append(Line2D([], [], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="threshold"))
    if known:
        handles.append(Patch(color=BLUE, label="reference"))
    handles.append(Patch(color=ORANGE, label="detected"))
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(RIGHT + 0.008, 1.0), ncols=len(handles),
                  frameon=False, fontsize=9, labelcolor=INK)  # fmt: skip


_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, INK)


def trajectories_figure(
    title: str,
    logmel: npt.NDArray[np.floating],
    logmel_clock: Clock,
    weights: Mapping[str, tuple[Clock, npt.NDArray[np.floating]]],
    duration: float,
) -> Figure:
    """A spectrogram (frames, bands), and under it one panel for each pooling with its weights (steps, heads).

    Each panel has a line a head; a dotted line marks equal weights.
    """
    height = 2.2 + 1.6 * len(weights)
    figure = new_figure(height)
    grid = figure.subplots(1 + len(weights), 1, sharex=True, squeeze=False, height_ratios=[2.0, *[1.5] * len(weights)])[
        :, 0
    ]
    edges = logmel_clock.edges(len(logmel))
    low, high = np.percentile(logmel, [3, 99.8])
    extent = (edges[0], edges[-1], 0, logmel.shape[1])
    grid[0].imshow(
        logmel.T, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high, extent=extent,
        interpolation="nearest",
    )  # fmt: skip
    grid[0].set_yticks([])
    grid[0].set_ylabel("mel bands", color=INK, fontsize=9)
    heading = grid[0].set_title(title, loc="left", fontsize=10, color=INK)
    for axes, (name, (clock, values)) in zip(grid[1:], weights.items(), strict=True):
        times = clock.edges(len(values))
        for head, line in enumerate(values.T):
            label = f"head {head + 1}" if values.shape[1] > 1 else None
            axes.stairs(line, times, color=_COLOURS[head % len(_COLOURS)], linewidth=1.4, label=label, baseline=None)
        axes.axhline(1 / max(1, len(values)), color=INK, linewidth=0.8, linestyle=":")
        axes.set_ylim(bottom=0)
        tidy(axes)
        axes.set_ylabel("weight", color=INK, fontsize=9)
        plain([axes.set_title(name, loc="left", fontsize=9, color=INK)])
        if values.shape[1] > 1:
            axes.legend(fontsize=8, frameon=False, ncols=values.shape[1], loc="lower right", bbox_to_anchor=(1, 1))
    plain([heading])
    grid[-1].set_xlim(0, duration)
    grid[-1].set_xlabel("seconds", color=INK, fontsize=9)
    figure.tight_layout()
    return figure
