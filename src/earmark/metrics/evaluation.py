"""All metrics at once: every metric the inputs allow.

`evaluate` scores events (reference and estimated, by recording), frame scores and tags (arrays (clips, classes)) and
returns an `Evaluation` with the sections `tagging`, `segment`, `event`, `intersection` (where asked for) and `psds`; a
section whose input is missing is None. Where tags are not given but events are, a recording's tags are the labels of
its events: F1s then, but no mAP, which needs scores. `encode_tags` turns tags by recording into the arrays.

`Evaluation.to_json()` has the keys that reports and the command line use, NaN and infinity as null:

    tagging: {map, mauc, dprime, micro_f1, macro_f1, precision, recall, clips, classes, ranked, unranked, per_class}
    segment: {f1, precision, recall, error_rate, substitutions, deletions, insertions, reference, estimated,
              segment_length, per_class}
    event:   {f1, macro_f1, precision, recall, error_rate, substitutions, deletions, insertions, reference, estimated,
              classes, per_class}
    intersection: {macro_f1, micro_f1, precision, recall, error_rate, deletions, insertions, cross_triggers, reference,
              estimated, merged, classes, per_class}
    psds:    {psds1, psds2, merged, classes, per_class}

`per_class` is {label: {...}}. `classes` says over how many classes the macro figures are means; `ranked` says so of mAP
and mAUC. Substitutions, deletions and insertions are counts; divided by `reference` they are
the rates that add up to the error rate. With `resampling` each section, and each class in it, also holds
`intervals: {figure: [low, high]}`: bootstrap intervals over recordings (see `bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypedDict, cast

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray
from earmark.errors import DataError, did_you_mean
from earmark.labels import Labels
from earmark.metrics.bootstrap import Intervals, Resampling, Statistic, intervals, paired_intervals
from earmark.metrics.columns import EventLists, Unknown, pair_recordings
from earmark.metrics.event import Collars, EventMetrics, event_metrics
from earmark.metrics.intersection import Criteria, IntersectionMetrics, intersection_metrics
from earmark.metrics.psds import PsdsMetrics, psds_metrics
from earmark.metrics.rates import to_json
from earmark.metrics.segment import SegmentMetrics, segment_metrics
from earmark.metrics.statistics import counts_statistic, psds_metrics_statistic, tagging_statistic
from earmark.metrics.tagging import TaggingMetrics, tagging_metrics
from earmark.scores import Scores

TagLists = Mapping[str, Iterable[str]]


class _Unknown(TypedDict):
    unknown_labels: Unknown
    unknown_recordings: Unknown


@dataclass(frozen=True)
class Evaluation:
    """What the metrics say; None for a section whose input was missing."""

    tagging: TaggingMetrics | None = None
    segment: SegmentMetrics | None = None
    event: EventMetrics | None = None
    intersection: IntersectionMetrics | None = None
    psds: PsdsMetrics | None = None
    intervals: Mapping[str, Intervals] = field(default_factory=dict)  # by section, where asked for
    statistics: Mapping[str, Callable[[], tuple[Statistic, int]]] = field(
        default_factory=dict, repr=False
    )  # to resample
    problems: tuple[str, ...] = ()  # what in the input does not fit, a line each; none of it was dropped in silence

    def to_json(self) -> dict[str, Any]:
        """Sections that are there, as plain dicts; NaN and infinity become None."""
        names = ("tagging", "segment", "event", "intersection", "psds")
        sections = {name: cast(dict[str, Any] | None, to_json(getattr(self, name))) for name in names}
        found = {name: section for name, section in sections.items() if section is not None}
        for name, section in found.items():
            if name in self.intervals:
                labels = section["per_class"]
                bounds, of_classes = self.intervals[name].to_json(list(labels))
                section["intervals"] = bounds
                for label, bounds in of_classes.items():
                    labels[label]["intervals"] = bounds
        return found


def evaluate(
    labels: Labels,
    *,
    reference: EventLists | None = None,
    estimated: EventLists | None = None,
    reference_tags: npt.NDArray[Any] | None = None,
    estimated_tags: npt.NDArray[Any] | None = None,
    clip_scores: npt.NDArray[Any] | None = None,
    scores: Iterable[Scores] | None = None,
    durations: Mapping[str, float] | None = None,
    segment_length: float = 1.0,
    collars: Collars | None = None,
    criteria: Criteria | None = None,
    resampling: Resampling | None = None,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> Evaluation:
    """Score whatever is given: events by recording, tags and clip scores as (clips, classes), frame scores.

    `criteria` ask for intersection-based F1, `scores` for PSDS (walked several times: a sequence, or an object whose
    `__iter__` starts afresh), `resampling` for confidence intervals.

    `DataError` where the two sides do not fit, `ValueError` where shapes do not.

    >>> from earmark.events import Event
    >>> events = {"a.wav": [Event(0.0, 2.0, "dog")], "b.wav": []}
    >>> found = evaluate(Labels(["dog"]), reference=events, estimated=events)
    >>> found.tagging.micro_f1, found.segment.f1, found.event.f1
    (1.0, 1.0, 1.0)
    """
    unknown = _Unknown(unknown_labels=unknown_labels, unknown_recordings=unknown_recordings)
    sections, statistics = dict[str, Any](), dict[str, Callable[[], tuple[Statistic, int]]]()
    if reference is not None and estimated is not None:
        for name, metric, options in _of_events(segment_length, durations, collars, criteria):
            sections[name] = metric(reference, estimated, labels, **options, **unknown)
            statistics[name] = partial(counts_statistic, metric, reference, estimated, labels, **options, **unknown)
        if reference_tags is None and estimated_tags is None and clip_scores is None:
            reference_tags, estimated_tags = encode_tags(
                tags_of_events(reference), tags_of_events(estimated), labels, **unknown
            )
    if reference is not None and scores is not None:
        sections["psds"] = psds_metrics(
            scores, reference, labels, durations=durations, unknown_recordings=unknown_recordings
        )
        statistics["psds"] = partial(psds_metrics_statistic, scores, reference, labels, durations=durations)
    if reference_tags is not None and not (estimated_tags is None and clip_scores is None):
        sections["tagging"] = tagging_metrics(reference_tags, labels, scores=clip_scores, estimated=estimated_tags)
        statistics["tagging"] = partial(tagging_statistic, reference_tags, scores=clip_scores, estimated=estimated_tags)
    if resampling is not None:
        sections["intervals"] = {name: intervals(*make(), resampling) for name, make in statistics.items()}
    return Evaluation(**sections, statistics=statistics)


def paired(
    first: Evaluation, second: Evaluation, labels: Labels, resampling: Resampling | None = None
) -> dict[str, dict[str, Any]]:
    """Intervals of second less first, on the same draws of the same recordings.

    {section: {figure: [low, high], "per_class": {label: {figure: [low, high]}}}}. `ValueError` where the two were
    not measured on as many recordings.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in first.statistics.keys() & second.statistics.keys():
        (before, recordings), (after, others) = first.statistics[name](), second.statistics[name]()
        if recordings != others:
            raise ValueError(
                f"{name}: {recordings} recordings against {others}; a paired comparison needs the same recordings"
            )
        bounds, per_class = paired_intervals(after, before, recordings, resampling).to_json(list(labels))
        found[name] = {**bounds, "per_class": per_class}
    return found


