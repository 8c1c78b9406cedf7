"""Segment-based F1 and error rate: was each sound active in each second?

Time is cut into segments of `segment_length` seconds from 0 on. An event makes its class active in every
segment it touches, from floor(onset / length) up to ceil(offset / length). Over all segments of all
recordings, with Ntp, Nref, Nsys the active classes that agree, that the reference and that the estimate
name in a segment:

    substitutions S = min(Nref, Nsys) - Ntp
    deletions     D = max(0, Nref - Nsys)
    insertions    I = max(0, Nsys - Nref)
    precision = sum Ntp / sum Nsys    recall = sum Ntp / sum Nref    error rate = sum (S + D + I) / sum Nref

One class alone has no substitutions: error rate = (deletions + insertions) / Nref. Paper: Mesaros,
Heittola, Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6(6):162. The
numbers are those of sed_eval 0.2.1 (`SegmentBasedMetrics`). Edges:

- Overlapping events of one class are one activity.
- A row `0 0 label` touches no segment: finding that sound there is an insertion. (An event of no length
  elsewhere, 3.5 to 3.5, does touch one.)
- A recording ends where the last event of either side does; with `durations` it ends there, and what lies
  beyond is not counted.
- F1 and precision of an empty estimate are NaN and its error rate is 1 (see `rates`).
- Differs from sed_eval: times are compared to the nanosecond, and a border belongs to the segment it begins. With
  segments of 0.1 s an event from 0.3 s on begins in the fourth segment here; there in the third, as 0.3 / 0.1 is
  2.9999999999999996 in binary.
- Differs from sed_eval: with no reference activity at all the error rate is NaN, not 0 or an astronomic
  number.
- Missing and unknown recordings, unknown labels: see `columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from earmark.arrays import DoubleArray, IntArray
from earmark.errors import DataError
from earmark.labels import Labels
from earmark.metrics.columns import NANOSECOND, Columns, EventLists, Pair, Unknown, pair
from earmark.metrics.rates import class_rates, f1_score, ratio


@dataclass(frozen=True)
class ClassSegments:
    """Segment-based results of one class."""

    f1: float
    precision: float
    recall: float
    error_rate: float
    deletions: int  # segments
    insertions: int  # segments
    reference: int  # active segments
    estimated: int  # active segments


@dataclass(frozen=True)
class SegmentMetrics:
    """Segment-based results over all classes (micro average), and per class."""

    f1: float
    precision: float
    recall: float
    error_rate: float
    substitutions: int  # classes summed over segments, as all counts here
    deletions: int
    insertions: int
    reference: int
    estimated: int
    segment_length: float  # seconds
    per_class: dict[str, ClassSegments]


def segment_metrics(
    reference: EventLists,
    estimated: EventLists,
    labels: Labels,
    *,
    segment_length: float = 1.0,
    durations: Mapping[str, float] | None = None,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> SegmentMetrics:
    """Segment-based F1 and error rate of an estimate.

    `reference`, `estimated`: {recording: events}; `durations`: seconds by recording.
    `DataError` where the two sides do not fit (see `columns`), `ValueError` for a segment without length.

    >>> from earmark.events import Event
    >>> reference = {"a.wav": [Event(0.2, 2.5, "dog")]}
    >>> found = segment_metrics(reference, {"a.wav": [Event(1.0, 4.0, "dog")]}, Labels(["dog"]))
    >>> round(found.f1, 3), round(found.error_rate, 3), found.deletions, found.insertions
    (0.667, 0.667, 1, 1)
    """
    if not segment_length > 0:
        raise ValueError(f"a segment must last longer than 0 s, got {segment_length}")
    both = pair(reference, estimated, labels, unknown_labels, unknown_recordings)
    spans = [_spans(side, both, segment_length, durations) for side in (both.reference, both.estimated)]
    starts, widths = _pieces(spans)
    columns = max(both.label_count, 1)
    reference_cells, estimated_cells = (_active(*part, columns) for part in zip(spans, starts, strict=True))
    agreed = np.intersect1d(reference_cells, estimated_cells, assume_unique=True)
    return _results(labels, columns, segment_length, widths, (reference_cells, estimated_cells, agreed))


def touched(onset: DoubleArray, offset: DoubleArray, length: float) -> tuple[IntArray, IntArray]:
    """The first segment that each event touches, and one past the last; a border belongs to the segment it begins.

    >>> [ends.tolist() for ends in touched(np.array([0.3, 0.35]), np.array([0.7, 0.35]), 0.1)]
    [[3, 3], [7, 4]]
    """
    return _cut(onset, length, np.floor), _cut(offset, length, np.ceil)


def _cut(seconds: DoubleArray, length: float, otherwise: Callable[[DoubleArray], DoubleArray]) -> IntArray:
    """Seconds in segments: whole where they are a border to half a nanosecond, else rounded down or up."""
    place = seconds / length
    border = np.rint(place)
    exact = np.abs(seconds - border * length) <= NANOSECOND / 2
    return np.asarray(np.where(exact, border, otherwise(place)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Spans:
    """Events in whole segments; arrays (events,)."""

    recording: IntArray
    label: IntArray
    begin: IntArray  # first segment
    end: IntArray  # one past the last, above `begin`


def _spans(events: Columns, both: Pair, length: float, durations: Mapping[str, float] | None) -> _Spans:
    begin, end = touched(events.onset, events.offset, length)
    if durations is not None:
        missing = [name for name in both.recordings if name not in durations]
        if missing:
            raise DataError(f"no duration given for {missing[0]!r} ({len(missing)} in all)")
        seconds = np.array([durations[name] for name in both.recordings], dtype=np.float64)
        end = np.minimum(end, touched(seconds, seconds, length)[1][events.recording])
    lasts = end > begin
    return _Spans(events.recording[lasts], events.label[lasts], begin[lasts], end[lasts])


def _pieces(sides: Sequence[_Spans]) -> tuple[list[tuple[IntArray, IntArray]], IntArray]:
    """Time cut where any event of either side begins or ends: within a piece all segments are alike.

    So what is counted grows with the events, not with the seconds. Returns for each side the pieces at which its
    events begin and end, and how many segments each piece has (pieces,).
    """
    recording = np.concatenate([side.recording for side in sides for _ in range(2)])
    segment = np.concatenate([ends for side in sides for ends in (side.begin, side.end)])
    order = np.lexsort((segment, recording))
    recording, segment = recording[order], segment[order]
    fresh = np.append(True, (recording[1:] != recording[:-1]) | (segment[1:] != segment[:-1]))[: len(order)]
    piece = np.empty(len(order), dtype=np.int64)
    piece[order] = np.cumsum(fresh) - 1
    cuts = np.cumsum([len(side.begin) for side in sides for _ in range(2)])[:-1]
    begins_and_ends = np.split(piece, cuts)
    pairs = list(zip(begins_and_ends[0::2], begins_and_ends[1::2], strict=True))
    return pairs, np.diff(segment[fresh], append=0)  # no event covers what follows a recording's last border


def _active(side: _Spans, ends: tuple[IntArray, IntArray], columns: int) -> IntArray:
    """The (piece, label) cells in which an event is active, as sorted distinct numbers piece * columns + label."""
    begin, end = ends
    count = end - begin
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)  # 0, 1, .. of each event
    return np.unique((np.repeat(begin, count) + within) * columns + np.repeat(side.label, count))


def _results(
    labels: Labels, columns: int, length: float, widths: IntArray, cells: tuple[IntArray, IntArray, IntArray]
) -> SegmentMetrics:
    """From active cells of the reference, of the estimate and of both; `widths` (pieces,) in segments."""
    n_ref, n_sys, n_tp = (np.bincount(part // columns, minlength=len(widths)) for part in cells)
    substitutions = int(((np.minimum(n_ref, n_sys) - n_tp) * widths).sum())
    deletions = int((np.maximum(n_ref - n_sys, 0) * widths).sum())
    insertions = int((np.maximum(n_sys - n_ref, 0) * widths).sum())
    counts = np.zeros((3, columns), dtype=np.int64)
    for row, part in zip(counts, cells, strict=True):
        np.add.at(row, part % columns, widths[part // columns])
    reference, estimated, tp = counts.sum(axis=1).tolist()
    precision, recall = ratio(tp, estimated), ratio(tp, reference)
    return SegmentMetrics(
        f1=f1_score(precision, recall),
        precision=precision,
        recall=recall,
        error_rate=ratio(substitutions + deletions + insertions, reference),
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
        reference=reference,
        estimated=estimated,
        segment_length=length,
        per_class={
            name: ClassSegments(*class_rates(tp, reference, estimated))
            for name, (reference, estimated, tp) in zip(labels, counts.T.tolist(), strict=False)
        },
    )
