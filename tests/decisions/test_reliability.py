import numpy as np
import pytest

from earmark.decisions import OperatingPoint
from earmark.decisions.reliability import reliability, with_calibration
from earmark.errors import ConfigError


def planted(seed=0, count=5000):
    """Class 0 is honest, class 1 says twice what is true."""
    rng = np.random.default_rng(seed)
    scores = rng.random((count, 2), dtype=np.float32)
    return rng.random((count, 2)) < scores * [1, 0.5], scores


def test_an_honest_class_is_told_from_a_boasting_one():
    honest, boasting = reliability(*planted(), ["honest", "boasting"])
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
    point = with_calibration(OperatingPoint.plain(["honest", "boasting"]), *planted(1), kind)
    heard, scores = planted(2)
    part = point.classes["boasting"].clip_calibration
    mended = np.stack([scores[:, 0], part.apply(scores[:, 1])], axis=1)
    assert reliability(heard, mended, ["honest", "boasting"])[1].ece < 0.06


def test_wrong_input_is_refused():
    point = OperatingPoint.plain(["a", "b"])
    with pytest.raises(ConfigError, match="did you mean 'platt'"):
        with_calibration(point, *planted(), "plat")
    with pytest.raises(ValueError, match="3 labels"):
        reliability(*planted(), ["a", "b", "c"])
