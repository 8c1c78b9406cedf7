"""A source of sound, a listener, and sinks, put together: what `earmark listen` does.

    source -> watched -> Listener -> sinks

Nothing that a source does ends the listening, but that it is over: a block that cannot be sound is left out, lost sound
moves the clock on, and both are reported. So are the sound card's clock, where it goes faster or slower than the
computer's (`WallClock`), and a computer that is too slow for the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from earmark.audio.live import Block, LiveSource, Missing, Say, watched
from earmark.decisions import Update
from earmark.errors import AudioError
from earmark.runtime.live import Listener
from earmark.runtime.sinks.base import News, Sink

DRIFT = 1.0  # seconds that the two clocks may be apart
_OVER = 60.0  # seconds over which they are compared


@dataclass
class WallClock:
    """When a second of a stream was, by the clock of the computer.

    Blocks may come late, but not early; so over a minute the least delay says how the clocks are apart.
    """

    begin: float = field(default_factory=time.time)  # seconds since 1970 of the stream's second 0
    _least: float = float("inf")
    _until: float = _OVER

    def heard(self, seconds: float, now: float | None = None) -> str | None:
        """A stream has come to so many seconds now; what to report, if the clocks have moved apart."""
        self._least = min(self._least, (time.time() if now is None else now) - self.begin - seconds)
        if seconds < self._until:
            return None
        apart, self._least, self._until = self._least, float("inf"), seconds + _OVER
        if abs(apart) <= DRIFT:
            return None
        self.begin += apart
        how = "behind" if apart > 0 else "ahead of"
        return f"the source is {abs(apart):.1f} s {how} the computer's clock; times of day follow the computer"

    def time(self, seconds: float) -> datetime:
        """The time of day of a second of the stream."""
        return datetime.fromtimestamp(self.begin, UTC) + timedelta(seconds=seconds)


@dataclass
class Heard:
    """What came of listening."""

    seconds: float = 0.0  # of sound, gaps included
    events: int = 0  # that ended


def listen(
    listener: Listener,
    source: LiveSource,
    sinks: Sequence[Sink],
    say: Say,
    *,
    clock: WallClock | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Heard:
    """Listen until the source is over, or `stop` says so; every update goes to every sink.

    `KeyboardInterrupt` ends it as well, and is raised again when everything is written. The sinks are closed.
    """
    return _Listening(listener, source, sinks, say, clock).run(stop)


class _Listening:
    def __init__(
        self, listener: Listener, source: LiveSource, sinks: Sequence[Sink], say: Say, clock: WallClock | None
    ) -> None:
        self.listener, self.source, self.sinks, self.say = listener, source, sinks, say
        self.clock = clock or (WallClock() if source.real_time else None)
        self.heard = Heard()
        self._faulty = False

    def run(self, stop: Callable[[], bool]) -> Heard:
        try:
            for item in watched(self.source, self.say):
                self._take(item)
                if stop():
                    break
        finally:
            try:
                self._give(self.listener.close())
            finally:
                for sink in self.sinks:
                    sink.close()
        self.heard.seconds = self.listener.seconds
        return self.heard

    def _take(self, item: Block | Missing) -> None:
        if isinstance(item, Missing):
            self.say(f"{item.why}; {item.seconds:.1f} s are missing")
            self._give(self.listener.skip(item.seconds))
            return
        begin = self.listener.seconds
        try:
            updates = self.listener.push(item)
        except AudioError as error:
            if not self._faulty:
                self.say(f"{self.source.name}: {error}; such blocks are left out")
            self._faulty = True
            updates = self.listener.skip(len(item) / self.source.rate)
        else:
            self._faulty = False
            mono = item if item.ndim == 1 else item.mean(axis=1, dtype=np.float32)
            for sink in self.sinks:
                sink.sound(mono, begin)
        self._give(updates)
        if self.clock is not None and (message := self.clock.heard(self.listener.seconds)):
            self.say(f"{self.source.name}: {message}")

    def _give(self, updates: Sequence[Update]) -> None:
        for update in updates:
            when = None if self.clock is None else self.clock.time(update.onset)
            self.heard.events += update.kind == "end"
            for sink in self.sinks:
                sink.take(News(update, self.source.name, when))
