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
    Resampling,
    intervals,
    paired_intervals,
    psds,
    psds_metrics_statistic,
    psds_of_events,
    psds_of_events_statistic,
    psds_statistic,
)
from earmark.scores import Scores

LABELS = Labels(["cat", "dog", "owl", "yak"])


def made(recordings, seed=1, contrast=5):
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
    scores, reference = made(recordings)
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
    scores, reference = made(150)
    statistic, count = psds_statistic(scores, reference, LABELS)
    quiet = sorted(range(count), key=lambda number: scores[number].frames.max())[:3]
    weights = np.zeros((1, count))
    weights[0, quiet] = 50.0
    drawn = [replace(scores[n], recording=f"{n}/{copy}") for n in quiet for copy in range(50)]
    whole = psds(drawn, {one.recording: reference[one.recording.split("/")[0]] for one in drawn}, LABELS)
    assert statistic(weights).overall["psds"][0] == pytest.approx(whole.value, abs=1e-9, nan_ok=True)


def test_a_better_system_is_better_on_the_same_recordings():
    worse, reference = made(80, contrast=3)
    better, _ = made(80, contrast=6)
    one, count = psds_metrics_statistic(better, reference, LABELS)
    other, _ = psds_metrics_statistic(worse, reference, LABELS)
    paired = paired_intervals(one, other, count, Resampling(100))
    assert paired.overall["psds1"].low > 0
    assert paired.overall["psds2"].low > 0
    assert np.isnan(paired.per_class["psds1"].value[LABELS.index("yak")])
    alone = intervals(one, count, Resampling(100)).overall["psds2"]
    assert alone.low < alone.high


def test_boxes_too():
    _, reference = made(20)
    found = {name: [event._replace(score=0.5) for event in events] for name, events in reference.items()}
    durations = dict.fromkeys(reference, 4.0)
    statistic, count = psds_of_events_statistic(found, reference, LABELS, durations)
    value = statistic(np.ones((1, count))).overall["psds"][0]
    assert value == psds_of_events(found, reference, LABELS, durations).value == 1.0
    with pytest.raises(ValueError, match="walked twice"):
        psds_statistic(iter(()), reference, LABELS)
