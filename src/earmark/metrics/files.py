"""The metrics from two label files, no model: `earmark score`.

Both may be strong (events) or weak (tags); segment-based, event-based and intersection-based metrics need events on
both sides. The estimate may also be a folder of score tables, one file a recording (`formats.score_table`): then
PSDS is taken of the frame scores. Labels are those of the reference. Recordings are matched by name, or by name without
extension where one side has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from earmark.errors import ConfigError, DataError
from earmark.formats import LabelFile, match_recordings, read_labels, read_scores
from earmark.formats.tables import read_text
from earmark.labels import Labels
from earmark.metrics.bootstrap import Resampling
from earmark.metrics.evaluation import Evaluation, encode_tags, evaluate
from earmark.metrics.event import Collars
from earmark.metrics.intersection import Criteria

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
    resampling: Resampling | None = None,
) -> Evaluation:
    """Every metric that the two files allow. `DataError` where they do not fit or cannot be read.

    `ConfigError` for a length or collar that can be none.
    """
    collars = collars_of(segment_length, onset_collar, offset_share)
    truth = read_labels(reference)
    labels = Labels(sorted({tag for tags in truth.tags.values() for tag in tags}))
    if not len(labels):
        raise DataError(f"{reference}: no label in it; are reference and estimate swapped?")
    if tables := score_tables(estimate):
        return _score_scores(reference, truth, labels, estimate, tables, unknown, resampling)
    found = read_labels(estimate)
    names = _matched(reference, truth.tags, estimate, found.tags)
    estimated_tags = _renamed(found.tags, names)
    if truth.events is None or found.events is None:
        rows = encode_tags(truth.tags, estimated_tags, labels, unknown, unknown)
        return evaluate(labels, reference_tags=rows[0], estimated_tags=rows[1], resampling=resampling)
    return evaluate(
        labels,
        reference=truth.events,
        estimated=_renamed(found.events, names),
        segment_length=segment_length,
        collars=collars,
        criteria=Criteria(),
        resampling=resampling,
        unknown_labels=unknown,
        unknown_recordings=unknown,
    )


def score_tables(folder: Path) -> list[Path]:
    """The score tables in a folder; none where it is no folder or holds something else."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.glob("*.tsv")) if read_text(path).startswith("onset\toffset\t")]


def _score_scores(
    reference: Path,
    truth: LabelFile,
    labels: Labels,
    estimate: Path,
    tables: Sequence[Path],
    unknown: Literal["error", "ignore"],
    resampling: Resampling | None,
) -> Evaluation:
    """PSDS of frame scores."""
    if truth.events is None:
        raise DataError(f"{reference}: holds tags only; PSDS of the scores in {estimate} needs events with times")
    scores = {each.recording: each for each in map(read_scores, tables)}
    names = _matched(reference, truth.tags, estimate, scores)
    missing = sorted(truth.events.keys() - names.values())
    if missing:
        raise DataError(f"{estimate}: no score table of {missing[0]!r} ({len(missing)} of {len(truth.events)} missing)")
    renamed = [replace(each, recording=names.get(name, name)) for name, each in scores.items()]
    return evaluate(labels, reference=truth.events, scores=renamed, resampling=resampling, unknown_recordings=unknown)


def _matched(
    reference: Path, truth: Mapping[str, object], estimate: Path, found: Mapping[str, object]
) -> dict[str, str]:
    names = match_recordings(found, truth)
    if not names:
        first, other = next(iter(found), "nothing"), next(iter(truth))
        raise DataError(f"{estimate}: names no recording of {reference} ({first!r} here, {other!r} there)")
    return names


def collars_of(segment_length: float, onset_collar: float, offset_share: float) -> Collars:
    """Collars from what a user gave; `ConfigError` for a length or collar that can be none.

    The offset's collar is the onset's, or `offset_share` of the event's length where that is more.
    """
    if not SHORTEST_SEGMENT <= segment_length < math.inf:
        raise ConfigError(f"segment length {segment_length:g} s: expected {SHORTEST_SEGMENT:g} s or more")
    if not 0 <= onset_collar < math.inf:
        raise ConfigError(f"onset collar {onset_collar:g} s: expected 0 s or more")
    if not 0 <= offset_share < math.inf:
        raise ConfigError(f"offset share {offset_share:g}: expected 0 or more, 0.2 for a fifth of the event")
    return Collars(onset=onset_collar, offset=onset_collar, offset_share=offset_share)


def _renamed(items: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    return {names.get(name, name): item for name, item in items.items()}
