"""The confusion counts what was reported where a class was missed."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.labels import Labels
from earmark.report.study import confuse


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
