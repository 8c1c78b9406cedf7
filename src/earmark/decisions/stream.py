"""Events out of scores that come step by step: `decide` for a recording that goes on.

    frame scores -> [calibration] -> [weight] -> median filter -> tracks, one a label -> updates

`StreamDecoder` gives exactly the events that `decide` finds in the whole curve, whatever the blocks that the curve
comes in. Each event has one id and two updates: `begin`, as soon as it is certain that the event will be reported, and
`end`, as soon as it is certain that nothing will be joined to it. How long that takes follows from the operating point
alone (`look_ahead`), in frames after the frame that matters:

    begin   half the median filter + shortest duration              (h + max(min_duration_on, 1 frame))
    end     half the median filter + shortest gap, or both pads     (h + max(min_duration_off, pads, 1 frame))
            + shortest duration where pads join events              (a sound within the pads may prove too short)

Three things take as long as the sound does: a curve that stays between `offset` and `onset` is an event only when it
reaches `onset`, a gated label only when the clip score passes its gate, and a sound in bits that are each too short
only when they are long enough together. Then the event's onset lies further back. An `end` waits as well while the
curve, risen again within the shortest gap, stays between `offset` and `onset`.

The clip scores of a stream are those of the window that scored the frame (`Scores.windows`), and `decide` says which of
them open a gate: those that leave no doubt at once, others when the patience is over. Until then an event that is over
and would count is held back.

Held is, for each label, half a median filter of scores, a handful of numbers, and the events of the last few seconds
whose gate is in doubt, however long the stream is.

Boxes (method "boxes") cannot be decided like that: they are joined shallowest gap first over the whole recording, so
that no number of frames ahead is enough. `ConfigError` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from earmark.arrays import FloatArray
from earmark.clock import Clock
from earmark.decisions.decide import calibrate, patience_frames
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels

Kind = Literal["begin", "update", "end"]
_NEVER = 86_400.0  # seconds: a label whose events must last for a day is one that is not to be reported
_NO_ID = 0  # of an update whose place among those of other labels is not known yet


@dataclass(frozen=True)
class Update:
    """News of one event; times are seconds from the beginning of the stream.

    `offset` and `score` of `begin` and `update` are what is known so far; of `end` they are final. The onset never
    changes. `known` counts the frames that were known when it was decided.
    """

    kind: Kind
    id: int
    label: str
    onset: float
    offset: float
    score: float
    known: int

    @property
    def event(self) -> Event:
        """The event as it stands."""
        return Event(self.onset, self.offset, self.label, self.score)


@dataclass(frozen=True)
class LookAhead:
    """Seconds that decisions take, at most, once the scores are there; the largest of all labels."""

    begin: float  # from an event's onset to its `begin`
    end: float  # from an event's offset to its `end`
    conditional: bool  # hysteresis, a gate, or gaps in a sound can make them wait for longer


def look_ahead(point: OperatingPoint, labels: Labels, clock: Clock) -> LookAhead:
    """What an operating point needs to know of the future; `ConfigError` for boxes, which need all of it.

    >>> point = OperatingPoint(classes={"dog": ClassPoint(median_seconds=0.2, min_duration_on=0.4)})
    >>> from fractions import Fraction
    >>> look_ahead(point, Labels(["dog"]), Clock(Fraction(1, 25)))
    LookAhead(begin=0.48, end=0.12, conditional=False)
    """
    check_streamable(point)
    merges = _merges(point, labels)
    rules = [_Rule.of(point, label, clock, merges) for label in labels if _can_be_an_event(point.of(label))]
    begins = [(rule.half + max(rule.shortest, 1)) * float(clock.step) + rule.pad_onset for rule in rules]
    ends = [(rule.half + rule.wait + rule.unsure) * float(clock.step) - rule.pad_offset for rule in rules]
    waits = any(each.offset < each.onset or each.gate > 0 or (each.shortest > 1 < each.gap) for each in rules)
    return LookAhead(round(max(begins, default=0.0), 9), round(max(ends, default=0.0), 9), waits)


def check_streamable(point: OperatingPoint) -> None:
    """`ConfigError` for an operating point that cannot be decided before the recording is over."""
    if point.method == "boxes":
        raise ConfigError(
            "the operating point finds events as boxes, which are joined over the whole recording; listening live "
            'needs method "threshold"'
        )


def _can_be_an_event(part: ClassPoint) -> bool:
    return part.onset < 1 and part.gate < 1 and part.min_duration_on < _NEVER


def _merges(point: OperatingPoint, labels: Labels) -> bool:
    """Whether events are joined where they touch: where any label has pads, as `runs_to_events` has it."""
    return any(point.of(label).pad_onset or point.of(label).pad_offset for label in labels)


@dataclass(frozen=True)
class _Rule:
    """The numbers of one label, in frames and as float32 has them."""

    label: str
    onset: float
    offset: float
    half: int  # frames on either side of the median filter's middle
    shortest: int  # frames of an event
    gap: int  # frames that keep two runs apart
    gate: float
    sure: float  # the clip score that opens the gate at once
    patience: int  # frames after which one at the gate does
    pad_onset: float  # seconds
    pad_offset: float
    short_end: bool  # an event ends where its last frame begins
    merges: bool
    wait: int  # frames after an event's last until it is certain that nothing joins it
    unsure: int  # and further ones of a sound within the pads that may prove too short to join it

    @classmethod
    def of(cls, point: OperatingPoint, label: str, clock: Clock, merges: bool, patience: int = 0) -> _Rule:
        part, step = point.of(label), clock.step
        half = odd_frames(part.median_seconds, step) // 2
        gap = whole_frames(part.min_duration_off, step)
        pads = whole_frames(part.pad_onset + part.pad_offset, step) + 1 if merges else 0
        return cls(
            label=label,
            onset=float(np.float32(part.onset)),
            offset=float(np.float32(part.offset)),
            half=half,
            shortest=whole_frames(part.min_duration_on, step),
            gap=gap,
            gate=float(np.float32(part.gate)),
            sure=float(np.float32(part.sure)),
            patience=int(patience_frames(np.array(half), patience)),
            pad_onset=float(np.float32(part.pad_onset)),
            pad_offset=float(np.float32(part.pad_offset)),
            short_end=point.last_frame == "begins",
            merges=merges,
            wait=max(gap, pads, 1),
            unsure=max(whole_frames(part.min_duration_on, step) - 1, 0) if pads > 1 else 0,
        )


@dataclass
class _Stretch:
    """Frames [first, last) with the largest score of the curve within: a run, or runs that were joined."""

    first: int
    last: int
    score: float
    passed: bool  # the gate


@dataclass
class _Span:
    """An event that was announced."""

    onset: float
    offset: float
    score: float


class _Track:
    """One label: runs above `offset`, those that reach `onset` joined over gaps, those certain to count announced.

    run     the stretch at or above `offset` that lasts to this frame, not yet at `onset`
    group   runs that reached `onset`, joined; more may join as long as the gap is short
    doubted groups to which nothing is joined any more, and whose gate may still open
    span    the event announced; padded groups that touch it become part of it

    What opens the gate of a later group opens those of earlier ones that are still in doubt, so groups count in order.
    """

    def __init__(self, rule: _Rule, clock: Clock, least: float) -> None:
        self.rule, self.clock, self.least = rule, clock, least
        self.duration: float | None = None  # seconds, once it is known
        self.run: _Stretch | None = None
        self.group: _Stretch | None = None
        self.doubted: list[_Stretch] = []
        self.span: _Span | None = None
        self.last_sure = self.last_late = -1  # the last frame that passed at once, and that did after the patience
        self._lasts = False  # the group's last run goes on
        self._counted = False  # the group is part of the span
        self._known = self._next = 0  # frames known, and decided

    @property
    def idle(self) -> bool:
        """Whether frames below `offset` change nothing."""
        return self.run is None and self.group is None and self.span is None and not self.doubted

    def hear(self, frame: int, sure: bool, enough: bool) -> list[Update]:
        """The next frame is known: whether its clip score leaves no doubt, and whether it is at the gate."""
        self._known = frame + 1
        if not (sure or enough or self.doubted):
            return []
        if sure:
            self.last_sure = frame
        if enough:
            self.last_late = frame - self.rule.patience
        for stretch in (self.run, self.group, *self.doubted):
            self._ask(stretch)
        news: list[Update] = []
        self._count_doubted(news)
        self.doubted = [stretch for stretch in self.doubted if self._in_doubt(stretch)]
        self._announce(news)
        self._end_if_certain(news)
        return news

    def step(self, frame: int, value: float, known: int) -> list[Update]:
        """The next frame's smoothed score."""
        rule, self._known, self._next = self.rule, known, frame + 1
        news: list[Update] = []
        if value < rule.offset:
            self.run, self._lasts = None, False
        elif self._lasts and self.group is not None:
            self._extend(self.group, frame, value)
        else:
            self.run = self.run or _Stretch(frame, frame, value, rule.gate <= 0)
            self._extend(self.run, frame, value)
            if value >= rule.onset:
                self._take_up(frame, news)
        self._settle(news)
        return news

    def finish(self, known: int, enough: bool) -> list[Update]:
        """There is no further frame; `enough`: the clip score of the last is at the gate."""
        news: list[Update] = []
        self._known = known
        self.run, self._lasts = None, False
        for stretch in (self.group, *self.doubted):
            if enough and stretch is not None and self._in_doubt(stretch):
                stretch.passed = True
        self._count_doubted(news)
        self._announce(news)
        self.group, self.doubted, self._counted = None, [], False
        self._end(news)
        return news

    def _take_up(self, frame: int, news: list[Update]) -> None:
        """The run has reached `onset`: it joins the group, or begins one."""
        run = self.run
        assert run is not None
        if self.group is not None and run.first - self.group.last < self.rule.gap:
            self.group.passed |= run.passed
            self._extend(self.group, frame, run.score)
        else:
            self._close()
            self.group = run
        self.run, self._lasts = None, True

    def _extend(self, stretch: _Stretch, frame: int, value: float) -> None:
        stretch.last, stretch.score = frame + 1, max(stretch.score, value)
        self._ask(stretch)

    def _ask(self, stretch: _Stretch | None) -> None:
        """Whether one of a stretch's frames has passed the gate."""
        if stretch is None or stretch.passed:
            return
        sure = stretch.first <= self.last_sure < stretch.last + self.rule.patience
        stretch.passed = sure or stretch.first <= self.last_late < stretch.last

    def _in_doubt(self, stretch: _Stretch) -> bool:
        """Whether what comes may still open its gate."""
        return self._known < stretch.last + self.rule.patience

    def _settle(self, news: list[Update]) -> None:
        """What is certain after a frame."""
        self._announce(news)
        if self.group is not None and not self._lasts and self._soonest() - self.group.last >= self.rule.gap:
            self._close()
        self._end_if_certain(news)

    def _soonest(self) -> int:
        """The first frame of the next run that may count."""
        return self.run.first if self.run is not None else self._next

    def _end_if_certain(self, news: list[Update]) -> None:
        if self.span is None or (self.group is not None and self._counted):
            return
        first = next((one.first for one in (*self.doubted, self.group) if one is not None), self._soonest())
        if not self.rule.merges or self._edge(first) - self.rule.pad_onset > self.span.offset:
            self._end(news)

    def _announce(self, news: list[Update]) -> None:
        """Take the group into the span, or announce it, once it is certain to count."""
        if self.group is not None and self.group.passed and self._long_and_loud(self.group):
            self._counted |= self._count(self.group, self._counted, news)

    def _count_doubted(self, news: list[Update]) -> None:
        while self.doubted and self.doubted[0].passed:
            self._count(self.doubted.pop(0), False, news)

    def _long_and_loud(self, stretch: _Stretch) -> bool:
        return stretch.score >= self.least and stretch.last - stretch.first >= self.rule.shortest

    def _count(self, stretch: _Stretch, counted: bool, news: list[Update]) -> bool:
        """Take a stretch into the span, or begin one with it unless it is `counted`; whether anything is left of it."""
        rule = self.rule
        last = max(stretch.last - 1, stretch.first) if rule.short_end else stretch.last
        onset = max(self._edge(stretch.first) - rule.pad_onset, 0.0)
        offset = self._edge(last) + rule.pad_offset
        if self.duration is not None:
            offset = min(offset, self.duration)
        if offset <= onset:
            return False
        if not counted:
            if self.span is not None and not (rule.merges and onset <= self.span.offset):
                self._end(news)
            if self.span is None:
                self.span = _Span(onset, offset, stretch.score)
                news.append(self._update("begin"))
        assert self.span is not None
        self.span.offset, self.span.score = max(self.span.offset, offset), max(self.span.score, stretch.score)
        return True

    def _close(self) -> None:
        """Nothing joins the group any more."""
        group = self.group
        if group is not None and not group.passed and self._long_and_loud(group) and self._in_doubt(group):
            self.doubted.append(group)
        self.group, self._counted = None, False

    def _end(self, news: list[Update]) -> None:
        if self.span is not None:
            news.append(self._update("end"))
            self.span = None

    def state(self, known: int) -> Update | None:
        """How the event that goes on stands; None where there is none."""
        self._known = known
        return None if self.span is None else self._update("update")

    def _update(self, kind: Kind) -> Update:
        span = self.span
        assert span is not None
        offset = span.offset if self.duration is None else min(span.offset, self.duration)
        if kind != "end":  # a pad may reach into what was not heard yet
            offset = max(min(offset, self._edge(self._known)), span.onset)
        return Update(kind, _NO_ID, self.rule.label, span.onset, offset, span.score, self._known)

    def _edge(self, frame: int) -> float:
        """Where a frame begins, in seconds, within the recording as far as it is known."""
        time = max(self.clock.time(frame), 0.0)
        return time if self.duration is None else min(time, self.duration)


