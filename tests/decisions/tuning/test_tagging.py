import numpy as np
import pytest

from earmark.decisions.tuning import tune_tagging
from earmark.decisions.tuning.tagging import count_tags, tag_thresholds
from earmark.errors import ConfigError


def planted(clips=400, seed=0, bests=(0.15, 0.5, 0.85), noise=0.04):
    """Clips that carry label c score above bests[c], but for noise; the others below."""
    rng = np.random.default_rng(seed)
    heard = rng.random((clips, len(bests))) < 0.3
    gap = 0.05 + 0.05 * rng.random(heard.shape)
    return heard, np.clip(np.where(heard, gap, -gap) + bests + rng.normal(0, noise, heard.shape), 0, 1).astype(
        np.float32
    )


def test_planted_thresholds_are_found():
    heard, scores = planted()
    tuned = tune_tagging(heard, scores, "abc")
    assert list(tuned.thresholds.values()) == pytest.approx([0.15, 0.5, 0.85], abs=0.04)
    held = tuned.report.held_out
    assert held["per class, shrunk"].macro_f1 > held["one threshold"].macro_f1 + 0.1
    assert held["per class, shrunk"].objective >= held["per class"].objective


def test_counts_equal_counting_at_each_threshold():
    rng = np.random.default_rng(3)
    heard, scores = rng.random((50, 3)) < 0.4, (rng.integers(0, 41, (50, 3)) / 40).astype(np.float32)
    fold, grid = rng.integers(0, 3, 50), tag_thresholds()
    counts = count_tags(heard, scores, fold, 3, grid)
    for t, threshold in enumerate(grid):
        tagged = scores >= np.float32(threshold)
        for k in range(3):
            out, said = heard[fold == k], tagged[fold == k]
            slow = [(out & said).sum(axis=0), (~out & said).sum(axis=0), (out & ~said).sum(axis=0)]
            np.testing.assert_array_equal(counts[k, :, t].T, slow)


@pytest.mark.parametrize("what", ["precision", "recall"])
def test_a_target_is_reached_with_the_other_rate_as_high_as_it_lets(what):
    heard, scores = planted(noise=0.05)
    tuned = tune_tagging(heard, scores, "abc", f"{what}=0.95", shrinkages=(0.0,))
    said = scores >= np.float32(list(tuned.thresholds.values()))
    hits = (heard & said).sum(axis=0)
    rates = {"precision": hits / said.sum(axis=0), "recall": hits / heard.sum(axis=0)}
    assert rates[what].min() >= 0.95
    assert min(rates["precision"].min(), rates["recall"].min()) > 0.6


def test_a_target_out_of_reach_is_said():
    rng = np.random.default_rng(0)
    tuned = tune_tagging(rng.random((90, 1)) < 0.3, rng.random((90, 1), dtype=np.float32), ["noise"], "precision=0.99")
    assert any("precision 0.99 is not reached by noise" in note for note in tuned.report.notes)


def test_same_seed_same_result_and_few_clips_are_said_to_be_few():
    heard, scores = planted(60)
    assert tune_tagging(heard, scores, "abc", seed=4) == tune_tagging(heard, scores, "abc", seed=4)
    one = tune_tagging(heard[:1], scores[:1], "abc")
    assert any("too few for cross-validation" in note for note in one.report.notes)


def test_wrong_input_is_refused():
    heard, scores = planted(10)
    with pytest.raises(ConfigError, match="needs events with times"):
        tune_tagging(heard, scores, "abc", "segment-f1")
    with pytest.raises(ValueError, match="2 labels, but reference"):
        tune_tagging(heard, scores, "ab")
    with pytest.raises(ValueError, match="3 labels"):
        tune_tagging(heard[:0], scores[:0], "abc")
