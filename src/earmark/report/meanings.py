"""The name of each figure of an evaluation, and an explanation for readers who do not know it."""

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
        "segment": "Detection by segments",
        "event": "Detection by events",
        "intersection": "Detection by overlap",
        "psds": "Detection at all thresholds",
    }
)

METRICS: Mapping[tuple[str, str], Metric] = MappingProxyType(
    {
        ("tagging", "map"): Metric(
            "mAP", "How well clips with a sound rank above clips without it, averaged over classes.", True, True
        ),
        ("tagging", "mauc"): Metric(
            "mAUC", "Probability that a clip with the sound scores above one without it, averaged over classes.", True
        ),
        ("tagging", "dprime"): Metric(
            "d-prime", "mAUC as a distance in standard deviations: 0 is random, 2 is good.", sign=1
        ),
        ("tagging", "micro_f1"): Metric(
            "Tagging F1", "Harmonic mean of tagging precision and recall, over all clips.", True, True
        ),
        ("tagging", "macro_f1"): Metric(
            "Tagging F1, mean of classes",
            "The same for each class, then averaged: rare sounds count as much as frequent ones.",
            True,
        ),
        ("tagging", "precision"): Metric("Tagging precision", "Share of the given tags that are correct.", True),
        ("tagging", "recall"): Metric("Tagging recall", "Share of the true tags that were given.", True),
        ("tagging", "clips"): Metric("Clips", "Recordings scored."),
        ("tagging", "classes"): Metric("Classes averaged", "Some clip holds them: the mean of classes is over these."),
        ("tagging", "ranked"): Metric(
            "Classes ranked", "Some clips hold them and some do not: mAP and mAUC are averages over these."
        ),
        ("tagging", "unranked"): Metric(
            "Classes not ranked", "Classes that no clip or every clip contains: they are in neither mAP nor mAUC."
        ),
        ("segment", "f1"): Metric(
            "Segment F1", "In segments of 1 s: harmonic mean of precision and recall.", True, True
        ),
        ("segment", "precision"): Metric("Segment precision", "Share of the reported segments that are correct.", True),
        ("segment", "recall"): Metric("Segment recall", "Share of the true segments that were reported.", True),
        ("segment", "error_rate"): Metric(
            "Error rate",
            "In segments of 1 s: confused, missed and false sounds per true sound. Lower is better.",
            headline=True,
            sign=-1,
        ),
        ("segment", "substitutions"): Metric("Substitutions", "Segments with one sound reported instead of another."),
        ("segment", "deletions"): Metric("Deletions", "Segments with a missed sound."),
        ("segment", "insertions"): Metric("Insertions", "Segments with a reported sound that is not there."),
        ("segment", "reference"): Metric("True segments", "Segments with a sound, summed over classes."),
        ("segment", "estimated"): Metric("Reported segments", "Reported segments, summed over classes."),
        ("segment", "segment_length"): Metric("Length of a segment", "In seconds."),
        ("event", "f1"): Metric(
            "Event F1", "Whole events, correct only if start and end are close to the true ones (0.2 s).", True, True
        ),
        ("event", "macro_f1"): Metric(
            "Event F1, mean of classes",
            "The same for each class, then averaged over the classes with events; never reported counts as 0.",
            True,
        ),
        ("event", "precision"): Metric("Event precision", "Share of the reported events that are correct.", True),
        ("event", "recall"): Metric("Event recall", "Share of the true events that were found.", True),
        ("event", "error_rate"): Metric(
            "Event error rate", "Confused, missed and false events per true event. Lower is better.", sign=-1
        ),
        ("event", "substitutions"): Metric("Substitutions", "Events reported as another sound."),
        ("event", "deletions"): Metric("Deletions", "Events missed."),
        ("event", "insertions"): Metric("Insertions", "Events reported that are not there."),
        ("event", "reference"): Metric("True events", "Events of the reference."),
        ("event", "estimated"): Metric("Reported events", "Events the model reported."),
        ("event", "classes"): Metric("Classes averaged", "The reference has events of them: the mean is over these."),
        ("intersection", "macro_f1"): Metric(
            "Intersection F1",
            "An event is found if reports cover enough of it; exact times do not matter. Averaged over classes.",
            True,
        ),
        ("intersection", "micro_f1"): Metric(
            "Intersection F1, all events", "The same over the events of all classes.", True
        ),
        ("intersection", "f1"): Metric("Intersection F1", "An event is found if reports cover enough of it.", True),
        ("intersection", "precision"): Metric(
            "Intersection precision", "Share of the reports that lie on true events.", True
        ),
        ("intersection", "recall"): Metric(
            "Intersection recall", "Share of the true events that reports cover.", True
        ),
        ("intersection", "error_rate"): Metric(
            "Intersection error rate", "Missed and false events per true event. Lower is better.", sign=-1
        ),
        ("intersection", "deletions"): Metric("Deletions", "Events that no report covers."),
        ("intersection", "insertions"): Metric("Insertions", "Reports that do not lie on an event of their class."),
        ("intersection", "cross_triggers"): Metric("Cross triggers", "How often such a report lies on another sound."),
        ("intersection", "reference"): Metric("True events", "Events of the reference."),
        ("intersection", "estimated"): Metric("Reported events", "Events the model reported."),
        ("intersection", "merged"): Metric("Merged events", "Events of the reference that overlap one of their class."),
        ("intersection", "classes"): Metric(
            "Classes averaged", "The reference has events of them: the average is over these."
        ),
        ("psds", "psds1"): Metric(
            "PSDS1", "Events found at few false alarms, over all thresholds; strict about times.", True, True
        ),
        ("psds", "psds2"): Metric(
            "PSDS2", "The same, lenient about times and strict about confusing sounds.", True, True
        ),
        ("psds", "merged"): Metric("Merged events", "Events of the reference that overlap one of their class."),
        ("psds", "classes"): Metric("Classes averaged", "The reference has events of them: the mean is over these."),
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
    >>> describe("segment", "f1", segment_length=0.5).meaning[:18]
    'In segments of 0.5'
    """
    metric = METRICS.get((section, key))
    if metric is None:
        return Metric(key.replace("_", " "), "")
    return replace(metric, meaning=metric.meaning.replace("segments of 1 s", f"segments of {segment_length:g} s"))
