"""The charts of a study: which there are, with titles and captions."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.decisions.calibration import reliability
from earmark.labels import Labels
from earmark.report.canvas import svg
from earmark.report.charts import MOST_CELLS, MOST_ROWS, charts, confusion_matrix, reliability_diagram
from earmark.report.study import Study, confuse
from tests.report.studies import curve, scored, tables

NAMES = ["dog", "$\\frac{", "<b>&", "Vehicle horn, car horn, honking"]


def test_a_study_of_little_has_few_charts():
    assert charts(Study()) == []
    truth = np.eye(4, dtype=bool)
    study = Study(
        {name: curve() for name in NAMES},
        {"PSDS1": scored(NAMES), "PSDS2": scored(NAMES)},
        confuse(truth, truth[::-1], Labels(NAMES)),
        tables(4, names=NAMES),
    )
    found = charts(study)
    assert [chart.title for chart in found] == [
        "Precision and recall",
        "Events found and false alarms",
        "Missed, and what was reported instead",
        "Can scores be trusted?",
    ]  # fmt: skip
    assert all(chart.caption and svg(chart.figure) for chart in found)


def test_the_matrix_shows_missed_rows_and_wrong_columns():
    truth = np.array([[1, 0, 0], [1, 0, 0]], dtype=bool)
    said = np.array([[0, 1, 0], [0, 0, 0]], dtype=bool)
    axes = confusion_matrix(confuse(truth, said, Labels(["$a$", "b", "c"]))).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$a$", "wrong in all"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["(nothing)", "b"]
    assert {text.get_text() for text in axes.texts} >= {"1", "2 of 2", "missed"}


@pytest.mark.parametrize("classes", [1, 4, 60])
def test_any_matrix_can_be_drawn(classes):
    rng = np.random.default_rng(classes)
    for share in (0.0, 0.5):
        truth, said = rng.random((2, 300, classes)) < share
        figure = confusion_matrix(confuse(truth, said, Labels(map(str, range(classes)))))
        assert len(figure.axes[0].get_yticks()) <= MOST_CELLS + 1
        assert svg(figure)


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
    assert len(right.get_yticklabels()) == MOST_ROWS


def test_before_and_after_calibration_stand_side_by_side():
    figure = reliability_diagram(tables(seed=0), tables(seed=1))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["perfect", "as they are", "calibrated"]
    assert len(figure.axes[1].patches) == 20


def test_empty_bins_and_empty_tables_can_be_drawn():
    few = reliability(np.array([[True]]), np.float32([[0.05]]), ["dog"])
    assert reliability_diagram(few).axes[0].lines[1].get_xydata().tolist() == [[pytest.approx(0.05), 1.0]]
    assert svg(reliability_diagram([]))
