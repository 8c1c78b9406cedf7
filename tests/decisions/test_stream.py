"""Decided step by step, events are those of `decide` on the whole curve, each told once, and as soon as is stated."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import ClassPoint, OperatingPoint, StreamDecoder, Update, decide, look_ahead
from earmark.decisions.calibration import Isotonic, Platt
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores, WindowScores

LABELS = Labels(["dog", "siren", "rain"])
CLOCK = Clock(Fraction(1, 25))
LEVELS = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0]  # few values, so that ties with thresholds are common


@st.composite
def class_points(draw: st.DrawFn) -> ClassPoint:
    onset = draw(st.sampled_from(LEVELS))
    seconds = st.sampled_from([0.0, 0.04, 0.1, 0.2, 0.4, 1.0])
    calibration = st.sampled_from([None, Platt(slope=0.7, intercept=0.3), Isotonic(x=(0.2, 0.8), y=(0.1, 0.9))])
    return ClassPoint(
        tag_threshold=draw(st.sampled_from(LEVELS)),
        onset=onset,
        offset=draw(st.sampled_from([level for level in LEVELS if level <= onset])),
        median_seconds=draw(seconds),
        min_duration_on=draw(st.sampled_from([0.0, 0.0, 0.08, 0.3, 1e6])),
        min_duration_off=draw(seconds),
        pad_onset=draw(st.sampled_from([0.0, 0.0, 0.05, 0.3])),
        pad_offset=draw(st.sampled_from([0.0, 0.0, 0.05, 0.3])),
        tag_gate=draw(st.sampled_from([False, True, 0.5])),
        tag_weight=draw(st.booleans()),
        clip_calibration=draw(calibration),
        frame_calibration=draw(calibration),
    )


@st.composite
def points(draw: st.DrawFn) -> OperatingPoint:
    classes = {label: draw(class_points()) for label in LABELS}
    return OperatingPoint(classes=classes, last_frame=draw(st.sampled_from(["ends", "begins"])))


def curve(draw: st.DrawFn, frames: int) -> np.ndarray:
    """Sounds that come and go: stretches of few levels."""
    rows = []
    for _ in LABELS:
        values: list[float] = []
        while len(values) < frames:
            values += [draw(st.sampled_from(LEVELS))] * draw(st.integers(1, 12))
        rows.append(values[:frames])
    return np.float32(rows).T


@st.composite
def streams(draw: st.DrawFn) -> Scores:
    frames = draw(st.integers(0, 90))
    steps = draw(st.integers(1, 30))
    clip = np.float32([[draw(st.sampled_from(LEVELS)) for _ in LABELS] for _ in range(max(1, -(-frames // steps)))])
    clock = draw(
        st.sampled_from([CLOCK, Clock(Fraction(1, 25), Fraction(-1, 50)), Clock(Fraction(4, 99), Fraction(1, 90))])
    )
    whole = clock.edges(frames)
    last = float(whole[-2]) if frames > 1 else 0.0
    duration = draw(st.sampled_from([last + 0.01, last + float(clock.step), last + 0.5]))
    return Scores(
        "a",
        LABELS,
        clip.max(axis=0),
        curve(draw, frames),
        clock,
        max(duration, 0.0),
        WindowScores(clip, steps, draw(st.integers(0, 40))),
    )


def played(scores: Scores, point: OperatingPoint, cuts: list[int], min_score: float = 0.0) -> list[Update]:
    """A recording as a stream, in blocks that end at these frames, those of one window having one clip score."""
    patience = scores.windows.patience
    decoder = StreamDecoder(point, scores.labels, scores.clock, min_score=min_score, patience=patience)
    windows, count, found = scores.windows, len(scores.frames), []
    edges = sorted({0, *(cut for cut in cuts if cut < count), *range(0, count, windows.steps)})
    for first, last in zip(edges, [*edges[1:], count], strict=True):
        clip = windows.clip[first // windows.steps]
        if last < count:
            found += decoder.push(scores.frames[first:last], clip)
        else:
            found += decoder.finish(scores.duration, scores.frames[first:last], clip)
    return found


def events_of(updates: list[Update]) -> list[Event]:
    ends = [update.event for update in updates if update.kind == "end"]
    return sorted(ends, key=lambda event: (event.onset, event.label, event.offset))


@settings(max_examples=300, deadline=None)
@given(streams(), points(), st.lists(st.integers(1, 90), max_size=12), st.sampled_from([0.0, 0.4]))
def test_the_events_are_those_of_the_whole_curve_whatever_the_blocks(scores, point, cuts, min_score):
    updates = played(scores, point, cuts, min_score)
    assert events_of(updates) == decide(scores, point, min_score=min_score).events


@settings(max_examples=150, deadline=None)
@given(streams(), points(), st.lists(st.integers(1, 90), max_size=12))
def test_news_are_the_same_whatever_the_blocks_and_each_event_begins_and_ends_once(scores, point, cuts):
    updates = played(scores, point, cuts)
    assert updates == played(scores, point, list(range(1, 91)))
    begun: dict[int, Update] = {}
    ended: set[int] = set()
    for update in updates:
        if update.kind == "begin":
            assert update.id not in begun
            begun[update.id] = update
        else:
            assert update.kind == "end"
            first = begun[update.id]
            assert (update.label, update.onset) == (first.label, first.onset)
            assert update.offset >= first.offset
            assert update.score >= first.score
            assert update.id not in ended
            ended.add(update.id)
    assert ended == set(begun)


@settings(max_examples=150, deadline=None)
@given(streams(), points(), st.data())
def test_a_begin_and_an_end_come_as_soon_as_is_stated(scores, point, data):
    sure = {"tag_gate": False, "min_duration_off": data.draw(st.sampled_from([0.0, 0.2]))}
    sure["min_duration_on"] = 0.0 if sure["min_duration_off"] else 0.2
    plain = {}
    for label, part in point.classes.items():
        onset = min(part.onset, 0.9)  # what asks for 1 counts as never reported
        plain[label] = part.model_copy(update={**sure, "onset": onset, "offset": onset})
    point = point.model_copy(update={"classes": plain, "last_frame": "ends"})
    ahead = look_ahead(point, scores.labels, scores.clock)
    assert not ahead.conditional
    count = len(scores.frames)
    for update in played(scores, point, list(range(1, 91))):
        if update.known == count:  # the recording was over
            continue
        heard = scores.clock.time(update.known)
        if update.kind == "begin" and update.onset > 0:
            assert heard - update.onset <= ahead.begin + 1e-6
        if update.kind == "end":
            assert heard - update.offset <= ahead.end + 1e-6


def test_a_sound_within_the_pads_that_proves_too_short_is_part_of_the_stated_time():
    labels = Labels(["dog"])
    part = ClassPoint(onset=0.5, offset=0.5, min_duration_on=0.2, pad_onset=0.05, pad_offset=0.05)
    point = OperatingPoint(classes={"dog": part})
    curve = np.float32([*[0.9] * 10, 0, 0, *[0.9] * 4, *[0] * 20])[:, None]  # frames of 0.04 s
    ahead = look_ahead(point, labels, CLOCK)
    decoder = StreamDecoder(point, labels, CLOCK)
    news = [update for frame in curve for update in decoder.push(frame[None])]
    [end] = [update for update in news if update.kind == "end"]
    late = CLOCK.time(end.known) - end.offset
    assert late == pytest.approx(0.23)  # the four frames of the second sound had to be over
    assert late <= ahead.end
    assert not ahead.conditional


def test_an_event_is_announced_when_it_is_long_enough_and_ends_when_the_gap_is():
    point = OperatingPoint(classes={"dog": ClassPoint(min_duration_on=0.2, min_duration_off=0.4)})
    labels = Labels(["dog"])
    decoder = StreamDecoder(point, labels, Clock(Fraction(1, 10)))
    heard = [0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]  # the first blip joins, so the event begins with it
    news = [decoder.push(np.float32([[value]])) for value in heard]
    assert [(place, update.kind, update.onset) for place, found in enumerate(news) for update in found] == [
        (4, "begin", 0.1),
        (13, "end", 0.1),
    ]
    assert news[13][0].offset == 1.0
    assert look_ahead(point, labels, Clock(Fraction(1, 10))).end == 0.4


def test_a_label_that_is_never_reported_delays_no_other():
    classes = {"dog": ClassPoint(min_duration_on=0.4), "animal": ClassPoint(min_duration_on=1e6)}
    ahead = look_ahead(OperatingPoint(classes=classes), Labels(["dog", "animal"]), CLOCK)
    assert (ahead.begin, ahead.end) == (0.4, 0.04)


def test_a_short_sound_is_never_announced():
    point = OperatingPoint(classes={"dog": ClassPoint(min_duration_on=0.3)})
    decoder = StreamDecoder(point, Labels(["dog"]), Clock(Fraction(1, 10)))
    assert not decoder.push(np.float32([[1], [1], [0], [0]]))
    assert not decoder.finish(0.4)


def test_a_gated_event_is_announced_when_the_clip_passes():
    point = OperatingPoint(classes={"dog": ClassPoint(tag_gate=0.5)})
    decoder = StreamDecoder(point, Labels(["dog"]), Clock(Fraction(1, 10)))
    loud = np.float32([[1], [1]])
    assert not decoder.push(loud, np.float32([0.4]))
    (begin,) = decoder.push(loud, np.float32([0.6]))
    assert (begin.kind, begin.onset, begin.offset, begin.known) == ("begin", 0.0, 0.2, 3)  # one frame was enough
    (end,) = decoder.finish(0.4)
    assert end.event == Event(0.0, 0.4, "dog", 1.0)


@pytest.mark.parametrize(
    ("clips", "known"),
    [
        ([0.4, 0.8, 0.4, 0.4, 0.4], 2),  # three times the odds: no doubt
        ([0.4, 0.7, 0.6, 0.6, 0.6], 4),  # at the gate when the patience of three frames is over
        ([0.4, 0.7, 0.6, 0.4, 0.4], None),  # not at the gate then
    ],
)
def test_an_event_in_doubt_is_waited_for_and_told_once(clips, known):
    point = OperatingPoint(classes={"dog": ClassPoint(tag_gate=0.5)})
    decoder = StreamDecoder(point, Labels(["dog"]), Clock(Fraction(1, 10)), patience=3)
    updates = [
        update
        for value, clip in zip([1, 0, 0, 0, 0], clips, strict=True)
        for update in decoder.push(np.float32([[value]]), np.float32([clip]))
    ]
    updates += decoder.finish(0.5)
    assert [(update.kind, update.known) for update in updates] == ([("begin", known), ("end", known)] if known else [])


def test_an_event_that_ends_with_the_recording_is_judged_by_its_last_window():
    point = OperatingPoint(classes={"dog": ClassPoint(tag_gate=0.5)})
    for clip, events in ((0.6, 1), (0.4, 0)):
        decoder = StreamDecoder(point, Labels(["dog"]), Clock(Fraction(1, 10)), patience=30)
        assert not decoder.push(np.float32([[0], [1], [0]]), np.float32([0.4]))
        assert not decoder.push(np.float32([[0]]), np.float32([clip]))
        assert sum(update.kind == "end" for update in decoder.finish(0.4)) == events


def test_updates_say_how_events_stand_where_they_are_asked_for():
    decoder = StreamDecoder(OperatingPoint.plain(["dog"]), Labels(["dog"]), Clock(Fraction(1, 2)), updates=True)
    assert [update.kind for update in decoder.push(np.float32([[0.6]]))] == ["begin"]
    (update,) = decoder.push(np.float32([[0.9], [0.6]]))
    assert (update.kind, update.id, update.onset, update.offset) == ("update", 1, 0.0, 1.5)
    assert update.score == np.float32(0.9)
    assert [update.kind for update in decoder.push(np.float32([[0.1]]))] == ["end"]
    assert not decoder.push(np.float32([[0.1]]))


def test_ids_go_on_from_where_they_are_said_to():
    decoder = StreamDecoder(OperatingPoint.plain(["dog"]), Labels(["dog"]), CLOCK, first_id=41)
    decoder.push(np.float32([[1], [0], [1], [0]]))
    assert decoder.next_id == 43


def test_what_is_held_does_not_grow_and_times_stay_exact():
    point = OperatingPoint(classes={"dog": ClassPoint(median_seconds=1.0, min_duration_off=0.4)})
    decoder = StreamDecoder(point, Labels(["dog"]), Clock(Fraction(4, 99)))
    quiet = np.zeros((10_000, 1), np.float32)
    for _ in range(200):
        assert not decoder.push(quiet)
    (lane,) = decoder._lanes
    assert len(lane._curve) <= 2 * lane.half + 1
    loud = quiet.copy()
    loud[100:200] = 1
    begin, end = decoder.push(loud)
    assert (begin.onset, end.offset) == (float(Fraction(4, 99) * 2_000_100), float(Fraction(4, 99) * 2_000_200))


def test_boxes_are_refused_in_a_line():
    boxes = OperatingPoint.plain(["dog"]).model_copy(update={"method": "boxes"})
    with pytest.raises(ConfigError, match=r'joined over the whole recording; listening live needs method "threshold"$'):
        StreamDecoder(boxes, Labels(["dog"]), CLOCK)
    with pytest.raises(ConfigError, match="boxes"):
        look_ahead(boxes, Labels(["dog"]), CLOCK)


def test_a_gate_needs_clip_scores():
    decoder = StreamDecoder(OperatingPoint(classes={"dog": ClassPoint(tag_gate=True)}), Labels(["dog"]), CLOCK)
    with pytest.raises(ConfigError, match="give them with the frames"):
        decoder.push(np.float32([[1]]))