class _Lane:
    """Labels whose median filters are of one length: half a filter of scores is held, and their tracks."""

    def __init__(self, half: int, columns: Sequence[int], tracks: Sequence[_Track]) -> None:
        self.half, self.columns, self.tracks = half, np.array(columns), list(tracks)
        self.offsets, self._gates, self._sure = (
            np.array(values, np.float32)
            for values in zip(*((each.rule.offset, each.rule.gate, each.rule.sure) for each in tracks), strict=True)
        )
        self._curve = np.zeros((0, len(tracks)), np.float32)  # from frame `_base` on
        self._base = self._next = self._known = 0  # the first frame held, not decided yet, and not known yet
        self._clip = np.zeros(len(tracks), np.float32)  # of the last frame

    def push(self, curve: FloatArray, clip: FloatArray, last: bool) -> list[tuple[int, int, Update]]:
        """Frames (frames, classes) of all labels, and their clip scores (classes,); (frames known, column, update)."""
        if len(curve):
            self._clip = clip[self.columns]
        self._curve = np.concatenate([self._curve, curve[:, self.columns]])
        known = self._base + len(self._curve)
        end = known if last else max(self._next, known - self.half)
        smooth = self._curve
        if self.half and end > self._next:
            smooth = median_filter(self._curve, np.full(len(self.tracks), 2 * self.half + 1))
        found = self._step(smooth[self._next - self._base : end - self._base], known)
        self._next, self._known = end, known
        keep = max(0, end - self.half - self._base)
        self._curve, self._base = self._curve[keep:], self._base + keep
        return found

    def finish(self) -> list[tuple[int, int, Update]]:
        """There is no further frame, and all were decided."""
        enough = (self._clip >= self._gates).tolist()
        return [
            (self._known, int(column), update)
            for column, track, late in zip(self.columns, self.tracks, enough, strict=True)
            for update in track.finish(self._known, late)
        ]

    def _step(self, smooth: FloatArray, known: int) -> list[tuple[int, int, Update]]:
        awake = np.any(smooth >= self.offsets, axis=0).tolist()
        enough, sure = (self._clip >= self._gates).tolist(), (self._clip >= self._sure).tolist()
        found: list[tuple[int, int, Update]] = []
        for place, track in enumerate(self.tracks):
            if track.idle and not awake[place]:
                if known > self._known:
                    track.hear(known - 1, sure[place], enough[place])
                continue
            column, values = int(self.columns[place]), iter(smooth[:, place].tolist())
            for frame in range(self._known, known):
                news = track.hear(frame, sure[place], enough[place])
                if frame - self.half >= self._next:
                    news += track.step(frame - self.half, next(values), frame + 1)
                found += [(frame + 1, column, update) for update in news]
            for frame, value in enumerate(values, max(self._next, known - self.half)):
                found += [(known, column, update) for update in track.step(frame, value, known)]
        return found


