"""How events are found: one setting for all classes, chosen on held-out soundscapes, whose times are exact.

Few soundscapes hold a class. Settings of each class's own did worse on the other half of the soundscapes than one for
all: of the model before, segment F1 .42 against .44, event F1 .09 to .19 (by what was tuned for) against .23.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from earmark.decisions import OperatingPoint, decide
from earmark.evaluation.labelled import ScoredClips
from earmark.metrics import event_metrics, segment_metrics
from tools.bundled.choosing import LEAST
from tools.bundled.table import GROUPS

ONSETS = (LEAST, 0.3, 0.4, 0.5)
OFFSETS = (0.5, 1.0)  # share of the onset
MEDIANS = (0.0, 0.25, 0.5)  # seconds
SHORTEST = (0.0, 0.15, 0.4)  # seconds
GAPS = (0.4, 0.8, 1.2)  # seconds
GATE = 0.4  # clip score without which there is no event, while settings are compared


def settings() -> Iterator[dict[str, float]]:
    """All that are compared."""
    for onset, share, median, shortest, gap in itertools.product(ONSETS, OFFSETS, MEDIANS, SHORTEST, GAPS):
        yield {
            "onset": onset,
            "offset": onset * share,
            "median_seconds": median,
            "min_duration_on": shortest,
            "min_duration_off": gap,
        }


def choose_events(scored: ScoredClips) -> tuple[OperatingPoint, float, float]:
    """The setting with the highest mean of segment F1 and event F1, and both of them."""
    found = [(*worth(scored, setting), setting) for setting in settings()]
    segments, events, best = max(found, key=lambda each: each[0] + each[1])
    return point_of(scored, best), segments, events


def worth(scored: ScoredClips, setting: dict[str, float]) -> tuple[float, float]:
    """Segment F1 and event F1 of a setting."""
    point = point_of(scored, setting)
    reference = dict(zip((scored.clips[index].name for index in scored.strong), scored.references(), strict=True))
    events = {scores.recording: decide(scores, point).events for scores in scored.scores}
    estimated = {name: events[name] for name in reference}
    segments = segment_metrics(reference, estimated, scored.labels).f1
    return segments, event_metrics(reference, estimated, scored.labels).f1


def point_of(scored: ScoredClips, setting: dict[str, float]) -> OperatingPoint:
    """An operating point of one setting; groups have no events."""
    point = OperatingPoint.plain(list(scored.labels))
    classes = {
        label: part.model_copy(update={**setting, "tag_gate": GATE} if label not in GROUPS else {"tag_gate": 1.0})
        for label, part in point.classes.items()
    }
    return point.model_copy(update={"classes": classes})
