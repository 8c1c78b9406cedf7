"""Metrics as tables: everything that is there appears, nothing that isn't breaks."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from earmark.report.meanings import CLASS_COLUMNS, describe
from earmark.report.tables import Table, markdown_table, overall, overall_table, per_class_table, text


def test_every_column_shown_is_a_key_of_an_evaluation(metrics):
    for section, key in CLASS_COLUMNS:
        assert key in metrics[section]["per_class"]["siren"]


def test_headline_comes_first_and_values_are_those_of_the_metrics(metrics):
    header, rows = overall_table(metrics).header, overall_table(metrics).rows
    assert header == ("metric", "value", "95 %", "what it says")
    assert [row[0] for row in rows[:2]] == ["mAP", "mAUC"]
    assert dict(row[:2] for row in rows)["Segment F1"] == metrics["segment"]["f1"]


def test_per_class_rows_keep_labels_as_they_are(metrics):
    table = per_class_table(metrics)
    assert [row[0] for row in table.rows] == list(metrics["tagging"]["per_class"])
    assert table.header[:4] == ("class", "clips", "AP", "AUC")
    assert len(table.shares) == len(table.header)
    siren = dict(zip(table.header, table.rows[0], strict=True))
    assert siren["segment F1"] == metrics["segment"]["per_class"]["siren"]["f1"]
    full = per_class_table(metrics, full=True)
    assert len(full.header) == 1 + sum(len(section["per_class"]["siren"]) - 1 for section in metrics.values())


def test_intervals_stand_beside_their_numbers():
    metrics = {
        "segment": {
            "f1": 0.5,
            "error_rate": 0.9,
            "intervals": {"f1": [0.25, 0.75], "error_rate": [None, 1.0]},
            "per_class": {"dog": {"f1": 0.5, "intervals": {"f1": [0.125, 1.0]}}, "cat": {"f1": 0.5}},
        }
    }
    assert [number.bounds for number in overall(metrics)] == [(0.25, 0.75), None]
    table = overall_table(metrics)
    assert [row[:3] for row in table.rows] == [("Segment F1", 0.5, "0.250 to 0.750"), ("Error rate", 0.9, "")]
    assert per_class_table(metrics).notes == {(0, 1): "95 %: 0.125 to 1.000"}
    assert overall_table({"segment": {"f1": 0.5}}).header == ("metric", "value", "what it says")


def test_missing_sections_classes_and_values():
    assert overall_table({}).rows == ()
    assert per_class_table({}).rows == ()
    table = per_class_table(
        {
            "tagging": {"map": None, "per_class": {"a": {"ap": None}, "b": {"ap": 0.5}}},
            "event": {"f1": math.nan, "per_class": {"b": {"f1": 0.25}}},
        }
    )
    assert table.rows == (("a", None, None), ("b", 0.5, 0.25))
    assert per_class_table({"segment": {"f1": 0.5}}).rows == ()


def test_an_unknown_section_is_shown_under_its_own_names():
    metrics = {"new": {"good_1": 0.3, "per_class": {"dog": {"good_1": 0.2}}}}
    assert overall_table(metrics).rows == (("good 1", 0.3, ""),)
    assert per_class_table(metrics).header == ("class", "new good 1")


def test_the_length_of_a_slice_is_said():
    assert "segments of 0.5 s" in describe("segment", "f1", 0.5).meaning
    assert "segments of 0.1 s" in overall_table({"segment": {"f1": 0.1, "segment_length": 0.1}}).rows[0][2]


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_markdown_cells_never_break_the_table(cells):
    lines = markdown_table(Table(("a", "b"), (tuple(cells),))).splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_numbers_are_right_aligned_and_written_for_people():
    table = markdown_table(Table(("class", "n", "F1"), (("dog", 3, 0.12345), ("cat", None, None))))
    assert table.splitlines()[1:] == ["|---|---:|---:|", "| dog | 3 | 0.123 |", "| cat | – | – |"]
    assert text(math.inf) == "–"


def test_tables_are_made_of_what_json_holds(metrics):
    assert overall_table(json.loads(json.dumps(metrics))).rows == overall_table(metrics).rows
