"""Sound in blocks of any size gives the events that `detect` finds in the whole with the same window plan."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import earmark
from earmark.decisions import ClassPoint, OperatingPoint, Update
from earmark.engine import Engine, LivePlan, LiveWindows
from earmark.errors import AudioError, ConfigError, ModelError
from earmark.events import Event
from earmark.runtime.ensemble import Ensemble
from earmark.runtime.live import Listener, live_tagger
from earmark.runtime.tagger import Tagger
from earmark.runtime.windows import LiveCutter, cut, scored_by

RATE = 1_000
POINT = OperatingPoint(
    classes={
        "loud": ClassPoint(onset=0.6, offset=0.4, median_seconds=0.12, min_duration_on=0.08, min_duration_off=0.2),
        "rising": ClassPoint(onset=0.3, offset=0.3, tag_gate=0.5),
    }
)


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose level changes every now and then."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.choice([0, 0.1, 0.5, 1, 2], round(seconds * 5)), RATE // 5)
    return (rng.uniform(-1, 1, len(level)) * level).astype(np.float32)


def events_of(updates: list[Update]) -> list[Event]:
    found = [update.event for update in updates if update.kind == "end"]
    return sorted(found, key=lambda event: (event.onset, event.label, event.offset))


plans = st.builds(
    LiveWindows,
    window=st.sampled_from([None, 0.6, 1.0, 5.0]),
    stride=st.sampled_from([0.04, 0.2, 0.28]),
    look_ahead=st.sampled_from([0.0, 0.12, 0.2]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 9_000), plans)
def test_every_frame_is_scored_once_by_the_newest_window_that_may(
    meter: Engine, samples: int, windows: LiveWindows
) -> None:
    plan, whole = windows.plan(meter), np.arange(samples, dtype=np.float32)
    places: list[np.ndarray] = []
    for window in cut(plan, [whole]):
        assert len(window.samples) <= plan.size
        begin = plan.begin(window.number)
        assert begin % plan.step == 0
        np.testing.assert_array_equal(window.samples, whole[begin : begin + len(window.samples)])
        if not window.last:
            assert begin + len(window.samples) == plan.end(window.number)
        steps = -(-len(window.samples) // 40)
        places.append(scored_by(plan, window, begin // 40 + np.arange(steps)[:, None])[:, 0])
    np.testing.assert_array_equal(np.concatenate(places), np.arange(-(-samples // 40)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 3_000), plans, st.lists(st.integers(0, 3_000), max_size=8))
def test_windows_do_not_depend_on_the_blocks(
    meter: Engine, samples: int, windows: LiveWindows, edges: list[int]
) -> None:
    plan, whole = windows.plan(meter), np.arange(samples, dtype=np.float32)
    blocks = np.split(whole, sorted(min(edge, samples) for edge in edges))
    for ours, theirs in zip(cut(plan, blocks), cut(plan, [whole]), strict=True):
        assert (ours.number, ours.last) == (theirs.number, theirs.last)
        np.testing.assert_array_equal(ours.samples, theirs.samples)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.floats(0.2, 12), st.integers(0, 1_000), plans, st.lists(st.integers(0, 12_000), max_size=8))
def test_live_is_what_detect_finds_with_the_plan(
    meter: Engine, seconds: float, seed: int, windows: LiveWindows, edges: list[int]
) -> None:
    samples = sound(max(0.2, seconds), seed)
    listener = Listener(
        meter, operating_point=POINT, window=windows.window, stride=windows.stride, look_ahead=windows.look_ahead
    )
    blocks = np.split(samples, sorted(min(edge, len(samples)) for edge in edges))
    whole = live_tagger(Tagger(meter, POINT), windows)(samples, RATE)
    assert events_of(list(listener(blocks))) == whole.events


@pytest.mark.parametrize("seed", range(3))
def test_a_network_listens_live_as_it_detects(seed: int, network: Callable, noise: Callable) -> None:
    from earmark.models.torch_engine import TorchEngine

    engine = TorchEngine(network())
    samples = noise(7.3, (1, 3), seed)
    point = OperatingPoint(
        classes={label: ClassPoint(onset=0.5, offset=0.45, min_duration_off=0.1) for label in engine.labels}
    )
    tagger, windows = Tagger(engine, point), LiveWindows(1.0, 0.2, 0.12)
    listener = Listener(tagger, window=1.0, stride=0.2, look_ahead=0.12)
    live = events_of(list(listener(np.array_split(samples, 97))))
    assert live == live_tagger(tagger, windows)(samples, 8_000).events
    assert live


@pytest.mark.parametrize("rate", [800, 1_500, 44_100])
def test_sound_of_another_rate_is_resampled_as_detect_does(meter: Engine, rate: int) -> None:
    samples = np.interp(np.arange(0, 8, 1 / rate), np.arange(8_000) / RATE, sound(8)).astype(np.float32)
    listener = Listener(meter, operating_point=POINT, rate=rate)
    found = events_of(list(listener(np.array_split(samples, 31))))
    assert found == live_tagger(Tagger(meter, POINT), LiveWindows())(samples, rate).events
    assert found


def test_updates_come_as_soon_as_is_stated(meter: Engine) -> None:
    part = ClassPoint(median_seconds=0.12, min_duration_off=0.2)
    plain = OperatingPoint(classes=dict.fromkeys(POINT.labels, part))
    listener = Listener(meter, operating_point=plain, stride=0.2, look_ahead=0.12)
    latency = listener.latency
    assert not latency.conditional
    heard, late = 0.0, []
    for block in np.split(sound(60, 3), 1_500):
        heard += len(block) / RATE
        for update in listener.push(block):
            late.append((update.kind, heard - (update.onset if update.kind == "begin" else update.offset)))
    assert len(late) > 20
    assert max(seconds for kind, seconds in late if kind == "begin") <= latency.begin + 0.04 + 1e-6  # a block
    assert max(seconds for kind, seconds in late if kind == "end") <= latency.end + 0.04 + 1e-6


def test_how_long_a_gate_in_doubt_waits_is_stated_and_can_be_asked_for(meter: Engine) -> None:
    longest = Listener(meter, operating_point=POINT, stride=0.2, look_ahead=0.12, patience=None)
    plan = longest.plan  # the last window that hears the first frame of those that window 0 scores
    assert plan.end(plan.patience) <= plan.size + plan.late < plan.end(plan.patience + 1)
    asked = Listener(meter, operating_point=POINT, stride=0.2, look_ahead=0.12, patience=0.4)
    assert asked.plan.patience == 2
    assert asked.latency.doubted == pytest.approx(asked.latency.begin + 0.4)
    assert longest.latency.doubted == pytest.approx(longest.latency.begin + plan.patience * 0.2)
    default = Listener(meter, operating_point=POINT, stride=0.2, look_ahead=0.12)
    assert default.plan.patience == 0
    assert default.latency.doubted == default.latency.begin
    plain = OperatingPoint.plain(POINT.labels)
    assert Listener(meter, operating_point=plain).latency.doubted is None
    assert LiveWindows.parse("2,0.2,0.12,0.4") == LiveWindows(2.0, 0.2, 0.12, 0.4)
    with pytest.raises(ConfigError, match="needs a patience of 0 s or more, got -1"):
        Listener(meter, operating_point=POINT, patience=-1)


def test_ids_and_times_go_on_over_what_is_missing(meter: Engine) -> None:
    loud, quiet = np.ones(1_000, np.float32), np.zeros(1_000, np.float32)
    listener = Listener(meter, operating_point=POINT)
    first = [*listener.push(quiet), *listener.push(loud), *listener.skip(Fraction(5, 2))]
    assert listener.seconds == 4.5
    second = [*listener.push(loud), *listener.push(quiet), *listener.close()]
    ends = [
        (update.id, update.onset, update.offset)
        for update in first + second
        if update.kind == "end" and update.label == "loud"
    ]
    assert ends == [(1, 1.0, 2.0), (2, 4.5, 5.5)]


def test_two_channels_are_mixed_and_integers_are_scaled(meter: Engine) -> None:
    samples = sound(6, 2)
    mono = list(Listener(meter, operating_point=POINT)([samples]))
    twice = np.stack([samples, samples], axis=1)
    assert list(Listener(meter, operating_point=POINT)(np.array_split(twice, 7))) == mono
    whole = (np.clip(samples, -1, 1) * 32_767).astype(np.int16)
    scaled = list(Listener(meter, operating_point=POINT)([whole]))
    assert scaled == list(Listener(meter, operating_point=POINT)([(whole / 32_768).astype(np.float32)]))


def test_a_block_that_is_no_sound_is_refused_and_costs_nothing(meter: Engine) -> None:
    listener = Listener(meter, operating_point=POINT)
    listener.push(np.ones(500, np.float32))
    with pytest.raises(AudioError, match="is not a number"):
        listener.push(np.full(10, np.nan, np.float32))
    with pytest.raises(AudioError, match=r"expected \(samples,\) or \(samples, channels\)"):
        listener.push(np.ones((2, 2, 2), np.float32))
    with pytest.raises(AudioError, match="expected floats or signed integers, got uint8"):
        listener.push(np.ones(10, np.uint8))
    assert listener.seconds == 0.5


def test_nothing_heard_is_nothing_found(meter: Engine) -> None:
    listener = Listener(meter, operating_point=POINT)
    assert not listener.close()
    assert not listener.push(np.zeros(0, np.float32))
    assert not list(listener([]))


def test_memory_is_bounded_and_windows_are_few_over_hours(meter: Engine) -> None:
    """What is held afterwards is a window of sound and half a filter of scores."""
    engine = meter
    listener = Listener(engine, operating_point=POINT, window=2.0, stride=0.8, look_ahead=0.2)
    minute = sound(60, 5)
    for _ in range(45):
        listener.push(minute)
    segment = listener._segment
    assert len(segment._cutter._held) <= listener.plan.size
    assert all(len(lane._curve) <= 2 * lane.half + 1 for lane in segment.decoder._lanes)
    assert len(segment.decoder._open) <= 2
    assert engine.windows == (2_700_000 - 200) // 800
    assert listener.seconds == 2_700


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"window": 0.4}, "a window of 0.4 s has no room for a stride of 0.4 s and a look-ahead of 0"),
        ({"look_ahead": 2.0}, "a window of 2.0 s has no room for a stride of 0.4 s and a look-ahead of 2.0 s"),
        ({"stride": 0.0}, "a stride above 0 s"),
        ({"look_ahead": -1.0}, "a look-ahead of 0 s or more, got 2.0 s, 0.4 s and -1.0 s"),
        ({"operating_point": None}, r"Listener\(engine, operating_point=...\)"),
        ({"operating_point": POINT.model_copy(update={"method": "boxes"})}, 'listening live needs method "threshold"'),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(meter: Engine, changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Listener(meter, **{"operating_point": POINT, **changes})


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.8])
def test_by_default_a_plain_begin_is_two_seconds_late_at_most(meter: Engine, seconds: float) -> None:
    """The longer the decisions take, the less look-ahead there is."""
    part = ClassPoint(median_seconds=seconds, min_duration_on=seconds)
    point = OperatingPoint(classes=dict.fromkeys(POINT.labels, part))
    listener = Listener(meter, operating_point=point, window=10)
    assert 1.95 <= listener.latency.begin <= 2.0
    assert listener.plan.ahead_steps > 0
    slow = part.model_copy(update={"min_duration_on": 5.0})
    late = Listener(meter, operating_point=OperatingPoint(classes=dict.fromkeys(POINT.labels, slow)), window=10)
    assert late.plan.ahead_steps == 5


def test_a_fusion_is_refused(meter: Engine) -> None:
    with pytest.raises(ConfigError, match="this one is a fusion of 2"):
        Listener(Tagger(Ensemble([meter, meter]), POINT))


@pytest.mark.parametrize("text", ["", "10", "10,0.4", "10,a,0.4", "10,0.4,0.4,1,1", "alive"])
def test_a_plan_that_cannot_be_read_says_what_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="expected live, or window, stride, look-ahead and perhaps patience in"):
        LiveWindows.parse(text)


def test_the_package_offers_it(meter: Engine) -> None:
    assert earmark.Listener is Listener
    assert LiveWindows.parse("live") == LiveWindows()
    assert isinstance(LiveWindows().plan(meter), LivePlan)
    assert LiveCutter(LiveWindows().plan(meter)).samples == 0


def test_detect_takes_the_plan(tmp_path: Path) -> None:
    import soundfile

    from earmark import api

    path = tmp_path / "street.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 8 * 32_000).astype(np.float32), 32_000)
    found = api.detect([path], engine="onnx", window_plan="4,0.8,0.4", operating_point="default")
    assert found.tagger.model.plan == LivePlan(128_000, 25_600, 20, 10)
    listener = Listener(
        earmark.load(engine="onnx"), operating_point=found.tagger.operating_point, window=4, stride=0.8, look_ahead=0.4
    )
    whole = soundfile.read(path, dtype="float32")[0]
    assert events_of(list(listener(np.array_split(whole, 50)))) == found.events["street.wav"]


def test_damaged_weights_end_the_listening_instead_of_finding_nothing(
    meter: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = meter.listen
    monkeypatch.setattr(meter, "listen", lambda *given: tuple(part * np.nan for part in listen(*given)))
    with pytest.raises(ModelError, match="live sound: the model's scores are not between 0 and 1"):
        list(Listener(meter, operating_point=POINT)([sound(20.0)]))
