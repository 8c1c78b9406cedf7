"""Recordings made up for the tests of tuning: known events, frame scores with noise, each class on its own scale."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from earmark.clock import Clock
from earmark.decisions.tuning import ThresholdGrid
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

SMALL = ThresholdGrid(
    median_seconds=(0.0, 0.5),
    min_duration_off=(0.0, 0.3),
    min_duration_on=(0.0, 0.3),
    offset_share=(1.0,),
    tag_gate=(False,),
    pad_offset=(0.0,),
)
PLAIN = replace(SMALL, median_seconds=(0.0,), min_duration_off=(0.0,), min_duration_on=(0.0,))


def made(recordings=60, classes=4, seed=0, frames=100, noise=0.5, rates=None, scales=None):
    """(references, scores): class c speaks as loudly as scales[c] lets it, and is present at rates[c]."""
    rng = np.random.default_rng(seed)
    labels = Labels([f"c{i}" for i in range(classes)])
    rates = np.full(classes, 0.4) if rates is None else np.asarray(rates)
    scales = np.linspace(-2.5, 1.5, classes) if scales is None else np.asarray(scales)
    references, many = [], []
    for r in range(recordings):
        events, truth = [], np.zeros((frames, classes))
        for c in np.flatnonzero(rng.random(classes) < rates):
            onset = int(rng.integers(0, frames * 3 // 4))
            offset = int(rng.integers(onset + 5, frames + 1))
            truth[onset:offset, c] = 1
            events.append(Event(onset / 10, offset / 10, f"c{c}"))
        logits = scales + 2 * (truth - 0.5) + rng.normal(0, noise, truth.shape) + rng.normal(0, noise, classes)
        curve = (1 / (1 + np.exp(-logits))).astype(np.float32)
        many.append(Scores(f"r{r}", labels, curve.max(axis=0), curve, Clock(Fraction(1, 10)), frames / 10))
        references.append(events)
    return references, many
