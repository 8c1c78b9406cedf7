"""Metrics as pure functions over plain data; numpy only, no torch.

`tagging`     average precision, mAP, AUC, d-prime; F1, precision, recall of tags
`segment`     segment-based F1 and error rate (sed_eval's numbers)
`event`       event-based F1 and error rate with collars (sed_eval's numbers)
`intersection`  intersection-based F1 (sed_scores_eval's numbers)
`psds`        polyphonic sound detection score over all thresholds, exact (sed_scores_eval's numbers); what it is made
              of: `psd_curves`, `psd_steps`, `threshold_steps`, `run_tree`, `truth`, `merging`, `psd_roc`
`bootstrap`   confidence intervals over recordings, paired intervals for two systems; what can be resampled:
              `bootstrap_counts`, `bootstrap_tagging`, `bootstrap_psds`
`evaluation`  `evaluate`, the one door: every metric that what is given allows, and its JSON form
`dcase2017`   `task_a`, `task_b`: DCASE2017 task 4 counted as its own scorers count (`dcase2017_files`: from two files)
`columns`     event lists as arrays; how missing and unknown recordings and labels are met
`rates`, `matching`  precision, recall, F1 from counts; the largest matching of two sets of events

Conventions: `reference` is the truth, `estimated` what a system says; events are `{recording: [Event,
...]}` in seconds, tags arrays (clips, classes). NaN means "not defined here", and is left out of means.
"""

from earmark.metrics.bootstrap import Figures, Interval, Intervals, Resampling, intervals, paired_intervals
from earmark.metrics.bootstrap_counts import counts_statistic
from earmark.metrics.bootstrap_psds import psds_metrics_statistic, psds_of_events_statistic, psds_statistic
from earmark.metrics.bootstrap_tagging import tagging_statistic
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
