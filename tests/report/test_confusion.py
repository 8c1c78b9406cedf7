"""The matrix shows what was missed and what was reported instead."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.labels import Labels
from earmark.report import confusion
from earmark.report.canvas import svg
from earmark.report.confusion import confusion_matrix
from earmark.report.study import confuse


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
