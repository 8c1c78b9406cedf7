"""The charts of a study: which there are, with titles and captions."""

from __future__ import annotations

import numpy as np

from earmark.decisions.reliability import reliability
from earmark.labels import Labels
from earmark.metrics.psd_roc import Roc, mean_roc
from earmark.metrics.psds import Psds
from earmark.report.canvas import svg
from earmark.report.charts import charts
from earmark.report.study import PrecisionRecall, Study, confuse

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
