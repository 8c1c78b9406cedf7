"""Every figure of an evaluation has its description."""

from __future__ import annotations

from earmark.report.meanings import METRICS
from earmark.report.tables import overall


def test_every_overall_number_of_an_evaluation_is_described(metrics):
    for section, values in metrics.items():
        for key in values:
            assert key in ("per_class", "intervals") or (section, key) in METRICS
    assert len(overall(metrics)) == sum(len(values) - 2 for values in metrics.values())
    assert set(metrics) == {section for section, _ in METRICS}
