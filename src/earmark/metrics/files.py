"""The metrics from two label files, no model: `earmark score`.

Both may be strong (events) or weak (tags); segment-based and event-based metrics need events on both sides. Labels are
those of the reference. Recordings are matched by name, or by name without extension where one side has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from earmark.errors import ConfigError, DataError
from earmark.formats import match_recordings, read_labels
from earmark.labels import Labels
from earmark.metrics.evaluation import Evaluation, encode_tags, evaluate
from earmark.metrics.event import Collars

SHORTEST_SEGMENT = 0.001  # seconds
T = TypeVar("T")


def score_files(
    reference: Path,
    estimate: Path,
    *,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    unknown: Literal["error", "ignore"] = "error",
) -> Evaluation:
    """Every metric that the two files allow. `DataError` where they do not fit or cannot be read.

    `ConfigError` for a length or collar that can be none.
    """
    _check(segment_length, onset_collar, offset_share)
    truth, found = read_labels(reference), read_labels(estimate)
    labels = Labels(sorted({tag for tags in truth.tags.values() for tag in tags}))
    if not len(labels):
        raise DataError(f"{reference}: no label in it; are reference and estimate swapped?")
    names = match_recordings(found.tags, truth.tags)
    if not set(names.values()) & set(truth.tags):
        first, other = next(iter(found.tags), "nothing"), next(iter(truth.tags))
        raise DataError(f"{estimate}: names no recording of {reference} ({first!r} here, {other!r} there)")
    estimated_tags = _renamed(found.tags, names)
    if truth.events is None or found.events is None:
        rows = encode_tags(truth.tags, estimated_tags, labels, unknown, unknown)
        return evaluate(labels, reference_tags=rows[0], estimated_tags=rows[1])
    return evaluate(
        labels,
        reference=truth.events,
        estimated=_renamed(found.events, names),
        segment_length=segment_length,
        collars=Collars(onset=onset_collar, offset=onset_collar, offset_share=offset_share),
        unknown_labels=unknown,
        unknown_recordings=unknown,
    )


def _check(segment_length: float, onset_collar: float, offset_share: float) -> None:
    if not SHORTEST_SEGMENT <= segment_length < math.inf:
        raise ConfigError(f"segment length {segment_length:g} s: expected {SHORTEST_SEGMENT:g} s or more")
    if not 0 <= onset_collar < math.inf:
        raise ConfigError(f"onset collar {onset_collar:g} s: expected 0 s or more")
    if not 0 <= offset_share < math.inf:
        raise ConfigError(f"offset share {offset_share:g}: expected 0 or more, 0.2 for a fifth of the event")


def _renamed(items: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    return {names.get(name, name): item for name, item in items.items()}
