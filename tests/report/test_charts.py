"""Curves, matrix and diagram show the numbers they were given; any number of classes can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.decisions.reliability import reliability
from earmark.labels import Labels
from earmark.metrics.psd_roc import Roc, mean_roc
from earmark.metrics.psds import Psds
from earmark.report import confusion, curves, trust
from earmark.report.canvas import svg
from earmark.report.charts import charts
from earmark.report.confusion import confusion_matrix
from earmark.report.curves import precision_recall, psd_roc
from earmark.report.study import PrecisionRecall, Study, confuse
from earmark.report.trust import reliability_diagram

NAMES = ["dog", "$\\frac{", "<b>&", "Vehicle horn, car horn, honking"]


def curve(ap=0.5, points=4, at=(0.5, 0.5)):
    recall = np.arange(1, points + 1) / points
    return PrecisionRecall(recall, np.linspace(1, ap, points), ap, points, at)


def scored(names, at=0.5):
    rocs = {name: Roc(np.array([0.0, 20.0]), np.array([0.1, at]), np.array([np.inf, 0.5])) for name in names}
    return Psds(at, mean_roc(list(rocs.values()), 1.0), {name: roc.area(100) for name, roc in rocs.items()}, rocs, 0)


def tables(classes=3, seed=0, names=None):
    rng = np.random.default_rng(seed)
    scores = rng.random((400, classes)).astype(np.float32)
    names = names or [f"class {number}" for number in range(classes)]
    return reliability(rng.random((400, classes)) < scores, scores, names)


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


def test_the_confusion_counts_what_was_reported_where_a_class_was_missed():
    labels = Labels(["a", "b", "c"])
    truth = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    said = np.array([[0, 1, 1], [0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    found = confuse(truth, said, labels)
    slow = np.zeros((3, 3), dtype=int)
    for true, told in zip(truth, said, strict=True):
        for r in range(3):
            for e in range(3):
                slow[r, e] += bool(true[r] and not told[r] and told[e] and not true[e])
    assert found.counts.tolist() == slow.tolist() == [[0, 2, 1], [0, 0, 0], [0, 0, 0]]
    assert (found.missed.tolist(), found.alone.tolist()) == ([3, 0, 0], [1, 0, 0])
    assert (found.invented.tolist(), found.reference.tolist()) == ([0, 2, 1], [3, 1, 1])
    with pytest.raises(ValueError, match="3 labels, but reference"):
        confuse(truth, said[:, :2], labels)


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
        assert len(figure.axes[0].get_yticks()) <= confusion.MOST + 1
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
