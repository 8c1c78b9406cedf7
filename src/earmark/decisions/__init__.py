"""From scores to decisions: which tags a recording carries, and which events it holds, from when to when.

    Scores -> [calibration] -> [weight] -> smoothing -> segments  (method "threshold")  -> [gate] -> Events
                                        -> boxes                  (method "boxes")      -> [gate] -> Events

`operating_point` holds every number that takes part, per label; `decide` is the one door, and `score_curve` gives
what comes before any threshold (PSDS is of that); `tuning` chooses the numbers on labelled recordings; `calibration`
makes scores mean what they say, and measures how far they do.

`operating_point`            the numbers that decide, per label; points published by papers
`decide`                     the one door
`repeated`                   the same scores decided again and again
`changes`                    changes of a point by hand, and what differs between two
`calibration`, `smoothing`, `segments`, `boxes`   its steps
`parents`                    labels that stand above others, added to what was decided
`verdicts`                   what a person's verdicts on events say of a threshold
`tuning`                     choosing an operating point
`stream`                     the same decisions for a recording that goes on
"""

from earmark.decisions.decide import Decision, decide, decide_all, score_curve
from earmark.decisions.operating_point import FILE_NAME, ClassPoint, OperatingPoint, named_point
from earmark.decisions.stream import LookAhead, StreamDecoder, Update, look_ahead

__all__ = [
    "FILE_NAME",
    "ClassPoint",
    "Decision",
    "LookAhead",
    "OperatingPoint",
    "StreamDecoder",
    "Update",
    "decide",
    "decide_all",
    "look_ahead",
    "named_point",
    "score_curve",
]
