"""Curves and bars show the numbers they were given, and stand missing ones."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from earmark.errors import MissingExtraError
from earmark.report.canvas import png, svg
from earmark.report.figures import dumbbells, per_class_bars, training_curve

ROWS = [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.4, "valid_map": 0.3, "valid_segment_f1": None}]


def lines(figure):
    return {line.get_label(): line.get_xydata().tolist() for axes in figure.axes for line in axes.lines}


def test_the_curve_shows_the_columns_that_are_there():
    assert lines(training_curve(ROWS)) == {"training": [[1, 0.5], [2, 0.4]], "tagging mAP": [[2, 0.3]]}


@pytest.mark.parametrize("rows", [[], [{}], [{"epoch": 1, "train_loss": math.nan}], [{"train_loss": 0.5}], ROWS])
def test_any_log_can_be_drawn(rows):
    assert svg(training_curve(rows)).startswith(b"<?xml")


def test_rows_without_an_epoch_are_counted():
    assert lines(training_curve([{"train_loss": 0.5}, {"train_loss": 0.25}]))["training"] == [[1, 0.5], [2, 0.25]]


def test_bars_stand_in_order_with_the_unknown_last():
    figure = per_class_bars({"a": 0.2, "b": None, "c": 0.9, "$d$_{": 0.5}, "Average precision")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "$d$_{", "a", "b"]
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.5, 0.2, 0.0]
    assert svg(figure)
    assert svg(per_class_bars({}))


def test_whiskers_are_the_intervals():
    figure = per_class_bars({"a": 0.2, "b": 0.5}, bounds={"a": (0.1, 0.4)})
    assert [line.get_xdata().tolist() for line in figure.axes[0].lines] == [[0.5, 0.5], [0.1, 0.4]]


def test_dumbbells_go_from_the_first_model_to_the_second_largest_gain_on_top():
    figure = dumbbells({"a": (0.5, 0.4), "b": (0.1, 0.9), "c": (None, 0.4), "d": (0.2, math.nan)}, ("old", "new"))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [list(pair) for pair in ends] == [[0.1, 0.9], [0.5, 0.4]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["old", "new"]
    assert svg(dumbbells({}, ("a", "$_{")))


def test_figures_are_the_same_every_time_and_leave_no_state():
    before = "matplotlib.pyplot" in sys.modules  # another library of this process may have loaded it
    assert png(training_curve(ROWS)) == png(training_curve(ROWS))
    assert ("matplotlib.pyplot" in sys.modules) == before
    assert not np.array_equal(png(training_curve(ROWS), 50), png(training_curve(ROWS), 100))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r'needs matplotlib: pip install "earmark\[report\]"'):
        training_curve(ROWS)
