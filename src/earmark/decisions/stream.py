"""Events out of scores that come step by step: `decide` for a recording that goes on.

    frame scores -> [calibration] -> [weight] -> median filter -> tracks, one a label -> updates

`StreamDecoder` gives exactly the events that `decide` finds in the whole curve, whatever the blocks that the curve
comes in. Each event has one id and two updates: `begin`, as soon as it is certain that the event will be reported, and
`end`, as soon as it is certain that nothing will be joined to it. How long that takes follows from the operating point
alone (`look_ahead`), in frames after the frame that matters:

    begin   half the median filter + shortest duration              (h + max(min_duration_on, 1 frame))
    end     half the median filter + shortest gap, or both pads     (h + max(min_duration_off, pads, 1 frame))

Three things take as long as the sound does: a curve that stays between `offset` and `onset` is an event only when it
reaches `onset`, a gated label only when the clip score passes its gate, and a sound in bits that are each too short
only when they are long enough together. Then the event's onset lies further back. An `end` waits as well while the
curve, risen again within the shortest gap, stays between `offset` and `onset`.

The clip scores of a stream are those of the window that scored the frame (`Scores.windows`): an event passes its gate
if one of the windows of its frames does.

Held is, for each label, half a median filter of scores and a handful of numbers, however long the stream is.

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
from earmark.decisions.decide import calibrate
from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.decisions.segments import whole_frames
from earmark.decisions.smoothing import median_filter, odd_frames
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels

Kind = Literal["begin", "update", "end"]
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
    ends = [(rule.half + rule.wait) * float(clock.step) - rule.pad_offset for rule in rules]
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
    return part.onset < 1 and part.gate < 1


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
    pad_onset: float  # seconds
    pad_offset: float
    short_end: bool  # an event ends where its last frame begins
    merges: bool
    wait: int  # frames after an event's last until it is certain that nothing joins it

    @classmethod
    def of(cls, point: OperatingPoint, label: str, clock: Clock, merges: bool) -> _Rule:
        part, step = point.of(label), clock.step
        gap = whole_frames(part.min_duration_off, step)
        pads = whole_frames(part.pad_onset + part.pad_offset, step) + 1 if merges else 0
        return cls(
            label=label,
            onset=float(np.float32(part.onset)),
            offset=float(np.float32(part.offset)),
            half=odd_frames(part.median_seconds, step) // 2,
            shortest=whole_frames(part.min_duration_on, step),
            gap=gap,
            gate=float(np.float32(part.gate)),
            pad_onset=float(np.float32(part.pad_onset)),
            pad_offset=float(np.float32(part.pad_offset)),
            short_end=point.last_frame == "begins",
            merges=merges,
            wait=max(gap, pads, 1),
        )


@dataclass
class _Stretch:
    """Frames [first, last) with the largest curve and clip score within: a run, or runs that were joined."""

    first: int
    last: int
    score: float
    clip: float


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
    span    the event announced; padded groups that touch it become part of it
    """

    def __init__(self, rule: _Rule, clock: Clock, least: float) -> None:
        self.rule, self.clock, self.least = rule, clock, least
        self.duration: float | None = None  # seconds, once it is known
        self.run: _Stretch | None = None
        self.group: _Stretch | None = None
        self.span: _Span | None = None
        self._lasts = False  # the group's last run goes on
        self._counted = False  # the group is part of the span
        self._clip = 0.0  # the largest clip score since the group's last frame
        self._known = 0

    @property
    def idle(self) -> bool:
        """Whether frames below `offset` change nothing."""
        return self.run is None and self.group is None and self.span is None

    def step(self, frame: int, value: float, clip: float, known: int) -> list[Update]:
        """The next frame: its smoothed score, and the clip score that goes with it."""
        rule, self._known = self.rule, known
        self._clip = max(self._clip, clip)
        news: list[Update] = []
        if value < rule.offset:
            self.run, self._lasts = None, False
        elif self._lasts and self.group is not None:
            self._extend(self.group, frame, value)
        else:
            self.run = self.run or _Stretch(frame, frame, value, clip)
            self.run.score, self.run.clip = max(self.run.score, value), max(self.run.clip, clip)
            if value >= rule.onset:
                self._take_up(frame, news)
        self._settle(frame, news)
        return news

    def finish(self, known: int) -> list[Update]:
        """There is no further frame."""
        news: list[Update] = []
        self._known = known
        self.run, self._lasts = None, False
        self._announce(news)
        self._close()
        self._end(news)
        return news

    def _take_up(self, frame: int, news: list[Update]) -> None:
        """The run has reached `onset`: it joins the group, or begins one."""
        run = self.run
        assert run is not None
        if self.group is not None and run.first - self.group.last < self.rule.gap:
            self._extend(self.group, frame, run.score)
        else:
            self._close()
            self.group = _Stretch(run.first, frame + 1, run.score, run.clip)
            self._clip = 0.0
        self.run, self._lasts = None, True

    def _extend(self, group: _Stretch, frame: int, value: float) -> None:
        group.last, group.score, group.clip = frame + 1, max(group.score, value), max(group.clip, self._clip)
        self._clip = 0.0

    def _settle(self, frame: int, news: list[Update]) -> None:
        """What is certain after this frame."""
        self._announce(news)
        soonest = self.run.first if self.run is not None else frame + 1  # first frame of the next run that may count
        if self.group is not None and not self._lasts and soonest - self.group.last >= self.rule.gap:
            self._close()
        if self.span is None or (self.group is not None and self._counted):
            return
        first = self.group.first if self.group is not None else soonest
        if not self.rule.merges or self._edge(first) - self.rule.pad_onset > self.span.offset:
            self._end(news)

    def _announce(self, news: list[Update]) -> None:
        """Take the group into the span, or announce it, once it is certain to count."""
        group, rule = self.group, self.rule
        if group is None or group.score < self.least or group.clip < rule.gate:
            return
        if group.last - group.first < rule.shortest:
            return
        last = max(group.last - 1, group.first) if rule.short_end else group.last
        onset = max(self._edge(group.first) - rule.pad_onset, 0.0)
        offset = self._edge(last) + rule.pad_offset
        if self.duration is not None:
            offset = min(offset, self.duration)
        if offset <= onset:
            return
        if not self._counted:
            if self.span is not None and not (rule.merges and onset <= self.span.offset):
                self._end(news)
            self._counted = True
            if self.span is None:
                self.span = _Span(onset, offset, group.score)
                news.append(self._update("begin"))
        assert self.span is not None
        self.span.offset, self.span.score = max(self.span.offset, offset), max(self.span.score, group.score)

    def _close(self) -> None:
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
        self.offsets = np.array([track.rule.offset for track in tracks], np.float32)
        self._curve = np.zeros((0, len(tracks)), np.float32)  # from frame `_base` on
        self._clip = np.zeros((0, len(tracks)), np.float32)
        self._base = self._next = 0  # the first frame held; the first that was not decided yet

    def push(self, curve: FloatArray, clip: FloatArray, last: bool) -> list[tuple[int, int, Update]]:
        """Frames (frames, classes) of all labels; news as (frames known, column, update)."""
        self._curve = np.concatenate([self._curve, curve[:, self.columns]])
        self._clip = np.concatenate([self._clip, clip[:, self.columns]])
        known = self._base + len(self._curve)
        end = known if last else known - self.half
        if end <= self._next:
            return []
        there = slice(self._next - self._base, end - self._base)
        smooth = self._curve
        if self.half:
            smooth = median_filter(self._curve, np.full(len(self.tracks), 2 * self.half + 1))
        found = self._step(smooth[there], self._clip[there], known)
        self._next = end
        keep = max(0, end - self.half - self._base)
        self._curve, self._clip, self._base = self._curve[keep:], self._clip[keep:], self._base + keep
        return found

    def _step(self, smooth: FloatArray, clip: FloatArray, known: int) -> list[tuple[int, int, Update]]:
        awake = np.any(smooth >= self.offsets, axis=0).tolist()
        found: list[tuple[int, int, Update]] = []
        for place, track in enumerate(self.tracks):
            if track.idle and not awake[place]:
                continue
            column = int(self.columns[place])
            values, clips = smooth[:, place].tolist(), clip[:, place].tolist()
            for frame, (value, tag) in enumerate(zip(values, clips, strict=True), self._next):
                heard = min(frame + self.half + 1, known)
                found += [(heard, column, update) for update in track.step(frame, value, tag, heard)]
        return found


class StreamDecoder:
    """Scores step by step in, updates out; the events are those of `decide` on the whole.

    `min_score` is that of `decide`. With `updates`, every push also gives an `update` for each event that goes on.
    `ids` go on from `first_id`. `ConfigError` for boxes and for a label that the point does not know.

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
    ) -> None:
        check_streamable(point)
        self.labels, self.updates, self.frames = labels, updates, 0
        self._parts = [point.of(label) for label in labels]
        self.next_id = first_id  # of the next event
        self._open: dict[str, int] = {}  # the ids of events that go on, by label
        merges, least = _merges(point, labels), float(np.float32(min_score))
        self._tracks = [_Track(_Rule.of(point, label, clock, merges), clock, least) for label in labels]
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
        wide = np.broadcast_to(tags, curve.shape)
        self.frames += len(frames)
        found = [news for lane in self._lanes for news in lane.push(curve, wide, last)]
        if last:
            for column, track in enumerate(self._tracks):
                found += [(self.frames, column, update) for update in track.finish(self.frames)]
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
