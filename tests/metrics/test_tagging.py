import math
import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from earmark.labels import Labels
from earmark.metrics import average_precision, d_prime, roc_auc, tagging, tagging_metrics


def names(count):
    return Labels(f"class {number}" for number in range(count))


@st.composite
def tied_scores(draw):
    clips, classes = draw(st.integers(2, 30)), draw(st.integers(1, 3))
    truth = draw(hnp.arrays(np.bool_, (clips, classes)))
    levels = draw(st.sampled_from([2, 5, 1000]))  # few levels: many ties
    scores = draw(hnp.arrays(np.int64, (clips, classes), elements=st.integers(0, levels)))
    return truth, (scores / levels).astype(draw(st.sampled_from([np.float32, np.float64])))


@given(tied_scores())
@settings(max_examples=150, deadline=None)
def test_ap_and_auc_are_those_of_scikit_learn_ties_included(pair):
    truth, scores = pair
    ap, auc = average_precision(truth, scores), roc_auc(truth, scores)
    for column in range(truth.shape[1]):
        y, s = truth[:, column], scores[:, column]
        if y.any():
            assert ap[column] == pytest.approx(average_precision_score(y, s), abs=1e-9)
        else:
            assert math.isnan(ap[column])
        if y.any() and not y.all():
            assert auc[column] == pytest.approx(roc_auc_score(y, s), abs=1e-9)
        else:
            assert math.isnan(auc[column])


def test_decisions_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.random((300, 6)) < [0.5, 0.3, 0.1, 0.05, 0.2, 0.02]
    given_tags = (rng.random((300, 6)) < 0.2) | (truth & (rng.random((300, 6)) < 0.6))
    given_tags[:, 2] = False  # a class with positives, never estimated
    found = tagging_metrics(truth, names(6), estimated=given_tags)
    assert found.micro_f1 == pytest.approx(f1_score(truth, given_tags, average="micro"), abs=1e-12)
    assert found.macro_f1 == pytest.approx(f1_score(truth, given_tags, average="macro", zero_division=0), abs=1e-12)
    assert found.precision == pytest.approx(precision_score(truth, given_tags, average="micro"), abs=1e-12)
    assert found.recall == pytest.approx(recall_score(truth, given_tags, average="micro"), abs=1e-12)
    classes = list(found.per_class.values())
    expected = f1_score(truth, given_tags, average=None, zero_division=0)
    assert [one.f1 for one in classes] == pytest.approx(expected.tolist(), abs=1e-12)
    assert math.isnan(classes[2].precision)
    assert classes[2].f1 == 0
    assert math.isnan(found.map)  # no scores given


def test_means_leave_out_classes_that_have_no_number():
    truth = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]])
    scores = np.array([[0.9, 0.1, 0.5], [0.8, 0.2, 0.5], [0.7, 0.3, 0.5], [0.6, 0.4, 0.5]])
    found = tagging_metrics(truth, names(3), scores=scores, estimated=scores > 0.35)
    one, without_positives, without_negatives = found.per_class.values()
    assert math.isnan(without_positives.ap)
    assert math.isnan(without_positives.f1)  # also left out of macro F1, its false alarm counts in micro F1
    assert math.isnan(without_negatives.auc)
    assert without_negatives.ap == 1  # whatever the scores are: it says nothing, and is left out as well
    assert found.map == one.ap
    assert found.unranked == 2
    assert found.mauc == one.auc
    assert found.macro_f1 == pytest.approx((one.f1 + without_negatives.f1) / 2)
    assert found.micro_f1 == pytest.approx(2 * 6 / (6 + 9))


def test_scores_of_chance_and_of_an_oracle():
    truth = np.arange(10)[:, None] < 3
    assert average_precision(truth, np.zeros((10, 1)))[0] == pytest.approx(0.3)
    assert roc_auc(truth, np.zeros((10, 1)))[0] == 0.5
    found = tagging_metrics(truth, names(1), scores=truth.astype(float))
    assert (found.map, found.mauc, found.dprime) == (1.0, 1.0, math.inf)


def test_d_prime_is_root_two_times_the_normal_quantile():
    assert d_prime(0.8413447460685429) == pytest.approx(math.sqrt(2), abs=1e-9)  # one standard deviation
    assert d_prime(0.2) == pytest.approx(-d_prime(0.8))
    assert math.isnan(d_prime(math.nan))


def test_nothing_estimated_is_f1_zero_without_precision():
    found = tagging_metrics(np.array([[1], [0]]), names(1), estimated=np.array([[0], [0]]))
    assert (found.micro_f1, found.macro_f1, found.recall) == (0.0, 0.0, 0.0)
    assert math.isnan(found.precision)


def test_audioset_size_is_no_work_of_minutes():
    rng = np.random.default_rng(1)
    truth = rng.random((20371, 527), dtype=np.float32) < 0.004
    scores = rng.random((20371, 527), dtype=np.float32)
    begin = time.process_time()
    tagging_metrics(truth, names(527), scores=scores)
    assert time.process_time() - begin < 30  # about 0.2 s on a quiet machine


