import math
import random
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import (
    PSDS1,
    PSDS2,
    Collars,
    Criteria,
    Resampling,
    counts_statistic,
    event_metrics,
    intersection_metrics,
    intervals,
    paired_intervals,
    psds,
    psds_metrics_statistic,
    psds_of_events,
    psds_of_events_statistic,
    psds_statistic,
    segment_metrics,
    tagging_metrics,
    tagging_statistic,
)
from earmark.scores import Scores

METRICS = {
    segment_metrics: {"segment_length": 0.5},
    event_metrics: {"collars": Collars(0.4, 0.4)},
    intersection_metrics: {"criteria": Criteria(0.4, 0.4)},
}


def made(recordings, labels, seed=1):
    rng = random.Random(seed)
    reference, estimated = {}, {}
    for number in range(recordings):
        name, events = str(number), []
        for _ in range(rng.randint(0, 4)):
            onset = rng.randint(0, 80) / 10
            events.append(Event(onset, onset + rng.randint(1, 30) / 10, rng.choice(labels)))
        found = [
            Event(e.onset + rng.randint(0, 6) / 10, e.offset + 0.6, rng.choice([e.label, labels[0]])) for e in events
        ]
        reference[name], estimated[name] = events, found[rng.randint(0, 1) :]
    return reference, estimated


def close(ours, theirs):
    return ours == pytest.approx(theirs, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_draw_is_the_metric_of_the_recordings_drawn(metric):
    labels = Labels(["cat", "dog", "owl", "yak"])
    reference, estimated = made(12, labels.names[:3])
    statistic, count = counts_statistic(metric, reference, estimated, labels, **METRICS[metric])
    rng = np.random.default_rng(2)
    for _ in range(25):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)
        copies = [(name, copy) for name, times in zip(reference, weights, strict=True) for copy in range(times)]
        drawn = {f"{name}/{copy}": reference[name] for name, copy in copies}
        found = {f"{name}/{copy}": estimated[name] for name, copy in copies}
        whole = metric(drawn, found, labels, **METRICS[metric])
        figures = statistic(weights[None].astype(float))
        for key, value in figures.overall.items():
            assert close(value[0], getattr(whole, key))
        for key, values in figures.per_class.items():
            assert [value for value in values[0]] == pytest.approx(
                [getattr(part, key) for part in whole.per_class.values()], abs=1e-12, nan_ok=True
            )


def test_missing_and_unknown_are_met_as_the_metric_meets_them():
    labels = Labels(["cat", "dog"])
    reference = {"a": [Event(0, 1, "dog")], "b": [Event(0, 1, "cat")]}
    estimated = {"a": [Event(0, 1, "dog"), Event(0, 1, "fox")], "c": [Event(0, 1, "dog")]}
    options = {"unknown_labels": "count", "unknown_recordings": "count"}
    statistic, count = counts_statistic(event_metrics, reference, estimated, labels, **options)
    assert count == 3
    whole = event_metrics(reference, estimated, labels, **options)
    assert close(statistic(np.ones((1, 3))).overall["f1"][0], whole.f1)
    empty, _ = counts_statistic(segment_metrics, reference, {}, labels)
    assert math.isnan(empty(np.ones((1, 2))).overall["f1"][0])


def test_a_thousand_draws_are_no_work_of_minutes():
    labels = Labels(f"class {number}" for number in range(20))
    reference, estimated = made(400, labels.names)
    begin = time.process_time()
    for metric in METRICS:
        statistic, count = counts_statistic(metric, reference, estimated, labels)
        found = intervals(statistic, count)
        assert all(part.low <= part.value <= part.high for part in found.overall.values())
    assert time.process_time() - begin < 30  # about 1 s on a quiet machine


THREE = Labels(["cat", "dog", "owl"])


def test_a_draw_is_the_metric_of_the_clips_drawn():
    rng = np.random.default_rng(1)
    truth = rng.random((30, 3)) < [0.5, 0.2, 0.04]
    scores = rng.integers(0, 6, (30, 3)) + 2 * truth  # ties
    given = scores > 3
    statistic, clips = tagging_statistic(truth, scores=scores, estimated=given)
    assert clips == 30
    for _ in range(60):
        drawn = rng.integers(30, size=30)
        whole = tagging_metrics(truth[drawn], THREE, scores=scores[drawn], estimated=given[drawn])
        figures = statistic(np.bincount(drawn, minlength=30)[None].astype(float))
        for key, value in figures.overall.items():
            assert value[0] == pytest.approx(getattr(whole, key), abs=1e-9, nan_ok=True)
        for key, values in figures.per_class.items():
            expected = [getattr(part, key) for part in whole.per_class.values()]
            assert list(values[0]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("weights", [np.array([[0.5, 0.25, 1.0, 2.0]]), np.array([[1e9, 1, 1, 1]])])
def test_weights_need_not_be_small_whole_numbers(weights):
    truth, scores = np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.8], [0.7], [0.8]])
    statistic, _ = tagging_statistic(truth, scores=scores)
    a, b, c, d = weights[0].tolist()
    expected = (a + c * (a + c) / (a + b + c + d)) / (a + c)
    assert statistic(weights).per_class["ap"].ravel().tolist() == [pytest.approx(expected, abs=1e-15)]


