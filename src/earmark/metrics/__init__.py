"""Metrics as pure functions over plain data; numpy only, no torch.

`tagging`     average precision, mAP, AUC, d-prime; F1, precision, recall of tags
`segment`     segment-based F1 and error rate (sed_eval's numbers)
`event`       event-based F1 and error rate with collars (sed_eval's numbers)
`intersection`  intersection-based F1 (sed_scores_eval's numbers)
`psds`        polyphonic sound detection score over all thresholds, exact (sed_scores_eval's numbers). It is made of
              `psd_curves` (reference and score curves), `threshold_steps` (what a falling threshold changes) and
              `psd_roc` (the curve of each class, their mean, the area)
`bootstrap`   confidence intervals over recordings, paired intervals for two systems; `statistics`: what is resampled
`evaluation`  `evaluate`, the one door: every metric that the inputs allow, and its JSON form
`dcase2017`   `task_a`, `task_b`: DCASE2017 task 4 counted as its own scorers count
`files`       all of this from two label files: `earmark score`
`columns`     event lists as arrays; how missing and unknown recordings and labels are met
`rates`       precision, recall, F1 from counts
`matching`    the largest matching of two sets of events

Conventions: `reference` is the truth, `estimated` what a system says; events are `{recording: [Event,
...]}` in seconds, tags arrays (clips, classes). NaN means "not defined here", and is left out of means.
"""

from earmark.metrics.bootstrap import Figures, Interval, Intervals, Resampling, intervals, paired_intervals
from earmark.metrics.columns import Unknown
from earmark.metrics.evaluation import Evaluation, encode_tags, evaluate, tags_of_events
from earmark.metrics.event import ClassEvents, Collars, EventMetrics, event_metrics
from earmark.metrics.intersection import ClassIntersections, Criteria, IntersectionMetrics, intersection_metrics
from earmark.metrics.psd_roc import Roc
from earmark.metrics.psds import (
    PSDS1,
    PSDS2,
    ClassPsds,
    Psds,
    PsdsMetrics,
    PsdsOptions,
    psds,
    psds_metrics,
    psds_of_events,
)
from earmark.metrics.rates import f1_score, to_json
from earmark.metrics.segment import ClassSegments, SegmentMetrics, segment_metrics
from earmark.metrics.statistics import (
    counts_statistic,
    psds_metrics_statistic,
    psds_of_events_statistic,
    psds_statistic,
    tagging_statistic,
)
from earmark.metrics.tagging import (
    ClassTags,
    TaggingMetrics,
    average_precision,
    d_prime,
    roc_auc,
    tagging_metrics,
)

__all__ = [
    "PSDS1",
    "PSDS2",
    "ClassEvents",
    "ClassIntersections",
    "ClassPsds",
    "ClassSegments",
    "ClassTags",
    "Collars",
    "Criteria",
    "Evaluation",
    "EventMetrics",
    "Figures",
    "IntersectionMetrics",
    "Interval",
    "Intervals",
    "Psds",
    "PsdsMetrics",
    "PsdsOptions",
    "Resampling",
    "Roc",
    "SegmentMetrics",
    "TaggingMetrics",
    "Unknown",
    "average_precision",
    "counts_statistic",
    "d_prime",
    "encode_tags",
    "evaluate",
    "event_metrics",
    "f1_score",
    "intersection_metrics",
    "intervals",
    "paired_intervals",
    "psds",
    "psds_metrics",
    "psds_metrics_statistic",
    "psds_of_events",
    "psds_of_events_statistic",
    "psds_statistic",
    "roc_auc",
    "segment_metrics",
    "tagging_metrics",
    "tagging_statistic",
    "tags_of_events",
    "to_json",
]