@pytest.mark.parametrize(
    ("reference", "options", "message"),
    [
        ([[0.3]], {"scores": [[0.5]]}, "contain only 0 and 1"),
        ([[1]], {"scores": [[0.5, 0.2]]}, r"reference \(1, 1\), but scores \(1, 2\)"),
        ([[1]], {"scores": [[math.nan]]}, "a score is NaN"),
        ([[1]], {"estimated": [[1], [0]]}, r"but estimated \(2, 1\)"),
        ([1], {"estimated": [[1]]}, r"must be \(clips, classes\)"),
        ([[1, 0]], {"estimated": [[1, 0]]}, "1 labels, but reference"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(reference, options, message):
    with pytest.raises(ValueError, match=message):
        tagging_metrics(np.array(reference), names(1), **{k: np.array(v) for k, v in options.items()})


def test_nothing_to_rank_is_counted_and_no_number():
    scores = np.array([[0.9, 0.1], [0.2, 0.3]])
    found = tagging_metrics(np.array([[1, 0], [1, 0]]), names(2), scores=scores, estimated=scores > 0.5)
    assert math.isnan(found.map)
    assert math.isnan(found.mauc)
    assert math.isnan(found.dprime)
    assert found.unranked == 2
    assert tagging_metrics(np.array([[1, 0]]), names(2), estimated=np.array([[1, 0]])).unranked is None


@pytest.mark.parametrize("kind", ["random", "rounded", "two values", "one value", "perfect", "reversed", "infinite"])
def test_a_long_tailed_set_is_scored_as_scikit_learn_does(kind):
    """Means over the classes that have positives and negatives, in AudioSet's shape: a few common, many rare."""
    rng = np.random.default_rng(2)
    truth = rng.random((600, 40)) < np.geomspace(0.4, 0.0005, 40)
    truth[:, 3] = True
    scores = rng.standard_normal((600, 40)).astype(np.float32) + truth
    scores = {
        "random": scores,
        "rounded": scores.round(1),
        "two values": (scores > 0.5).astype(np.float32),
        "one value": np.zeros_like(scores),
        "perfect": truth.astype(np.float32),
        "reversed": -truth.astype(np.float32),
        "infinite": np.where(scores > 1, np.inf, scores),
    }[kind]
    found = tagging_metrics(truth, names(40), scores=scores)
    ranked = truth.any(axis=0) & ~truth.all(axis=0)
    assert found.unranked == 40 - ranked.sum() > 1
    finite = np.where(np.isinf(scores), 1e6, scores)  # the same order; scikit-learn wants finite scores
    pairs = [(truth[:, column], finite[:, column]) for column in np.flatnonzero(ranked)]
    area = np.mean([roc_auc_score(*pair) for pair in pairs])
    assert found.map == pytest.approx(np.mean([average_precision_score(*pair) for pair in pairs]), abs=1e-9)
    assert found.mauc == pytest.approx(area, abs=1e-9)
    assert found.dprime == pytest.approx(math.sqrt(2) * scipy.stats.norm.ppf(area), abs=1e-9)


WIDE = st.one_of(
    st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False),
    st.floats(width=32, allow_nan=False, allow_subnormal=False),
    st.sampled_from([0.0, 0.5, 0.5000001, 1.0, 2.0**-126]),
)


@given(st.lists(st.tuples(WIDE, st.booleans()), min_size=1, max_size=60), st.sampled_from([np.float32, np.float64]))
def test_counting_places_clips_as_sorting_does(clips: list[tuple[float, bool]], kind: type) -> None:
    """Scores of any size, close together or far apart, equal or infinite."""
    scores = np.array([score for score, _ in clips], kind)
    positive = np.sort(scores[[held for _, held in clips]])
    with np.errstate(over="ignore"):
        found = tagging._counted(positive, scores)
    for counted, sorted_ in zip(found, tagging._places(positive, np.sort(scores)), strict=True):
        np.testing.assert_array_equal(counted, sorted_)


@pytest.mark.parametrize("levels", [None, 100, 1])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_processor_that_sorts_slowly_gives_the_same_figures(
    monkeypatch: pytest.MonkeyPatch, levels: int | None, kind: type
) -> None:
    random = np.random.default_rng(0)
    reference = random.random((5_000, 20)) < np.linspace(0, 1, 20)
    scores = (1 / (1 + np.exp(3 - 2 * random.standard_normal(reference.shape) - reference))).astype(kind)
    scores = scores if levels is None else np.round(scores * levels) / levels
    found = []
    for fast in (True, False):
        monkeypatch.setattr(tagging, "_sorts_fast", lambda fast=fast: fast)
        found.append((average_precision(reference, scores), roc_auc(reference, scores)))
    np.testing.assert_array_equal(found[0], found[1])
    with pytest.raises(ValueError, match="a score is NaN"):
        average_precision(reference, np.where(reference, np.nan, scores))
