from fractions import Fraction

import numpy as np

from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide
from earmark.decisions.tuning import tune_detection
from earmark.decisions.tuning.counting import EventCounter
from earmark.decisions.tuning.sweep import ThresholdGrid, sweep
from earmark.decisions.tuning.timeline import lay_out
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import event_metrics
from earmark.scores import Scores


def test_a_long_regular_sound_is_counted_however_many_events_could_pair():
    """Ten minutes of ticks 0.3 s apart, each found 0.15 s early: every tick fits two others, in one long chain."""
    ticks = 2000
    events = [Event(0.3 * i + 0.2, 0.3 * i + 0.25, "tick") for i in range(ticks)]
    frames = np.zeros((12_010, 1), dtype=np.float32)
    frames[6 * np.arange(ticks) + 1] = 0.9  # frames of 50 ms: from 0.3 i + 0.05 to 0.3 i + 0.1
    scores = Scores("clock.wav", Labels(["tick"]), np.float32([0.9]), frames, Clock(Fraction(1, 20)), 600.5)
    found = decide(scores, OperatingPoint.plain(["tick"])).events
    assert event_metrics({"clock.wav": events}, {"clock.wav": found}, Labels(["tick"])).f1 == 1.0
    tuned = tune_detection([events], [scores], "event-f1", grid=ThresholdGrid((0.5,), (0.0,), (0.0,), (0.0,), (1.0,)))
    assert tuned.point.of("tick").onset == 0.5
    line = lay_out([scores], [events], np.zeros(1, dtype=np.int64), 1)
    swept = sweep(line, EventCounter(line), ThresholdGrid((0.5,), (0.0,), (0.0,), (0.0,), (1.0,), (False,), (0.0,)))
    assert swept.counts.ravel().tolist() == [ticks, 0, 0]
