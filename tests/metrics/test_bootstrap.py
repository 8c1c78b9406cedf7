import numpy as np
import pytest

from earmark.metrics import Figures, Resampling, intervals, paired_intervals


def mean_of(values):
    return lambda weights: Figures({"mean": weights @ values / weights.sum(axis=1)}, {"each": weights * values})


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = intervals(mean_of(values), 400, Resampling(resamples=4000)).overall["mean"]
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(2)
    held = 0
    for seed in range(200):
        found = intervals(mean_of(random.normal(1, 1, 100)), 100, Resampling(400, 0.9, seed)).overall["mean"]
        held += found.low <= 1 <= found.high
    assert 165 <= held <= 193


def test_seeded_and_in_blocks(monkeypatch):
    values = np.arange(50.0)
    first = intervals(mean_of(values), 50, Resampling(100, seed=3)).overall["mean"]
    again = intervals(mean_of(values), 50, Resampling(100, seed=3)).overall["mean"]
    other = intervals(mean_of(values), 50, Resampling(100, seed=4)).overall["mean"]
    assert (first.low, first.high) == (again.low, again.high) != (other.low, other.high)
    monkeypatch.setattr("earmark.metrics.bootstrap._WEIGHTS_AT_ONCE", 50 * 7)
    blocks = list(Resampling(100, seed=3).weights(50))
    assert [len(block) for block in blocks] == [7] * 14 + [2]
    assert all((block.sum(axis=1) == 50).all() for block in blocks)
    in_blocks = intervals(mean_of(values), 50, Resampling(100, seed=3)).overall["mean"]
    assert (in_blocks.low, in_blocks.high) == (first.low, first.high)


def test_a_small_steady_difference_is_seen_only_in_pairs():
    values = np.random.default_rng(5).normal(0, 10, 300)
    better = values + 0.2
    alone = [intervals(mean_of(system), 300).overall["mean"] for system in (values, better)]
    assert alone[0].high > alone[1].low  # each is far from sure
    paired = paired_intervals(mean_of(better), mean_of(values), 300).overall["mean"]
    assert paired.low == pytest.approx(0.2)
    assert paired.high == pytest.approx(0.2)


def test_what_a_draw_lacks_is_left_out():
    def statistic(weights):
        sometimes = np.where(weights[:, 0] > 0, weights[:, 0], np.nan)
        return Figures({"never": sometimes * np.nan}, {"some": np.stack([sometimes, sometimes * 0 + 1], axis=1)})

    found = intervals(statistic, 3)
    assert np.isnan(found.overall["never"].low)
    assert found.per_class["some"].low.tolist() == [1.0, 1.0]
    assert found.to_json(["cat", "dog"]) == (
        {"never": [None, None]},
        {"cat": {"some": [1.0, found.per_class["some"].high[0]]}, "dog": {"some": [1.0, 1.0]}},
    )
    assert np.isnan(
        intervals(lambda weights: Figures({"none": weights.sum(axis=1) * np.nan}, {}), 0).overall["none"].low
    )
    with pytest.raises(ValueError, match="confidence between 0 and 1"):
        Resampling(confidence=95)
