"""The charts of a study: which there are, with titles and captions."""

from __future__ import annotations

import numpy as np

from earmark.labels import Labels
from earmark.report.canvas import svg
from earmark.report.charts import charts
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
