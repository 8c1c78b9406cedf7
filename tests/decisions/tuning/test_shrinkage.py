import math

import numpy as np
import pytest

from earmark.decisions.tuning.aims import ClassF1
from earmark.decisions.tuning.shrinkage import assign_folds, choose


def f1_counts(best, positives, thresholds=11, width=2):
    """Counts of one class whose F1 peaks at threshold `best`: (thresholds, 3)."""
    away = np.abs(np.arange(thresholds) - best)
    hits = np.maximum(positives * (1 - away / (thresholds * width)), 0)
    return np.stack([hits, positives * away / width, positives - hits], axis=1)


def test_a_rare_class_follows_the_pool_and_a_frequent_one_does_not():
    counts = np.stack([f1_counts(5, 50), f1_counts(5, 50), f1_counts(2, 200), f1_counts(9, 1)])
    assert choose(counts, ClassF1(), 0.0, 100, 11).tolist() == [5, 5, 2, 9]
    shrunk = choose(counts, ClassF1(), 16.0, 100, 11)
    pooled = choose(counts, ClassF1(), math.inf, 100, 11)
    assert len(set(pooled.tolist())) == 1
    assert shrunk[2] == 2
    assert abs(shrunk[3] - pooled[3]) <= 1


def test_a_class_without_positives_takes_the_pool_s_choice():
    counts = np.stack([f1_counts(7, 50), f1_counts(7, 20), np.zeros((11, 3))])
    assert choose(counts, ClassF1(), 0.0, 50, 11).tolist() == [7, 7, 7]


def test_of_equals_the_simplest_setting_and_the_middle_threshold():
    flat = np.tile([5.0, 0, 0], (1, 10, 1))  # two settings of five thresholds, all perfect
    assert choose(flat, ClassF1(), 0.0, 5, 5).tolist() == [2]


@pytest.mark.parametrize("folds", [2, 5])
def test_rare_labels_are_spread_over_the_folds(folds):
    rng = np.random.default_rng(0)
    tags = rng.random((100, 4)) < [0.5, 0.3, 0.1, 0.0]
    tags[:folds, 3] = True
    fold = assign_folds(tags, folds, seed=1)
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 2
    assert np.bincount(fold[tags[:, 3]], minlength=folds).tolist() == [1] * folds
    assert fold.tolist() == assign_folds(tags, folds, seed=1).tolist() != assign_folds(tags, folds, seed=2).tolist()
