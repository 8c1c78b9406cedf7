"""Metrics as pure functions over plain data; numpy only, no torch.

`tagging`     average precision, mAP, AUC, d-prime; F1, precision, recall of tags
`segment`     segment-based F1 and error rate (sed_eval's numbers)
`event`       event-based F1 and error rate with collars (sed_eval's numbers)
`evaluation`  `evaluate`, the one door: every metric that what is given allows, and its JSON form
`columns`     event lists as arrays; how missing and unknown recordings and labels are met
`rates`, `matching`  precision, recall, F1 from counts; the largest matching of two sets of events

Conventions: `reference` is the truth, `estimated` what a system says; events are `{recording: [Event,
...]}` in seconds, tags arrays (clips, classes). NaN means "not defined here", and is left out of means.
"""

from earmark.metrics.columns import Unknown
from earmark.metrics.evaluation import Evaluation, encode_tags, evaluate, tags_of_events
from earmark.metrics.event import ClassEvents, Collars, EventMetrics, event_metrics
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
    "ClassEvents",
    "ClassSegments",
    "ClassTags",
    "Collars",
    "Evaluation",
    "EventMetrics",
    "SegmentMetrics",
    "TaggingMetrics",
    "Unknown",
    "average_precision",
    "d_prime",
    "encode_tags",
    "evaluate",
    "event_metrics",
    "f1_score",
    "roc_auc",
    "segment_metrics",
    "tagging_metrics",
    "tags_of_events",
    "to_json",
]
