"""Choosing the operating point on labelled recordings.

Everything is counted once on a grid shared by all classes (settings x thresholds), per fold; choosing,
shrinking and cross-validating then only add and compare counts.

    aims -> counting -> sweep -> shrinkage -> tagging, detection, from_tags -> report       calibrating

`tune_tagging`    thresholds of the clip tags
`tune_detection`  the whole operating point, from events with times; the grid says the method
`tune_from_tags`  tag thresholds from tags alone, and events by defaults that each class's curves scale

`aims`                  objectives, as strategies over counts
`timeline`, `counting`  recordings end to end, and events counted against the reference
`sweep`, `shrinkage`    every setting tried; choices per class pulled towards the common one
`detection`, `tagging`  the operating point for events (or for the overall error rate), for tags
`from_tags`             events from tags alone and the model's own curves
`calibrating`           calibration fitted and measured
`report`                what tuning did, and its worth on held-out recordings
"""

from earmark.decisions.tuning.detection import Tuned, tune_detection
from earmark.decisions.tuning.from_tags import TagsAloneOptions, tune_from_tags
from earmark.decisions.tuning.report import CalibrationReport, HeldOut, TuningReport
from earmark.decisions.tuning.sweep import BoxGrid, FixedGrid, Grid, ThresholdGrid
from earmark.decisions.tuning.tagging import TunedTags, tune_tagging

__all__ = [
    "BoxGrid",
    "CalibrationReport",
    "FixedGrid",
    "Grid",
    "HeldOut",
    "TagsAloneOptions",
    "ThresholdGrid",
    "Tuned",
    "TunedTags",
    "TuningReport",
    "tune_detection",
    "tune_from_tags",
    "tune_tagging",
]
