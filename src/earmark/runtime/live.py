"""Sound that goes on: a microphone, a socket, a pipe. Events come as they happen, each once.

    listener = earmark.Listener(earmark.load())
    for update in listener(blocks): ...                      # any iterable of blocks of samples
    for update in listener.push(samples): ...                # or block by block, and at the end listener.close()

    blocks -> mono -> resample -> windows (`LivePlan`) -> engine -> frame scores -> `StreamDecoder` -> updates

The blocks may be of any size: windows are cut by the count of samples alone. So what is heard is exactly what
`earmark detect --window-plan P` finds in a recording of the same sound, where P is the listener's plan.

How late an event is reported is stated (`latency`): a stride until its frames are scored, the look-ahead of the window
plan, and the time that the operating point takes to decide (`earmark.decisions.stream`).

A clip is a window here, for there is no recording whose clip score one could know. A label with a gate is reported at
once where a window's clip score leaves no doubt, and otherwise decided after `patience` seconds: at once by default.
With a patience as long as the window, the last one that hears the event's beginning decides, which comes nearest to
what `earmark detect` would ask (`earmark.decisions.decide`).

Memory does not grow: a window of sound, half a median filter of scores, and the events that go on. Times are exact
fractions of a second until they are given out, so that they do not drift over weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray
from earmark.audio.mono import MonoMix, check_samples
from earmark.audio.resample import Resampler
from earmark.decisions import OperatingPoint, StreamDecoder, Update, look_ahead
from earmark.decisions.stream import check_streamable
from earmark.engine import STRIDE, Engine, LivePlan, LiveWindows, check_probabilities
from earmark.errors import AudioError, ConfigError
from earmark.labels import Labels
from earmark.runtime.ensemble import Ensemble, engines_of
from earmark.runtime.tagger import Tagger
from earmark.runtime.windows import LiveCutter, LiveEngine, Window, scored_by
from earmark.stopwatch import Stopwatch

OnScores = Callable[[float, FloatArray], None]  # seconds at which the first frame begins, and (frames, classes)


@dataclass(frozen=True)
class Latency:
    """Seconds of sound until something is reported, at most; computing comes on top."""

    begin: float  # from an event's onset to its `begin`
    end: float  # from an event's offset to its `end`
    conditional: bool  # hysteresis, a gate or gaps in a sound can make them wait for longer
    doubted: float | None  # from the onset to the `begin` of an event whose gate is in doubt; None: there is no gate


class Listener:
    """Blocks of sound in, updates out.

    `model` is a tagger (`earmark.load()`), or an engine with an `operating_point`. Blocks are (samples,) or (samples,
    channels) at `rate` Hz (None: the model's). Every `stride` seconds a window of `window` seconds (None: the model's)
    is scored, `look_ahead` seconds of which only help to score what came before (None: as many as keep a plain `begin`
    within 2 s, given how long the operating point takes to decide). An event whose gate is in doubt is waited for
    `patience` seconds (None: as long as a window hears its beginning). With `updates`, each event that goes
    on gives an `update` a stride. Events that score below `min_score` are left out.

    `ConfigError` for an operating point that cannot be decided live, for a fusion, and for a plan that makes no sense.
    """

    def __init__(
        self,
        model: Tagger | Engine,
        *,
        operating_point: OperatingPoint | None = None,
        rate: int | None = None,
        window: float | None = None,
        stride: float = STRIDE,
        look_ahead: float | None = None,
        patience: float | None = 0.0,
        min_score: float = 0.0,
        updates: bool = False,
    ) -> None:
        self.engine, self.operating_point = _of(model, operating_point)
        check_streamable(self.operating_point)
        self.plan = _plan(LiveWindows(window, stride, look_ahead, patience), self.engine, self.operating_point)
        self.rate = self.engine.rate if rate is None else rate
        self.min_score, self.updates = min_score, updates
        self.stopwatch: Stopwatch | None = None
        self.on_scores: OnScores | None = None  # called with the frame scores as they come
        self._began = Fraction(0)  # seconds, of the segment that is listened to
        self._next_id = 1
        self._segment = self._new_segment()

    @property
    def labels(self) -> Labels:
        """The labels, in the order of the scores."""
        return self.engine.labels

    @property
    def latency(self) -> Latency:
        """How late events are, at most."""
        ahead = look_ahead(self.operating_point, self.labels, self.engine.clock)
        step = self.engine.clock.step
        wait = Fraction(self.plan.end(0), self.engine.rate) - step
        gated = any(0 < self.operating_point.of(label).gate < 1 for label in self.labels)
        doubted = ahead.begin + float(wait) + self.plan.patience * self.plan.stride / self.engine.rate
        return Latency(
            round(ahead.begin + float(wait), 6),
            round(ahead.end + float(wait), 6),
            ahead.conditional,
            round(doubted, 6) if gated else None,
        )

    @property
    def seconds(self) -> float:
        """Seconds listened to so far, gaps included."""
        return float(self._began + self._segment.heard)

    def __call__(self, blocks: Iterable[npt.NDArray[Any]]) -> Iterator[Update]:
        """Updates as they come, of blocks as they come; at the end every event ends."""
        for block in blocks:
            yield from self.push(block)
        yield from self.close()

    def push(self, samples: npt.NDArray[Any]) -> list[Update]:
        """The next samples; the updates that are certain with them.

        Floats are nominally in [-1, 1], signed integers are scaled by the range of their type. `AudioError` for an
        array of another kind, or a sample that is not a number or far too large for sound; then nothing is taken.
        """
        return self._out(self._segment.push(_checked(samples, self.rate)))

    def close(self) -> list[Update]:
        """The sound is over: every event ends. Further samples begin a new stretch of sound, on the same clock."""
        return self.skip(0)

    def skip(self, seconds: float | Fraction) -> list[Update]:
        """So many seconds are missing: events end before them, and what comes is listened to anew, after them."""
        updates = self._out(self._segment.finish())
        self._began += self._segment.heard + Fraction(seconds)
        self._next_id = self._segment.decoder.next_id
        self._segment = self._new_segment()
        return updates

    def _new_segment(self) -> _Segment:
        decoder = StreamDecoder(
            self.operating_point,
            self.labels,
            self.engine.clock,
            min_score=self.min_score,
            updates=self.updates,
            first_id=self._next_id,
            patience=self.plan.patience * self.plan.stride_steps,
        )
        return _Segment(self, decoder)

    def _out(self, updates: list[Update]) -> list[Update]:
        """On the clock of the whole stream."""
        if not self._began:
            return updates
        began = self._began
        return [
            replace(each, onset=float(began + Fraction(each.onset)), offset=float(began + Fraction(each.offset)))
            for each in updates
        ]


class _Segment:
    """Sound without a gap: like a recording whose end is not known."""

    def __init__(self, listener: Listener, decoder: StreamDecoder) -> None:
        self.listener, self.decoder = listener, decoder
        self._mix = MonoMix()
        self._resampler = Resampler(listener.rate, listener.engine.rate)
        self._cutter = LiveCutter(listener.plan)
        self._samples = 0  # at the rate they come
        self._frames = 0  # scored

    @property
    def heard(self) -> Fraction:
        """Seconds so far."""
        return Fraction(self._samples, self.listener.rate)

    def push(self, samples: npt.NDArray[Any]) -> list[Update]:
        """Samples (samples, channels)."""
        if not len(samples):
            return []
        self._samples += len(samples)
        return self._score(self._resampler.push(self._mix(samples)))

    def finish(self) -> list[Update]:
        """No more comes."""
        if not self._samples:
            return []
        updates = self._score(self._resampler.finish())
        window = self._cutter.finish()
        duration = self._cutter.samples / self.listener.engine.rate
        if not len(window.samples):
            return [*updates, *self.decoder.finish(duration)]
        clip, frames = self._listen(window)
        return [*updates, *self.decoder.finish(duration, frames, clip)]

    def _score(self, samples: FloatArray) -> list[Update]:
        updates: list[Update] = []
        for window in self._cutter.push(samples):
            clip, frames = self._listen(window)
            updates += self.decoder.push(frames, clip)
        return updates

    def _listen(self, window: Window) -> tuple[FloatArray, FloatArray]:
        """Clip scores (classes,), and the frame scores (steps, classes) that the window is there for."""
        engine, length = self.listener.engine, len(window.samples)
        clip, frames = engine.listen(window.samples[None], np.array([length], np.int64), self.listener.stopwatch)
        wanted = scored_by(self.listener.plan, window, frames[0, : engine.steps_in(length)])
        check_probabilities("live sound", clip, wanted)
        if self.listener.on_scores is not None:
            self.listener.on_scores(float(self.listener._began) + engine.clock.time(self._frames), wanted)
        self._frames += len(wanted)
        return clip[0], wanted


def live_tagger(tagger: Tagger, windows: LiveWindows) -> Tagger:
    """A tagger that cuts recordings as a listener with this plan cuts live sound; raises as `Listener` does."""
    engine, point = _of(tagger, None)
    decided = None if point.method == "boxes" else point  # a file is whole, so boxes are no trouble
    return Tagger(LiveEngine(engine, _plan(windows, engine, decided)), point)


def _plan(windows: LiveWindows, engine: Engine, point: OperatingPoint | None) -> LivePlan:
    """The plan of an engine, with room for the decisions of its operating point."""
    decided = 0.0 if point is None else look_ahead(point, engine.labels, engine.clock).begin
    return windows.plan(engine, decided)


def _of(model: Tagger | Engine, point: OperatingPoint | None) -> tuple[Engine, OperatingPoint]:
    """The one engine of a model, and its operating point."""
    if isinstance(model, Tagger):
        tagged: Engine | Ensemble = model.model
        point = point or model.operating_point
    else:
        tagged = model
    if point is None:
        raise ConfigError("an engine needs an operating point to listen with: Listener(engine, operating_point=...)")
    engines = engines_of(tagged)
    if len(engines) > 1:
        raise ConfigError(
            f"listening live, and --window-plan, take a single model; this one is a fusion of {len(engines)}"
        )
    if engines[0].takes == "embeddings":
        raise ConfigError("a model of precomputed embeddings cannot listen to sound")
    return engines[0], point


def _checked(samples: npt.NDArray[Any], rate: int) -> npt.NDArray[np.floating[Any]]:
    """Samples (samples, channels) as floats."""
    array = np.asarray(samples)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise AudioError(f"block: expected (samples,) or (samples, channels), got shape {np.shape(samples)}")
    if array.dtype.kind == "i":
        array = (array / -float(np.iinfo(array.dtype).min)).astype(np.float32)
    elif array.dtype.kind != "f":
        raise AudioError(f"block: expected floats or signed integers, got {array.dtype}")
    if len(array):
        check_samples(array, "block", rate)
    return array
