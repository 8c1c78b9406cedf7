import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from earmark.decisions import OperatingPoint, calibration
from earmark.decisions.calibration import Isotonic, Platt, fit_isotonic, fit_platt, reliability
from earmark.decisions.tuning.calibrating import with_calibration
from earmark.errors import ConfigError


def planted(count=4000, slope=2.0, intercept=-1.0, seed=0):
    """Scores whose truth is sigmoid(slope * logit + intercept)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, count)
    heard = rng.random(count) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    return heard, (1 / (1 + np.exp(-logits))).astype(np.float32)


def test_platt_finds_the_planted_map_and_agrees_with_scikit_learn():
    heard, scores = planted()
    fitted = fit_platt(heard, scores)
    assert (fitted.slope, fitted.intercept) == pytest.approx((2, -1), abs=0.15)
    logits = np.log(scores.astype(float) / (1 - scores.astype(float)))[:, None]
    theirs = LogisticRegression(C=1e9).fit(logits, heard)
    assert (fitted.slope, fitted.intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=0.02)


def test_isotonic_equals_scikit_learn_at_the_scores_of_its_steps():
    heard, scores = planted(500)
    fitted = fit_isotonic(heard, scores)
    stairs = IsotonicRegression(out_of_bounds="clip").fit(scores.astype(float), heard)
    np.testing.assert_allclose(sorted(set(stairs.predict(scores.astype(float)).round(9))), np.round(fitted.y, 9))


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_calibrated_scores_mean_what_they_say(fit):
    heard, scores = planted(seed=1)
    fresh, new = planted(seed=2)
    calibrated = fit(heard, scores).apply(new)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (calibrated >= low) & (calibrated < low + 0.2)
        assert abs(calibrated[inside].mean() - fresh[inside].mean()) < 0.08
    assert np.all(np.diff(fit(heard, scores).apply(np.linspace(0, 1, 50, dtype=np.float32))) >= 0)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_very_many_scores_are_fitted_in_groups_that_cost_nothing(fit, monkeypatch):
    heard, scores = planted(20_000)
    assert len(np.unique(scores)) > calibration._GROUPS
    place = np.linspace(0.02, 0.98, 50, dtype=np.float32)
    grouped = fit(heard, scores).apply(place)
    monkeypatch.setattr(calibration, "_GROUPS", len(scores))
    np.testing.assert_allclose(grouped, fit(heard, scores).apply(place), atol=1e-3 if fit is fit_platt else 0.02)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_edge_cases_stay_probabilities(fit):
    scores = np.float32([0, 0.2, 0.2, 0.8, 1])
    for heard in ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 1], [1, 1, 0, 0, 0]):
        out = fit(np.array(heard, dtype=bool), scores).apply(scores)
        assert out.min() >= 0
        assert out.max() <= 1
    nothing = fit(np.zeros(0, dtype=bool), np.zeros(0, np.float32))
    np.testing.assert_allclose(nothing.apply(scores), scores, atol=1e-6)
    with pytest.raises(ValueError, match="expected one reference per score"):
        fit(np.zeros(2, dtype=bool), scores)


def test_impossible_maps_are_refused():
    with pytest.raises(ValueError, match="increasing"):
        Isotonic(x=(0.5, 0.5), y=(0, 1))
    with pytest.raises(ValueError, match="slope"):
        Platt(slope=-1, intercept=0)


def tagged(seed=0, count=5000):
    """Class 0 is honest, class 1 says twice what is true."""
    rng = np.random.default_rng(seed)
    scores = rng.random((count, 2), dtype=np.float32)
    return rng.random((count, 2)) < scores * [1, 0.5], scores


def test_an_honest_class_is_told_from_a_boasting_one():
    honest, boasting = reliability(*tagged(), ["honest", "boasting"])
    assert honest.ece < 0.03
    assert boasting.ece == pytest.approx(0.25, abs=0.03)
    assert boasting.observed[-1] == pytest.approx(0.475, abs=0.06)
    assert sum(honest.counts) == 5000


def test_scores_of_one_and_empty_bins():
    (row,) = reliability(np.array([[True]]), np.float32([[1]]), ["x"], bins=4)
    assert row.counts == (0, 0, 0, 1)
    assert row.mean_score == (None, None, None, 1.0)
    assert reliability(np.zeros((0, 1), bool), np.zeros((0, 1), np.float32), ["x"])[0].ece == 0


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_mends_what_the_table_shows_on_fresh_clips(kind):
    point = with_calibration(OperatingPoint.plain(["honest", "boasting"]), *tagged(1), kind)
    heard, scores = tagged(2)
    part = point.classes["boasting"].clip_calibration
    mended = np.stack([scores[:, 0], part.apply(scores[:, 1])], axis=1)
    assert reliability(heard, mended, ["honest", "boasting"])[1].ece < 0.06


def test_wrong_input_is_refused():
    point = OperatingPoint.plain(["a", "b"])
    with pytest.raises(ConfigError, match="did you mean 'platt'"):
        with_calibration(point, *tagged(), "plat")
    with pytest.raises(ValueError, match="3 labels"):
        reliability(*tagged(), ["a", "b", "c"])
