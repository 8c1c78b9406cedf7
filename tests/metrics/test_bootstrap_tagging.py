import numpy as np
import pytest

from earmark.labels import Labels
from earmark.metrics import intervals, tagging_metrics, tagging_statistic

LABELS = Labels(["cat", "dog", "owl"])


def test_a_draw_is_the_metric_of_the_clips_drawn():
    rng = np.random.default_rng(1)
    truth = rng.random((30, 3)) < [0.5, 0.2, 0.04]
    scores = rng.integers(0, 6, (30, 3)) + 2 * truth  # ties
    given = scores > 3
    statistic, clips = tagging_statistic(truth, scores=scores, estimated=given)
    assert clips == 30
    for _ in range(60):
        drawn = rng.integers(30, size=30)
        whole = tagging_metrics(truth[drawn], LABELS, scores=scores[drawn], estimated=given[drawn])
        figures = statistic(np.bincount(drawn, minlength=30)[None].astype(float))
        for key, value in figures.overall.items():
            assert value[0] == pytest.approx(getattr(whole, key), abs=1e-9, nan_ok=True)
        for key, values in figures.per_class.items():
            expected = [getattr(part, key) for part in whole.per_class.values()]
            assert list(values[0]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_only_what_is_given_is_resampled():
    truth = np.array([[1], [0], [1]])
    scored, clips = tagging_statistic(truth, scores=truth * 0.5)
    assert set(intervals(scored, clips).overall) == {"map", "mauc", "dprime"}
    tagged, clips = tagging_statistic(truth, estimated=truth)
    assert set(intervals(tagged, clips).overall) == {"micro_f1", "macro_f1", "precision", "recall"}
