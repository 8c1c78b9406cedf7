"""What each number of an evaluation is called, and what it says to somebody who never met it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Metric:
    """The name of a number and its meaning in a sentence."""

    name: str
    meaning: str
    share: bool = False  # lies in [0, 1], more is better: a bar can show it
    headline: bool = False  # worth a card on top of the page


SECTIONS: Mapping[str, str] = MappingProxyType(
    {"tagging": "Tagging", "segment": "Detection, slice by slice", "event": "Detection, event by event"}
)

METRICS: Mapping[tuple[str, str], Metric] = MappingProxyType(
    {
        ("tagging", "map"): Metric(
            "mAP", "How well clips that hold a sound rank above those that don't, averaged over classes.", True, True
        ),
        ("tagging", "mauc"): Metric(
            "mAUC", "The chance that a clip with the sound scores above one without it, averaged over classes.", True
        ),
        ("tagging", "dprime"): Metric("d-prime", "mAUC as a distance in standard deviations: 0 is chance, 2 is good."),
        ("tagging", "micro_f1"): Metric(
            "Tagging F1", "The balance of tags that are right and tags that are found, over all clips.", True, True
        ),
        ("tagging", "macro_f1"): Metric(
            "Tagging F1, mean of classes",
            "The same for each class, then averaged: rare sounds weigh like common ones.",
            True,
        ),
        ("tagging", "precision"): Metric("Tagging precision", "Of the tags given, the share that is right.", True),
        ("tagging", "recall"): Metric("Tagging recall", "Of the true tags, the share that was given.", True),
        ("tagging", "clips"): Metric("Clips", "Recordings scored."),
        ("segment", "f1"): Metric(
            "Segment F1", "In slices of 1 s: the balance of reports that are right and sounds not missed.", True, True
        ),
        ("segment", "precision"): Metric("Segment precision", "Of the slices reported, the share that is right.", True),
        ("segment", "recall"): Metric("Segment recall", "Of the slices that hold the sound, the share reported.", True),
        ("segment", "error_rate"): Metric(
            "Error rate",
            "In slices of 1 s: sounds mistaken, missed or invented, for each that is there. Less is better.",
            headline=True,
        ),
        ("segment", "substitutions"): Metric("Substitutions", "Slices with one sound reported in place of another."),
        ("segment", "deletions"): Metric("Deletions", "Slices with a sound missed."),
        ("segment", "insertions"): Metric("Insertions", "Slices with a sound invented."),
        ("segment", "reference"): Metric("True slices", "Slices that hold a sound, summed over classes."),
        ("segment", "estimated"): Metric("Reported slices", "Slices reported, summed over classes."),
        ("segment", "segment_length"): Metric("Length of a slice", "In seconds."),
        ("event", "f1"): Metric(
            "Event F1", "Whole events, right only when start and end are near the true ones (0.2 s).", True, True
        ),
        ("event", "precision"): Metric("Event precision", "Of the events reported, the share that is right.", True),
        ("event", "recall"): Metric("Event recall", "Of the true events, the share that was found.", True),
        ("event", "error_rate"): Metric("Event error rate", "Events mistaken, missed or invented, for each true one."),
        ("event", "substitutions"): Metric("Substitutions", "Events reported as another sound."),
        ("event", "deletions"): Metric("Deletions", "Events missed."),
        ("event", "insertions"): Metric("Insertions", "Events invented."),
        ("event", "reference"): Metric("True events", "Events of the reference."),
        ("event", "estimated"): Metric("Reported events", "Events the model reported."),
    }
)  # fmt: skip

# (section, per_class key) -> column of the per-class table and whether its values are shares; what is missing here
# is shown only on demand.
CLASS_COLUMNS: Mapping[tuple[str, str], tuple[str, bool]] = MappingProxyType(
    {
        ("tagging", "reference"): ("clips", False),
        ("tagging", "ap"): ("AP", True),
        ("tagging", "auc"): ("AUC", True),
        ("tagging", "f1"): ("tagging F1", True),
        ("segment", "f1"): ("segment F1", True),
        ("segment", "precision"): ("segment precision", True),
        ("segment", "recall"): ("segment recall", True),
        ("segment", "error_rate"): ("error rate", False),
        ("event", "reference"): ("events", False),
        ("event", "f1"): ("event F1", True),
    }
)


def describe(section: str, key: str, segment_length: float = 1.0) -> Metric:
    """What is known of a metric; an unknown one is called by its key.

    >>> describe("tagging", "map").name, describe("psds", "psds_1").name
    ('mAP', 'psds 1')
    >>> describe("segment", "f1", segment_length=0.5).meaning[:22]
    'In slices of 0.5 s: th'
    """
    metric = METRICS.get((section, key))
    if metric is None:
        return Metric(key.replace("_", " "), "")
    meaning = metric.meaning.replace("slices of 1 s", f"slices of {segment_length:g} s")
    return Metric(metric.name, meaning, metric.share, metric.headline)
