"""One invented recording and its evaluation, with labels that want to break things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Criteria, Resampling, evaluate
from earmark.report.lanes import RecordingView
from earmark.report.page import Report
from earmark.report.tables import Table
from earmark.scores import Scores

NASTY = "<script>alert(1)</script>"
LABELS = Labels(["siren", NASTY, "a$^_b$ {{ 7*7 }}", "犬"])


@pytest.fixture(scope="session")
def scores():
    frames = np.full((100, 4), 0.1, dtype=np.float32)
    frames[20:60, 0] = 0.9
    frames[50:80, 1] = 0.7
    return Scores(f"{NASTY}.wav", LABELS, frames.max(axis=0), frames, Clock.from_hop(800, 16_000), 5.0)


@pytest.fixture(scope="session")
def view(scores):
    rng = np.random.default_rng(0)
    return RecordingView(
        scores=scores,
        logmel=rng.normal(size=(250, 40)),
        logmel_clock=Clock.from_hop(320, 16_000),
        detected=[Event(1.0, 3.0, "siren", 0.9), Event(2.5, 4.0, NASTY, 0.7)],
        reference=[Event(1.1, 3.2, "siren"), Event(0.0, 0.5, "a$^_b$ {{ 7*7 }}"), Event(4.5, 5.0, "犬")],
        thresholds={"siren": 0.5, NASTY: 0.4},
        band_hz=np.geomspace(60, 7600, 40),
        waveform=rng.normal(0, 0.1, 80_000).astype(np.float32),
        rate=16_000,
        note=f"worst of all {NASTY}",
    )


@pytest.fixture(scope="session")
def metrics(view):
    """Every section there is, with intervals."""
    reference, estimated = {"x": list(view.reference), "y": []}, {"x": list(view.detected), "y": []}
    scores = [replace(view.scores, recording=name) for name in reference]
    given = {"reference": reference, "estimated": estimated, "scores": scores}
    found = evaluate(LABELS, **given, criteria=Criteria(), resampling=Resampling(20))
    return found.to_json()


@pytest.fixture(scope="session")
def report(view, metrics):
    rows = [{"epoch": e, "train_loss": 1 / e, "valid_map": None if e % 2 else 1 - 1 / e} for e in range(1, 9)]
    return Report(
        title=f"Street sounds {NASTY}",
        summary="Tested on one clip.",
        facts={"Model": "gated CRNN", "Data": NASTY},
        metrics=metrics,
        history=rows,
        operating_point=Table(("class", "threshold"), ((NASTY, 0.4), ("siren", 0.5))),
        recordings=[view],
        problems=["broken.wav: contains no samples"],
        command="earmark demo --seed 0 && echo '<b>'",
    )


@pytest.fixture
def needs_pictures():
    """Skip where the extra `report` is not installed."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