class StreamDecoder:
    """Scores step by step in, updates out; the events are those of `decide` on the whole.

    `min_score` is that of `decide`, `patience` in frames that of `WindowScores`. With `updates`, every push also gives
    an `update` for each event that goes on. Ids go on from `first_id`. `ConfigError` for boxes and for a label that the
    point does not know.

    >>> from fractions import Fraction
    >>> labels, clock = Labels(["dog"]), Clock(Fraction(1, 2))
    >>> decoder = StreamDecoder(OperatingPoint.plain(labels), labels, clock)
    >>> [(u.kind, u.id, u.onset) for u in decoder.push(np.float32([[0.1], [0.9]]))]
    [('begin', 1, 0.5)]
    >>> [(u.kind, u.id, u.onset, u.offset) for u in decoder.push(np.float32([[0.8], [0.2]]))]
    [('end', 1, 0.5, 1.5)]
    """

    def __init__(
        self,
        point: OperatingPoint,
        labels: Labels,
        clock: Clock,
        *,
        min_score: float = 0.0,
        updates: bool = False,
        first_id: int = 1,
        patience: int = 0,
    ) -> None:
        check_streamable(point)
        self.labels, self.updates, self.frames = labels, updates, 0
        self._parts = [point.of(label) for label in labels]
        self.next_id = first_id  # of the next event
        self._open: dict[str, int] = {}  # the ids of events that go on, by label
        merges, least = _merges(point, labels), float(np.float32(min_score))
        self._tracks = [_Track(_Rule.of(point, label, clock, merges, patience), clock, least) for label in labels]
        halves = [track.rule.half for track in self._tracks]
        self._lanes = [
            _Lane(half, columns, [self._tracks[column] for column in columns])
            for half in sorted(set(halves))
            for columns in [[column for column, other in enumerate(halves) if other == half]]
        ]
        self._weight = np.array([part.tag_weight for part in self._parts])
        self._needs_clip = bool(self._weight.any()) or any(part.gate > 0 for part in self._parts)

    def push(self, frames: FloatArray, clip: FloatArray | None = None) -> list[Update]:
        """The next frame scores (frames, classes), and the clip scores (classes,) that hold for them.

        Clip scores may be left out where no label has a gate or a weight; else `ConfigError`. All of these frames must
        lie within the recording: what may reach beyond its end is for `finish`.
        """
        return self._take(frames, clip, last=False)

    def finish(self, duration: float, frames: FloatArray | None = None, clip: FloatArray | None = None) -> list[Update]:
        """The recording ends after `duration` seconds, with these as its last frames: every event ends."""
        for track in self._tracks:
            track.duration = duration
        frames = np.zeros((0, len(self.labels)), np.float32) if frames is None else frames
        return self._take(frames, clip, last=True)

    def _take(self, frames: FloatArray, clip: FloatArray | None, last: bool) -> list[Update]:
        if clip is None:
            if self._needs_clip and len(frames):
                raise ConfigError(
                    "the operating point gates or weighs events by clip scores; give them with the frames"
                )
            clip = np.zeros(len(self.labels), np.float32)
        curve, tags = calibrate(frames, clip[None], self._parts)
        if self._weight.any():
            curve = curve * np.where(self._weight, tags[0], np.float32(1))
        self.frames += len(frames)
        found = [news for lane in self._lanes for news in lane.push(curve, tags[0], last)]
        if last:
            found += [news for lane in self._lanes for news in lane.finish()]
        news = [self._numbered(update) for _, _, update in sorted(found, key=lambda each: each[:2])]
        if self.updates and not last:
            told = {update.label for update in news if update.kind == "begin"}
            states = [track.state(self.frames) for track in self._tracks]
            news += [self._numbered(state) for state in states if state is not None and state.label not in told]
        return news

    def _numbered(self, update: Update) -> Update:
        """With the id of its event: numbers follow the order in which events are announced."""
        if update.kind == "begin":
            self._open[update.label] = self.next_id
            self.next_id += 1
        number = self._open.pop(update.label) if update.kind == "end" else self._open[update.label]
        return replace(update, id=number)
