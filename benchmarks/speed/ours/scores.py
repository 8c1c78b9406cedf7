"""Segment- and event-based scores and PSDS of synthetic recordings, by our metrics; and the cases for all sides."""

from __future__ import annotations

import json
import pathlib
from fractions import Fraction

import numpy as np

from benchmarks.speed.psds_memory import events_of, scores_of
from benchmarks.speed.worker import Jobs
from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide
from earmark.events import Event, merge_overlapping
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, psds
from earmark.metrics.event import event_metrics
from earmark.metrics.segment import segment_metrics
from earmark.scores import Scores

SECONDS, STEP = 10.0, Fraction(1, 25)
OFF = 0.0005  # seconds that estimated events are moved by: at exactly a collar, sed_eval compares times otherwise


def start(folder: str, recordings: int, classes: int) -> Jobs:
    """Draws the cases, leaves them in `folder`, and scores them."""
    place, random = pathlib.Path(folder), np.random.default_rng(17)
    names = [str(number) for number in range(classes)]
    labels, clock = Labels(names), Clock(STEP)
    reference: dict[str, list[Event]] = {}
    estimate: dict[str, list[Event]] = {}
    heard: list[Scores] = []
    point = OperatingPoint.plain(labels)
    for number in range(recordings):
        events = merge_overlapping(events_of(random, classes))
        frames = scores_of(random, events, classes).astype(np.float32)
        scores = Scores(f"{number}.wav", labels, frames.max(axis=0), frames, clock, SECONDS)
        reference[scores.recording] = events
        estimate[scores.recording] = [
            event._replace(onset=event.onset + OFF, offset=min(event.offset + OFF, SECONDS))
            for event in decide(scores, point).events
        ]
        heard.append(scores)
    np.save(place / "frames.npy", np.stack([scores.frames for scores in heard]))
    plain = ({name: [event[:3] for event in found] for name, found in side.items()} for side in (reference, estimate))
    cases = {**dict(zip("re", plain, strict=True)), "seconds": SECONDS, "labels": names}
    (place / "cases.json").write_text(json.dumps(cases))

    def segment() -> list[float]:
        found = segment_metrics(reference, estimate, labels)
        return [found.f1, found.error_rate]

    def event() -> list[float]:
        found = event_metrics(reference, estimate, labels)
        return [found.f1, found.error_rate]

    return {
        "segment": segment,
        "event": event,
        "psds1": lambda: psds(heard, reference, labels, options=PSDS1).value,
        "psds2": lambda: psds(heard, reference, labels, options=PSDS2).value,
        "events": lambda: [sum(map(len, side.values())) for side in (reference, estimate)],
    }
