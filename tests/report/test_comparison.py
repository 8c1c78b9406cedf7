"""Two models side by side: second less first, and a verdict only where the interval allows one."""

from __future__ import annotations

import pytest

from earmark.report.comparison import Comparison, changes, class_pairs, comparison_table, difference_table
from earmark.report.tables import Difference, Table, markdown_table


def model(f1, error_rate, dog, cat=None):
    rows = {"dog": {"f1": dog, "error_rate": 1 - dog}, "cat": {"f1": cat, "error_rate": 1.0}}
    return {
        "segment": {"f1": f1, "error_rate": error_rate, "insertions": 3, "per_class": rows},
        "event": {
            "reference": 5,
            "per_class": {"dog": {"reference": 4, "f1": dog}, "cat": {"reference": 1, "f1": 0.0}},
        },
    }


PAIRED = {"segment": {"f1": [0.01, 0.2], "per_class": {"dog": {"f1": [-0.1, 0.3]}}}}


def table_of(paired, names=("old", "new")):
    return comparison_table(Comparison(names, model(0.5, 0.9, 0.5, 0.2), model(0.6, 0.7, 0.75), paired))


def test_differences_are_second_less_first_and_counts_are_left_out():
    table = table_of(PAIRED)
    assert table.header == ("metric", "old", "new", "difference", "95 %", "second is")
    assert [row[0] for row in table.rows] == ["Segment F1", "Error rate"]
    assert table.rows[0][1:3] == (0.5, 0.6)
    assert isinstance(table.rows[0][3], Difference)
    assert table.rows[0][3] == pytest.approx(0.1)
    assert table.rows[0][4:] == ("+0.010 to +0.200", "better")
    assert table.rows[1][4:] == ("", "")
    assert "| Segment F1 | 0.500 | 0.600 | +0.100 | +0.010 to +0.200 | better |" in markdown_table(table)


@pytest.mark.parametrize(
    ("key", "bounds", "verdict"),
    [
        ("f1", [0.1, 0.2], "better"),
        ("f1", [-0.2, -0.1], "worse"),
        ("f1", [-0.1, 0.1], "no significant difference"),
        ("f1", [0.0, 0.1], "no significant difference"),
        ("f1", [None, 0.1], ""),
        ("error_rate", [-0.2, -0.1], "better"),
        ("error_rate", [0.1, 0.2], "worse"),
    ],
)
def test_verdicts(key, bounds, verdict):
    found = changes(Comparison(("a", "b"), model(0.5, 0.9, 0.5), model(0.6, 0.7, 0.5), {"segment": {key: bounds}}))
    assert {change.second.key: change.verdict for change in found}[key] == verdict


def test_without_intervals_no_verdict_is_given():
    assert table_of({}).header == ("metric", "old", "new", "difference")


def test_class_by_class():
    table = difference_table(Comparison(("a", "b"), model(0.5, 0.9, 0.5, 0.2), model(0.6, 0.7, 0.75), PAIRED))
    assert table.header == ("class", "segment F1", "error rate", "events", "event F1")
    assert table.rows == (("dog", 0.25, -0.25, 4, 0.25), ("cat", None, 0.0, 1, 0.0))
    assert table.notes is not None
    assert table.notes[0, 1] == "0.500 → 0.750, difference -0.100 to +0.300"
    assert table.notes[1, 1] == "0.200 → –"
    assert (0, 3) not in table.notes


def test_pairs_for_the_figure_are_of_a_metric_that_both_have():
    assert class_pairs(Comparison(("a", "b"), model(0.5, 0.9, 0.5, 0.2), model(0.6, 0.7, 0.75)))[1] == {
        "dog": (0.5, 0.75),
        "cat": (0.2, None),
    }
    assert class_pairs(Comparison(("a", "b"), {}, model(0.6, 0.7, 0.75))) == ("", {})


def test_models_that_share_nothing_give_empty_tables():
    empty = Comparison(("a", "b"), {}, {})
    assert comparison_table(empty) == Table(("metric", "a", "b", "difference"), ())
    assert difference_table(empty).rows == ()
