"""The page of recordings without labels: what the model detected in each, as lanes, with sound. No network, no torch.

    recordings + their events -> choose -> scored again -> views -> detections.html.j2 -> one HTML file

The recordings with the most confident events are shown, in the order they were given. Of a recording longer than
`LONG` seconds the whole is shown without sound, and beneath it pieces of `PIECE` seconds around its best events, each
label in turn, with sound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from earmark.arrays import FloatArray
from earmark.audio import read_blocks
from earmark.audio.remote import close_source, open_source
from earmark.clock import Clock
from earmark.decisions import score_curve
from earmark.errors import EarmarkError, counted
from earmark.events import Event
from earmark.report import page
from earmark.report.lanes import RecordingView, drawn
from earmark.report.spectrogram import Spectrogram, log_mel
from earmark.report.tables import Table
from earmark.runtime.scorer import Job
from earmark.runtime.tagger import Result, Tagger
from earmark.scores import Scores

LONG = 60.0  # seconds; longer recordings are shown whole without sound, and in pieces
PIECE = 10.0  # seconds
PIECES = 8  # of a long recording at most
COLUMNS = 1400  # of a picture of a whole recording at most
_SNAP = 1e-6  # columns: a time this near to a column's beginning is that beginning, rounded


@dataclass(frozen=True)
class Found:
    """A recording of a run: its name, where it lies, and its events."""

    name: str
    path: str
    events: Sequence[Event]


@dataclass(frozen=True, eq=False)
class DetectionReport:
    """All that the page says."""

    title: str
    summary: str
    facts: Mapping[str, str]
    labels: Table  # events, recordings and the best score of each label
    views: Iterable[Sequence[RecordingView]]  # of each recording: the whole, then its pieces
    problems: list[str] = field(default_factory=list)  # may grow while the views are made
    command: str = ""


def detection_report(
    tagger: Tagger,
    found: Sequence[Found],
    *,
    title: str,
    shown: int = 30,
    sounds: bool = True,
    min_score: float = 0.0,
    problems: Sequence[str] = (),
    command: str = "",
) -> DetectionReport:
    """The page of `earmark detect --report`: of all recordings in figures, of `shown` as lanes."""
    total = sum(len(each.events) for each in found)
    chosen = choose(found, shown)
    collected = list(problems)
    summary = f"{counted(total, 'event')} in {counted(len(found), 'recording')}."
    if len(chosen) < len(found):
        summary += f" Shown are the {len(chosen)} with the most confident events."
    detected = len({event.label for each in found for event in each.events})
    facts = {
        "labels": f"{len(tagger.labels)}, of which {detected} were detected",
        "operating point": tagger.operating_point.origin,
        "computed in": tagger.scorer.arithmetic,
    }
    views = views_of(tagger, chosen, collected, sounds, min_score)
    return DetectionReport(title, summary, facts, label_table(found), views, collected, command)


def render(report: DetectionReport, largest: int | None = None) -> str:
    """The page as text; recordings beyond `largest` characters (by default `page.LARGEST`) are left out and named."""
    limit = page.LARGEST if largest is None else largest
    lanes = page.template("lanes.html.j2").module.lanes  # type: ignore[attr-defined]  # a macro
    whole = page.template("detections.html.j2")
    shown: list[tuple[str, list[str]]] = []
    left_out: list[str] = []
    room = limit - 30_000 - 200 * len(report.labels.rows)
    for views in report.views:
        texts: list[str] = []
        for view in views:
            text = lanes(drawn(view))
            if len(text) <= room:
                room -= len(text)
                texts.append(text)
        if texts:
            shown.append((views[0].scores.recording, texts))
        if len(texts) < len(views):
            left_out.append(
                f"{views[0].scores.recording}: not shown{' in full' if texts else ''}, because the page would exceed "
                f"{limit // 10**6} MB"
            )
    return whole.render(report=report, recordings=shown, problems=[*report.problems, *left_out])


def choose(found: Sequence[Found], count: int) -> list[Found]:
    """The `count` recordings with the most confident events, in the order given.

    >>> quiet, loud = Found("a", "a", []), Found("b", "b", [Event(0, 1, "dog", 0.9)])
    >>> [each.name for each in choose([quiet, loud], 1)]
    ['b']
    """
    best = {place: max((event.score or 0.0 for event in each.events), default=-1.0) for place, each in enumerate(found)}
    kept = sorted(best, key=lambda place: (-best[place], place))[:count]
    return [found[place] for place in sorted(kept)]


def label_table(found: Sequence[Found]) -> Table:
    """A row a label that was detected, the most frequent first.

    >>> label_table([Found("a", "a", [Event(0, 1.5, "dog", 0.9), Event(2, 3, "dog", 0.5)])]).rows
    (('dog', 2, 1, 2.5, 0.9),)
    """
    events, recordings = Counter[str](), Counter[str]()
    seconds, best = Counter[str](), dict[str, float]()
    for each in found:
        recordings.update({event.label for event in each.events})
        for event in each.events:
            events[event.label] += 1
            seconds[event.label] += event.offset - event.onset  # type: ignore[assignment]  # seconds, not a count
            best[event.label] = max(best.get(event.label, 0.0), event.score or 0.0)
    rows = [
        (label, number, recordings[label], round(float(seconds[label]), 1), round(best[label], 3))
        for label, number in events.most_common()
    ]
    return Table(("label", "events", "recordings", "seconds", "best score"), tuple(rows), (False,) * 4 + (True,))


def views_of(
    tagger: Tagger, chosen: Sequence[Found], problems: list[str], sounds: bool = True, min_score: float = 0.0
) -> Iterator[list[RecordingView]]:
    """The views of each recording, one recording at a time; one that cannot be read any more is a problem."""
    for each in chosen:
        source = open_source(each.path)
        try:
            result = next(iter(tagger.stream([Job(each.name, source)], min_score=min_score)))
            if not isinstance(result, Result):
                raise result[1]
            yield list(_views(tagger, each, result, sounds))
        except EarmarkError as error:
            problems.append(str(error))
        finally:
            close_source(source)


def _views(tagger: Tagger, found: Found, result: Result, sounds: bool) -> Iterator[RecordingView]:
    scores, point = result.scores, tagger.operating_point
    curve = score_curve(scores, point)
    long = scores.duration > LONG
    spans = _spans(found.events, scores.duration) if long else [(0.0, scores.duration)]
    source = open_source(found.path)
    try:
        kept = _Kept(spans)
        with read_blocks(source) as blocks:
            kept.rate = blocks.rate
            picture = overview(kept.following(blocks), blocks.rate, scores.duration)
    finally:
        close_source(source)
    whole = RecordingView(
        scores=curve,
        logmel=picture.values,
        logmel_clock=picture.clock,
        detected=found.events,
        thresholds={label: part.onset for label, part in point.classes.items()},
        band_hz=picture.band_hz,
        waveform=kept.samples(0) if sounds and not long else None,
        rate=kept.rate,
        raw=None if np.array_equal(curve.frames, scores.frames) else scores,
        answer=result.tags,
    )
    yield whole
    for place, (begin, end) in enumerate(spans if long else []):
        yield _piece(whole, begin, end, kept.samples(place), kept.rate, sounds)


def overview(blocks: Iterable[FloatArray], rate: int, seconds: float) -> Spectrogram:
    """The picture of mono blocks (samples,) that together last `seconds`, in at most `COLUMNS` columns.

    A column holds, band by band, the highest value of its frames, so that a short call is seen in the picture of an
    hour. Memory does not grow with the recording.
    """
    whole = [log_mel(np.zeros(0, np.float32), rate)]  # silence: what no block covers
    columns = max(1, min(COLUMNS, int(seconds / float(whole[0].clock.step))))
    values = np.repeat(whole[0].values[:1], columns, axis=0)
    start = 0
    for block in blocks:
        picture = log_mel(block, rate)
        times = start / rate + picture.clock.edges(len(picture.values))[:-1]
        places = (times / max(seconds, 1e-9) * columns + _SNAP).astype(
            np.int64
        )  # a frame a column, where they are as many
        np.minimum(places, columns - 1, out=places)
        np.maximum.at(values, places, picture.values)
        start += len(block)
    step = Fraction(seconds) / columns if seconds > 0 else whole[0].clock.step
    return Spectrogram(values, Clock(step), whole[0].band_hz)


def _spans(events: Sequence[Event], duration: float) -> list[tuple[float, float]]:
    """Pieces around the best events, each label in turn, none over another; by time."""
    ranks = Counter[str]()
    ranked: list[tuple[int, float, Event]] = []
    for event in sorted(events, key=lambda event: -(event.score or 0.0)):
        ranked.append((ranks[event.label], -(event.score or 0.0), event))
        ranks[event.label] += 1
    spans: list[tuple[float, float]] = []
    for _, _, event in sorted(ranked, key=lambda each: each[:2]):
        middle = min(event.onset + PIECE / 2, (event.onset + event.offset) / 2)  # of a long event, its beginning
        begin = max(0.0, min(middle - PIECE / 2, duration - PIECE))
        if len(spans) < PIECES and all(begin >= other + PIECE or other >= begin + PIECE for other, _ in spans):
            spans.append((begin, min(duration, begin + PIECE)))
    return sorted(spans)


class _Kept:
    """Keeps the samples of some spans (seconds, by time) while the blocks of a recording go by."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self.spans, self.rate = spans, 0
        self._parts: list[list[FloatArray]] = [[] for _ in spans]

    def following(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        start = 0
        for block in blocks:
            for part, (begin, end) in zip(self._parts, self.spans, strict=True):
                first, last = int(begin * self.rate) - start, round(end * self.rate) - start
                if last > 0 and first < len(block):
                    part.append(block[max(0, first) : last].copy())
            yield block
            start += len(block)

    def samples(self, place: int) -> FloatArray | None:
        parts = self._parts[place]
        return np.concatenate(parts) if parts else None


def _piece(
    whole: RecordingView, begin: float, end: float, samples: FloatArray | None, rate: int, sounds: bool
) -> RecordingView:
    """The part of a view from `begin` to `end` seconds."""
    picture = log_mel(np.zeros(0, np.float32) if samples is None else samples, rate)
    events = [
        event._replace(onset=max(0.0, event.onset - begin), offset=min(end - begin, event.offset - begin))
        for event in whole.detected
        if event.onset < end and event.offset > begin
    ]
    return replace(
        whole,
        scores=part_of(whole.scores, begin, end),
        raw=None if whole.raw is None else part_of(whole.raw, begin, end),
        logmel=picture.values,
        logmel_clock=picture.clock,
        band_hz=picture.band_hz,
        detected=events,
        waveform=samples if sounds else None,
        rate=rate,
        answer=None,
        piece=True,
        begin=begin,
    )


def part_of(scores: Scores, begin: float, end: float) -> Scores:
    """The scores from `begin` to `end` seconds, on a clock that starts at `begin`.

    The best frame of each label is its clip score.
    """
    clock = scores.clock
    first, last = max(0, clock.frame_at(begin)), min(len(scores.frames), clock.frames_in(end))
    shifted = Clock(clock.step, clock.start + first * clock.step - Fraction(begin))
    frames = scores.frames[first:last]
    best = frames.max(axis=0) if len(frames) else scores.clip  # what the piece itself says of each label
    return replace(scores, clip=best, frames=frames, clock=shifted, duration=end - begin)
