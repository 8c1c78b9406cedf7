import math

import numpy as np
import pytest

from earmark.metrics.psd_roc import Rates, Roc, class_roc, cut, mean_roc
from earmark.metrics.threshold_steps import CROSS, FALSE, TRUE


def roc(*corners):
    efpr, tpr = zip(*corners, strict=True)
    return Roc(np.array(efpr, dtype=float), np.array(tpr, dtype=float), np.zeros(len(efpr)))


def test_the_curve_keeps_operating_points_that_find_more():
    # 1 false at .9, 1 of 2 found at .8; at .6 the false report is gone again; at .5 all found, 3 false
    score = np.float32([0.9, 0.8, 0.6, 0.5, 0.5, 0.5])
    kind, amount = np.array([FALSE, TRUE, FALSE, TRUE, FALSE, FALSE]), np.array([1, 1, -1, 1, 2, 1])
    rates = Rates(np.array([2.0]), np.array([1.0]), duration=3600.0, unit=3600.0, alpha_ct=0.0)
    found = class_roc(score, kind, amount, 2, rates)
    assert found.efpr.tolist() == [0.0, 3.0]
    assert found.tpr.tolist() == [0.5, 1.0]
    assert found.threshold.tolist() == [np.float32(0.6), 0.5]
    assert cut(found, 2.9).tpr.tolist() == [0.5]
    assert class_roc(score[:0], kind[:0], amount[:0], 2, rates).tpr.tolist() == [0.0]


def test_cross_triggers_weigh_by_the_other_class_s_seconds():
    rates = Rates(np.array([1.0, 1.0, 2.0]), np.array([9.0, 10.0, 20.0]), duration=100.0, unit=50.0, alpha_ct=0.5)
    kind, amount = np.array([FALSE, CROSS + 1, CROSS + 2, TRUE]), np.array([1, 1, 1, 1])
    found = class_roc(np.full(4, 0.5), kind, amount, 1, rates)
    assert found.efpr.tolist() == [0.0, pytest.approx(50 * (1 / 100 + 0.5 * (1 / 10 + 1 / 20) / 2))]


def test_the_mean_is_taken_at_every_corner():
    one, other = roc((0, 0.0), (10, 1.0)), roc((0, 0.5), (20, 1.0))
    plain = mean_roc([one, other], alpha_st=0.0)
    assert plain.efpr.tolist() == [0, 10, 20]
    assert plain.tpr.tolist() == [0.25, 0.75, 1.0]
    assert mean_roc([one, other], alpha_st=1.0).tpr.tolist() == [0.0, 0.5, 1.0]
    assert mean_roc([one, other], alpha_st=9.0).tpr.tolist() == [0.0, 0.0, 1.0]  # never below 0
    assert plain.area(40.0) == (0.25 * 10 + 0.75 * 10 + 20) / 40
    assert math.isnan(mean_roc([], 1.0).area(40.0))