def test_only_what_is_given_is_resampled():
    truth = np.array([[1], [0], [1]])
    scored, clips = tagging_statistic(truth, scores=truth * 0.5)
    assert set(intervals(scored, clips).overall) == {"map", "mauc", "dprime"}
    tagged, clips = tagging_statistic(truth, estimated=truth)
    assert set(intervals(tagged, clips).overall) == {"micro_f1", "macro_f1", "precision", "recall"}


LABELS = Labels(["cat", "dog", "owl", "yak"])


def made_scores(recordings, seed=1, contrast=5):
    rng = np.random.default_rng(seed)
    scores, reference = [], {}
    for number in range(recordings):
        events = []
        for _ in range(rng.integers(0, 4)):
            onset = rng.integers(0, 15) / 5
            events.append(
                Event(onset, onset + rng.integers(2, 8) / 5, str(rng.choice(LABELS.names[:3], p=[0.1, 0.4, 0.5])))
            )
        curve = rng.normal(-3, 1.5, (20, 4))
        for event in events:
            curve[int(event.onset * 5) : int(event.offset * 5), LABELS.index(event.label)] += contrast
        values = (1 / (1 + np.exp(-curve))).astype(np.float32)
        reference[str(number)] = events
        scores.append(Scores(str(number), LABELS, values.max(axis=0), values, Clock(Fraction(1, 5)), 4.0))
    return scores, reference


@pytest.mark.parametrize(
    ("options", "recordings"), [(replace(PSDS1, max_efpr=400), 9), (replace(PSDS2, max_efpr=400), 9), (PSDS2, 150)]
)
def test_a_draw_is_the_psds_of_the_recordings_drawn(options, recordings):
    scores, reference = made_scores(recordings)
    statistic, count = psds_statistic(scores, reference, LABELS, options=options)
    rng = np.random.default_rng(2)
    for _ in range(12):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)
        copies = [(one, copy) for one, times in zip(scores, weights, strict=True) for copy in range(times)]
        drawn = [replace(one, recording=f"{one.recording}/{copy}") for one, copy in copies]
        events = {f"{one.recording}/{copy}": reference[one.recording] for one, copy in copies}
        whole = psds(drawn, events, LABELS, options=options)
        figures = statistic(weights[None].astype(float))
        assert figures.overall["psds"][0] == pytest.approx(whole.value, abs=1e-9, nan_ok=True)
        assert list(figures.per_class["psds"][0]) == pytest.approx(
            list(whole.per_class.values()), abs=1e-9, nan_ok=True
        )


def test_a_draw_that_needs_lower_thresholds_gets_them():
    scores, reference = made_scores(150)
    statistic, count = psds_statistic(scores, reference, LABELS)
    quiet = sorted(range(count), key=lambda number: scores[number].frames.max())[:3]
    weights = np.zeros((1, count))
    weights[0, quiet] = 50.0
    drawn = [replace(scores[n], recording=f"{n}/{copy}") for n in quiet for copy in range(50)]
    whole = psds(drawn, {one.recording: reference[one.recording.split("/")[0]] for one in drawn}, LABELS)
    assert statistic(weights).overall["psds"][0] == pytest.approx(whole.value, abs=1e-9, nan_ok=True)


def test_a_better_system_is_better_on_the_same_recordings():
    worse, reference = made_scores(80, contrast=3)
    better, _ = made_scores(80, contrast=6)
    one, count = psds_metrics_statistic(better, reference, LABELS)
    other, _ = psds_metrics_statistic(worse, reference, LABELS)
    paired = paired_intervals(one, other, count, Resampling(100))
    assert paired.overall["psds1"].low > 0
    assert paired.overall["psds2"].low > 0
    assert np.isnan(paired.per_class["psds1"].value[LABELS.index("yak")])
    alone = intervals(one, count, Resampling(100)).overall["psds2"]
    assert alone.low < alone.high


def test_boxes_too():
    _, reference = made_scores(20)
    found = {name: [event._replace(score=0.5) for event in events] for name, events in reference.items()}
    durations = dict.fromkeys(reference, 4.0)
    statistic, count = psds_of_events_statistic(found, reference, LABELS, durations)
    value = statistic(np.ones((1, count))).overall["psds"][0]
    assert value == psds_of_events(found, reference, LABELS, durations).value == 1.0
    with pytest.raises(ValueError, match="iterated twice"):
        psds_statistic(iter(()), reference, LABELS)
