"""A source, a listener and sinks together: what goes wrong with the sound is reported, and the listening goes on."""

from collections.abc import Iterator

import numpy as np
import pytest

from earmark.audio.live import Missing
from earmark.decisions import ClassPoint, OperatingPoint
from earmark.engine import Engine
from earmark.errors import AudioError
from earmark.runtime.listening import WallClock, listen
from earmark.runtime.live import Listener
from earmark.runtime.sinks import News, Sink

POINT = OperatingPoint(classes={"loud": ClassPoint(), "rising": ClassPoint(onset=1, offset=1, min_duration_on=60)})


class Source:
    name, rate = "yard", 1_000

    def __init__(self, *items: object, real_time: bool = False) -> None:
        self.items, self.real_time = items, real_time

    def blocks(self, say: object) -> Iterator[object]:
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            yield item


class Memory(Sink):
    def __init__(self) -> None:
        self.news: list[News] = []
        self.heard: list[tuple[float, int]] = []
        self.closed = False

    def take(self, news: News) -> None:
        self.news.append(news)

    def sound(self, samples: np.ndarray, begin: float) -> None:
        assert samples.ndim == 1
        self.heard.append((begin, len(samples)))

    def close(self) -> None:
        self.closed = True


LOUD, QUIET = np.ones(1_000, np.float32), np.zeros(1_000, np.float32)


def ends(memory: Memory) -> list[tuple[int, float, float]]:
    return [(n.update.id, n.update.onset, n.update.offset) for n in memory.news if n.update.kind == "end"]


def test_events_reach_every_sink_and_the_account(meter: Engine) -> None:
    sinks, said = [Memory(), Memory()], []
    heard = listen(Listener(meter, operating_point=POINT), Source(QUIET, LOUD, QUIET), sinks, said.append)
    assert (heard.seconds, heard.events) == (3.0, 1)
    for memory in sinks:
        assert ends(memory) == [(1, 1.0, 2.0)]
        assert memory.closed
        assert memory.heard == [(0.0, 1_000), (1.0, 1_000), (2.0, 1_000)]
        assert {news.source for news in memory.news} == {"yard"}
    assert not said


def test_what_is_lost_moves_the_clock_on(meter: Engine) -> None:
    memory, said = Memory(), []
    source = Source(LOUD, Missing(2.5, "yard is back"), LOUD, QUIET)
    listen(Listener(meter, operating_point=POINT), source, [memory], said.append)
    assert ends(memory) == [(1, 0.0, 1.0), (2, 3.5, 4.5)]
    assert said == ["yard is back; 2.5 s are missing"]


def test_blocks_that_cannot_be_sound_are_left_out_and_reported_once(meter: Engine) -> None:
    memory, said = Memory(), []
    wrong = np.full(500, np.nan, np.float32)
    heard = listen(
        Listener(meter, operating_point=POINT), Source(LOUD, wrong, wrong, LOUD, QUIET), [memory], said.append
    )
    assert ends(memory) == [(1, 0.0, 1.0), (2, 2.0, 3.0)]
    assert len(said) == 1
    assert "is not a number" in said[0]
    assert heard.seconds == 4.0


def test_two_channels_reach_the_sinks_as_one(meter: Engine) -> None:
    memory = Memory()
    both = np.stack([LOUD, LOUD], axis=1)
    listen(Listener(meter, operating_point=POINT), Source(both, QUIET), [memory], print)
    assert ends(memory) == [(1, 0.0, 1.0)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), AudioError("the file is damaged")])
def test_a_listening_that_is_stopped_still_ends_its_events(meter: Engine, error: BaseException) -> None:
    memory = Memory()
    with pytest.raises(type(error)):
        listen(Listener(meter, operating_point=POINT), Source(LOUD, LOUD, error), [memory], print)
    assert ends(memory) == [(1, 0.0, 2.0)]
    assert memory.closed


def test_it_stops_when_it_is_told_to(meter: Engine) -> None:
    memory = Memory()
    heard = listen(
        Listener(meter, operating_point=POINT),
        Source(*[LOUD] * 9),
        [memory],
        print,
        stop=lambda: len(memory.heard) == 3,
    )
    assert heard.seconds == 3.0


def test_sound_in_real_time_has_times_of_day(meter: Engine) -> None:
    memory = Memory()
    clock = WallClock(begin=1_000_000_000.0)
    listen(Listener(meter, operating_point=POINT), Source(QUIET, LOUD, real_time=True), [memory], print, clock=clock)
    (begin, end) = memory.news
    assert begin.as_json()["time"] == "2001-09-09T01:46:41.000+00:00"
    assert end.as_json() == {
        "type": "end",
        "id": 1,
        "label": "loud",
        "onset": 1.0,
        "offset": 2.0,
        "score": 1.0,
        "source": "yard",
        "time": "2001-09-09T01:46:41.000+00:00",
    }


@pytest.mark.parametrize(("rate", "how"), [(0.99, "behind"), (1.01, "ahead of")])
def test_a_sound_card_that_is_too_slow_or_too_fast_is_reported_and_followed(rate: float, how: str) -> None:
    clock, said = WallClock(begin=0.0), []
    rng = np.random.default_rng(0)
    for now in np.arange(0.1, 600, 0.1):
        message = clock.heard(now * rate, now + rng.uniform(0, 0.4))
        said += [message] if message else []
    assert len(said) >= 2
    assert how in said[0]
    assert abs(clock.time(600 * rate).timestamp() - 600) < 2.5


def test_late_blocks_are_no_drift() -> None:
    clock = WallClock(begin=0.0)
    rng = np.random.default_rng(0)
    assert not any(clock.heard(now, now + rng.exponential(2.0)) for now in np.arange(0.1, 900, 0.1))
