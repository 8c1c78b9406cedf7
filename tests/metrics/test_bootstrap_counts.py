import math
import random
import time

import numpy as np
import pytest

from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import (
    Collars,
    Criteria,
    counts_statistic,
    event_metrics,
    intersection_metrics,
    intervals,
    segment_metrics,
)

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


def test_a_thousand_draws_are_quick():
    labels = Labels(f"class {number}" for number in range(20))
    reference, estimated = made(400, labels.names)
    begin = time.process_time()
    for metric in METRICS:
        statistic, count = counts_statistic(metric, reference, estimated, labels)
        found = intervals(statistic, count)
        assert all(part.low <= part.value <= part.high for part in found.overall.values())
    assert time.process_time() - begin < 2.0
