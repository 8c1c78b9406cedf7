from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.decisions.tuning.aims import AtLeast, PooledF1, macro_f1, micro_f1, parse_objective
from earmark.errors import ConfigError


@given(st.integers(0, 10**6))
def test_pooled_f1_is_the_best_of_all_combinations(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 20, (3, 4, 3)).astype(float)
    counts[..., 2] = 20 - counts[..., 0]
    found = PooledF1().values(counts).argmax(axis=1)
    best = max(micro_f1(counts[[0, 1, 2], list(choice)]) for choice in product(range(4), repeat=3))
    assert micro_f1(counts[[0, 1, 2], found]) == pytest.approx(best, abs=1e-12)


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    assert macro_f1(np.array([[1.0, 0, 0], [0, 5, 0], [1, 1, 1]])) == pytest.approx((1 + 0.5) / 2)
    assert macro_f1(np.zeros((2, 3))) == 0


def test_a_target_is_met_with_the_most_of_the_other_rate_or_neared():
    counts = np.array([[[10, 0, 10], [15, 1, 5], [18, 9, 2]]], dtype=float)
    assert AtLeast("precision", 0.9).values(counts).argmax() == 1
    assert AtLeast("recall", 0.9).values(counts).argmax() == 2
    assert AtLeast("recall", 0.99).values(counts).argmax() == 2
    assert AtLeast("precision", 0.9).values(np.array([[[0, 0, 9], [1, 1, 8]]], dtype=float)).argmax() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("segment-f2", "did you mean 'segment-f1'"),
        ("precision=90", "as in precision=0.9"),
        ("recall=much", "as in recall=0.9"),
        ("psds1", "unknown objective 'psds1'"),
    ],
)
def test_unknown_objectives_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_objective(text)
