"""The reliability diagram shows the tables it was given."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.decisions.reliability import reliability
from earmark.report import trust
from earmark.report.canvas import svg
from earmark.report.trust import reliability_diagram
from tests.report.studies import tables


def test_reliability_pools_the_classes_and_lists_the_worst():
    found = tables(classes=30)
    figure = reliability_diagram(found)
    above, below, right = figure.axes
    series = above.lines[1].get_xydata()
    held = np.sum([table.counts for table in found], axis=0)
    share = sum(np.array(table.counts) * np.array(table.observed, dtype=float) for table in found) / held
    assert series[:, 1] == pytest.approx(share)
    assert [bar.get_height() for bar in below.patches] == held.tolist()
    worst = max(found, key=lambda table: table.ece)
    assert right.get_yticklabels()[0].get_text() == worst.label
    assert len(right.get_yticklabels()) == trust.MOST


def test_before_and_after_calibration_stand_side_by_side():
    figure = reliability_diagram(tables(seed=0), tables(seed=1))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["perfect", "as they are", "calibrated"]
    assert len(figure.axes[1].patches) == 20


def test_empty_bins_and_empty_tables_can_be_drawn():
    few = reliability(np.array([[True]]), np.float32([[0.05]]), ["dog"])
    assert reliability_diagram(few).axes[0].lines[1].get_xydata().tolist() == [[pytest.approx(0.05), 1.0]]
    assert svg(reliability_diagram([]))
