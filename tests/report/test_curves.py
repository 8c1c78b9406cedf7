"""Curves show the numbers they were given; any number of classes can be drawn."""

from __future__ import annotations

import pytest

from earmark.report import curves
from earmark.report.canvas import svg
from earmark.report.curves import precision_recall, psd_roc
from tests.report.studies import curve, scored


def titles(figure, side="left"):
    return [axes.get_title(side) for axes in figure.axes]


def test_precision_recall_has_a_panel_a_class_worst_first():
    figure = precision_recall({"good": curve(0.9), "bad": curve(0.1), "fair": curve(0.5, at=None)})
    assert titles(figure) == ["mean of all", "bad", "fair", "good"]
    assert titles(figure, "right") == ["0.50", "0.10", "0.50", "0.90"]
    bad = figure.axes[1]
    assert bad.lines[0].get_ydata().tolist() == [1.0, *curve(0.1).precision]
    assert bad.lines[1].get_xydata().tolist() == [[0.5, 0.5]]
    assert len(figure.axes[2].lines) == 1  # no tag was given, so no dot


def test_psd_roc_runs_to_the_end_of_the_axis_in_every_panel():
    figure = psd_roc({"PSDS1": scored(["a", "b"], 0.4), "PSDS2": scored(["a", "b"], 0.8)})
    assert titles(figure) == ["mean minus deviation", "a", "b"]
    assert figure.axes[1].get_title("right") == "0.34 · 0.66"
    assert [line.get_xydata()[-1].tolist() for line in figure.axes[1].lines] == [[100.0, 0.4], [100.0, 0.8]]


@pytest.mark.parametrize("count", [0, 1, 9, 447])
def test_any_number_of_classes_fits(count):
    names = [f"label {number}" for number in range(count)]
    for figure in (
        precision_recall({name: curve(number / 500) for number, name in enumerate(names)}),
        psd_roc({"PSDS1": scored(names)}) if names else psd_roc({}),
    ):
        assert len(figure.axes) == 1 + min(count, curves.MOST)
    assert len(svg(figure)) < 700_000


def test_long_curves_are_thinned_and_keep_their_ends():
    line = precision_recall({"a": curve(0.2, 50_000)}).axes[1].lines[0].get_xydata()
    assert len(line) < 200
    assert line[0].tolist() == [0, 1]
    assert line[-1].tolist() == pytest.approx([1, 0.2])
