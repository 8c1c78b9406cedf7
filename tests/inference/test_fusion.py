from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.errors import ConfigError
from earmark.inference.fusion import mean_scores
from earmark.labels import Labels
from earmark.scores import Scores


def scores(seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    clip, frames = rng.random(3, dtype=np.float32), rng.random((5, 3), dtype=np.float32)
    return Scores("a.wav", Labels(["a", "b", "c"]), clip, frames, Clock(Fraction(1, 25)), 0.2)


def test_fusing_one_model_is_that_model():
    fused = mean_scores([scores(0)])
    assert np.array_equal(fused.frames, scores(0).frames)
    assert np.array_equal(fused.clip, scores(0).clip)


def test_the_mean_of_probabilities_whatever_the_order():
    three = [scores(seed) for seed in range(3)]
    fused = mean_scores(three)
    np.testing.assert_allclose(fused.frames, sum(each.frames.astype(float) for each in three) / 3, atol=1e-7)
    np.testing.assert_allclose(mean_scores(three[::-1]).frames, fused.frames, atol=1e-7)


@pytest.mark.parametrize(
    "other",
    [
        replace(scores(1), labels=Labels(["a", "b", "d"])),
        replace(scores(1), clock=Clock(Fraction(1, 50))),
        replace(scores(1), frames=scores(1).frames[:4]),
    ],
)
def test_models_of_other_labels_or_clocks_are_refused(other: Scores):
    with pytest.raises(ConfigError, match="cannot fuse"):
        mean_scores([scores(0), other])


def test_nothing_to_fuse_is_refused():
    with pytest.raises(ValueError, match="nothing to fuse"):
        mean_scores([])
