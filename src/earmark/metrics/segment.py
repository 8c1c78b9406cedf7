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
- Differs from sed_eval: with no reference activity at all the error rate is NaN, not 0 or an astronomic
  number.
- Missing and unknown recordings, unknown labels: see `columns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from earmark.errors import DataError
from earmark.labels import Labels
from earmark.metrics.columns import Columns, EventLists, IntArray, Pair, Unknown, pair
from earmark.metrics.rates import f1_score, ratio


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
    first = _first_segments(both, segment_length, durations)
    width = max(both.label_count, 1)
    reference_cells = _active_cells(both.reference, first, segment_length, width)
    estimated_cells = _active_cells(both.estimated, first, segment_length, width)
    agreed = np.intersect1d(reference_cells, estimated_cells, assume_unique=True)
    return _results(labels, width, segment_length, int(first[-1]), reference_cells, estimated_cells, agreed)


def _first_segments(both: Pair, length: float, durations: Mapping[str, float] | None) -> IntArray:
    """Where each recording's segments begin when all are laid end to end; (recordings + 1,)."""
    if durations is not None:
        missing = [name for name in both.recordings if name not in durations]
        if missing:
            raise DataError(f"no duration given for {missing[0]!r} ({len(missing)} in all)")
        seconds = np.array([durations[name] for name in both.recordings], dtype=np.float64)
    else:
        seconds = np.zeros(len(both.recordings))
        for side in (both.reference, both.estimated):
            np.maximum.at(seconds, side.recording, side.offset)
    return np.concatenate(([0], np.cumsum(np.ceil(seconds / length).astype(np.int64))))


def _active_cells(events: Columns, first: IntArray, length: float, width: int) -> IntArray:
    """The (segment, label) cells in which an event is active, as sorted distinct numbers segment * width + label."""
    begin = first[events.recording] + np.floor(events.onset / length).astype(np.int64)
    end = first[events.recording] + np.ceil(events.offset / length).astype(np.int64)
    end = np.minimum(end, first[events.recording + 1])
    count = np.maximum(end - begin, 0)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)  # 0, 1, .. of each event
    segment = np.repeat(begin, count) + within
    return np.unique(segment * width + np.repeat(events.label, count))


def _results(
    labels: Labels,
    width: int,
    length: float,
    segments: int,
    reference_cells: IntArray,
    estimated_cells: IntArray,
    agreed: IntArray,
) -> SegmentMetrics:
    n_ref, n_sys, n_tp = (
        np.bincount(cells // width, minlength=segments) for cells in (reference_cells, estimated_cells, agreed)
    )
    substitutions = int((np.minimum(n_ref, n_sys) - n_tp).sum())
    deletions = int(np.maximum(n_ref - n_sys, 0).sum())
    insertions = int(np.maximum(n_sys - n_ref, 0).sum())
    precision, recall = ratio(len(agreed), len(estimated_cells)), ratio(len(agreed), len(reference_cells))
    counts = (
        np.bincount(cells % width, minlength=width).tolist() for cells in (agreed, reference_cells, estimated_cells)
    )
    return SegmentMetrics(
        f1=f1_score(precision, recall),
        precision=precision,
        recall=recall,
        error_rate=ratio(substitutions + deletions + insertions, len(reference_cells)),
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
        reference=len(reference_cells),
        estimated=len(estimated_cells),
        segment_length=length,
        per_class={name: _of_class(*row) for name, *row in zip(labels, *counts, strict=False)},
    )


def _of_class(tp: int, reference: int, estimated: int) -> ClassSegments:
    precision, recall = ratio(tp, estimated), ratio(tp, reference)
    deletions, insertions = reference - tp, estimated - tp
    error_rate = ratio(deletions + insertions, reference)
    return ClassSegments(
        f1_score(precision, recall), precision, recall, error_rate, deletions, insertions, reference, estimated
    )
