"""Rates from counts are those of the definitions, and NaN where they are not defined."""

import json
import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score as sklearn_f1

from earmark.metrics.rates import class_rates, divide, f1_score, mean_of_known, ratio, sum_by, to_json


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_the_figures_of_a_class_are_those_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    truth, said = (np.array(side) for side in zip(*pairs, strict=True))
    tp = int((truth & said).sum())
    f1, precision, recall, error_rate, deletions, insertions, *_ = class_rates(tp, int(truth.sum()), int(said.sum()))
    assert (deletions, insertions) == (int((truth & ~said).sum()), int((~truth & said).sum()))
    if truth.any() and said.any():
        assert math.isclose(f1, sklearn_f1(truth, said), abs_tol=1e-12)
        assert math.isclose(error_rate, float(np.sum(truth != said) / truth.sum()))
    assert math.isnan(precision) == (not said.any())
    assert math.isnan(recall) == (not truth.any())


def test_what_has_no_denominator_is_not_a_number() -> None:
    assert math.isnan(ratio(0, 0))
    assert math.isnan(f1_score(math.nan, 1.0))
    assert f1_score(0.0, 0.0) == 0.0
    np.testing.assert_array_equal(divide(np.array([1.0, 0.0]), np.array([2.0, 0.0])), [0.5, np.nan])
    np.testing.assert_array_equal(mean_of_known(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])), [2.0, np.nan])


def test_sums_by_index_have_a_place_for_every_index() -> None:
    assert sum_by(np.array([2, 0, 2]), np.array([1.0, 2.0, 3.0]), 4).tolist() == [2.0, 0.0, 4.0, 0.0]


def test_json_has_no_numbers_that_it_cannot_hold() -> None:
    @dataclass
    class Result:
        f1: float
        rows: tuple[float, ...]

    found = to_json({"a": Result(math.nan, (1.0, math.inf))})
    assert json.dumps(found, allow_nan=False) == '{"a": {"f1": null, "rows": [1.0, null]}}'
