"""Weights along time under the spectrogram they were found in: what a pooling attends to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.clock import Clock
from earmark.report.canvas import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
            said = f"head {head + 1}" if values.shape[1] > 1 else None
            axes.stairs(line, times, color=_COLOURS[head % len(_COLOURS)], linewidth=1.4, label=said, baseline=None)
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
