"""What each number of an evaluation is called, and what it says to somebody who never met it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True)
class Metric:
    """The name of a number and its meaning in a sentence."""

    name: str
    meaning: str
    share: bool = False  # lies in [0, 1], more is better: a bar can show it
    headline: bool = False  # worth a card on top of the page
    sign: int = 0  # 1: more is better, -1: less is; 0: neither by itself

    @property
    def good(self) -> int:
        """Which way is better: 1 up, -1 down, 0 neither by itself."""
        return 1 if self.share else self.sign


SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "tagging": "Tagging",
        "segment": "Detection, slice by slice",
        "event": "Detection, event by event",
        "intersection": "Detection, by overlap",
        "psds": "Detection at all thresholds",
    }
)

METRICS: Mapping[tuple[str, str], Metric] = MappingProxyType(
    {
        ("tagging", "map"): Metric(
            "mAP", "How well clips that hold a sound rank above those that don't, averaged over classes.", True, True
        ),
        ("tagging", "mauc"): Metric(
            "mAUC", "The chance that a clip with the sound scores above one without it, averaged over classes.", True
        ),
        ("tagging", "dprime"): Metric(
            "d-prime", "mAUC as a distance in standard deviations: 0 is chance, 2 is good.", sign=1
        ),
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
        ("tagging", "unranked"): Metric(
            "Classes not ranked", "No clip holds them, or every clip does: they count in neither mAP nor mAUC."
        ),
        ("segment", "f1"): Metric(
            "Segment F1", "In slices of 1 s: the balance of reports that are right and sounds not missed.", True, True
        ),
        ("segment", "precision"): Metric("Segment precision", "Of the slices reported, the share that is right.", True),
        ("segment", "recall"): Metric("Segment recall", "Of the slices that hold the sound, the share reported.", True),
        ("segment", "error_rate"): Metric(
            "Error rate",
            "In slices of 1 s: sounds mistaken, missed or invented, for each that is there. Less is better.",
            headline=True,
            sign=-1,
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
        ("event", "error_rate"): Metric(
            "Event error rate", "Events mistaken, missed or invented, for each true one.", sign=-1
        ),
        ("event", "substitutions"): Metric("Substitutions", "Events reported as another sound."),
        ("event", "deletions"): Metric("Deletions", "Events missed."),
        ("event", "insertions"): Metric("Insertions", "Events invented."),
        ("event", "reference"): Metric("True events", "Events of the reference."),
        ("event", "estimated"): Metric("Reported events", "Events the model reported."),
        ("intersection", "macro_f1"): Metric(
            "Intersection F1",
            "Events are found when reports cover enough of them; times need not be near. Averaged over classes.",
            True,
        ),
        ("intersection", "micro_f1"): Metric(
            "Intersection F1, all events", "The same over the events of all classes.", True
        ),
        ("intersection", "f1"): Metric("Intersection F1", "Events are found when reports cover enough of them.", True),
        ("intersection", "precision"): Metric(
            "Intersection precision", "Of the reports, the share that lies on true events.", True
        ),
        ("intersection", "recall"): Metric(
            "Intersection recall", "Of the true events, the share that reports cover.", True
        ),
        ("intersection", "error_rate"): Metric(
            "Intersection error rate", "Events missed or invented, for each true one.", sign=-1
        ),
        ("intersection", "deletions"): Metric("Deletions", "Events that no reports cover."),
        ("intersection", "insertions"): Metric("Insertions", "Reports that lie on no event of their class."),
        ("intersection", "cross_triggers"): Metric("Cross triggers", "How often such a report lies on another sound."),
        ("intersection", "reference"): Metric("True events", "Events of the reference."),
        ("intersection", "estimated"): Metric("Reported events", "Events the model reported."),
        ("intersection", "merged"): Metric("Merged events", "Events of the reference that overlap one of their class."),
        ("psds", "psds1"): Metric(
            "PSDS1", "Events found at few false alarms, over all thresholds; strict about times.", True, True
        ),
        ("psds", "psds2"): Metric(
            "PSDS2", "The same, lenient about times and strict about taking one sound for another.", True, True
        ),
        ("psds", "merged"): Metric("Merged events", "Events of the reference that overlap one of their class."),
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
        ("intersection", "f1"): ("intersection F1", True),
        ("psds", "psds1"): ("PSDS1", True),
        ("psds", "psds2"): ("PSDS2", True),
    }
)


def describe(section: str, key: str, segment_length: float = 1.0) -> Metric:
    """What is known of a metric; an unknown one is called by its key.

    >>> describe("tagging", "map").name, describe("clarity", "sdr_1").name
    ('mAP', 'sdr 1')
    >>> describe("segment", "f1", segment_length=0.5).meaning[:22]
    'In slices of 0.5 s: th'
    """
    metric = METRICS.get((section, key))
    if metric is None:
        return Metric(key.replace("_", " "), "")
    return replace(metric, meaning=metric.meaning.replace("slices of 1 s", f"slices of {segment_length:g} s"))