def _of_events(
    segment_length: float, durations: Mapping[str, float] | None, collars: Collars | None, criteria: Criteria | None
) -> Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]:
    """(section, metric, its options) of what events allow."""
    yield "segment", segment_metrics, {"segment_length": segment_length, "durations": durations}
    yield "event", event_metrics, {"collars": collars}
    if criteria is not None:
        yield "intersection", intersection_metrics, {"criteria": criteria}


def tags_of_events(events: EventLists) -> dict[str, list[str]]:
    """The labels of each recording; events of no length (rows `0 0 label`) do not count."""
    return {
        name: list(dict.fromkeys(event.label for event in found if event.offset > event.onset))
        for name, found in events.items()
    }


def encode_tags(
    reference: TagLists,
    estimated: TagLists,
    labels: Labels,
    unknown_labels: Unknown = "error",
    unknown_recordings: Unknown = "error",
) -> tuple[BoolArray, BoolArray]:
    """Tags by recording as two arrays (clips, classes), rows in the reference's order.

    A recording that is missing from the estimate has no tags there. An estimated label that is unknown is a
    `DataError` unless they are to be ignored; it has no column, so `"count"` leaves it out as well.
    """
    recordings = pair_recordings(reference, estimated, unknown_recordings)
    truth = [labels.encode(reference.get(name, ())) for name in recordings]
    given = []
    for name in recordings:
        tags = list(estimated.get(name, ()))
        strange = [tag for tag in tags if tag not in labels]
        if strange and unknown_labels == "error":
            raise DataError(f"estimated {name}: unknown label {strange[0]!r}{did_you_mean(strange[0], labels)}")
        given.append(labels.encode(tag for tag in tags if tag in labels))
    shape = (len(recordings), len(labels))
    return np.array(truth, dtype=np.bool_).reshape(shape), np.array(given, dtype=np.bool_).reshape(shape)
