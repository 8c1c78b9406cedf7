"""An update as JSON: rounded as every format is, with a time of day where there is one."""

from datetime import UTC, datetime

import numpy as np

from earmark.decisions import Update
from earmark.runtime.sinks import News, Sink

UPDATE = Update("begin", 3, "dog", 12.04, 12.400_000_1, 0.812_345_678, 400)


def test_it_carries_what_is_known_rounded() -> None:
    assert News(UPDATE, "mic").as_json() == {
        "type": "begin",
        "id": 3,
        "label": "dog",
        "onset": 12.04,
        "offset": 12.4,
        "score": 0.812346,
        "source": "mic",
    }


def test_the_time_of_day_says_its_zone() -> None:
    when = datetime(2026, 5, 1, 6, 12, 33, 120_499, UTC)
    assert News(UPDATE, "mic", when).as_json()["time"] == "2026-05-01T06:12:33.120+00:00"


def test_a_sink_may_ignore_what_it_does_not_want() -> None:
    sink = Sink()
    sink.take(News(UPDATE, "mic"))
    sink.sound(np.zeros(10, np.float32), 0.0)
    sink.close()
