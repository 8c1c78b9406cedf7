"""Operating points by name: the one that models have before they are tuned, and those of papers and baselines.

`default`  where nothing was tuned: tags from 0.5; events only where the tag is given, while the frame scores, after a
    median over 0.12 s, stay at or above 0.05 and reach 0.2 somewhere; gaps of up to 1 s are filled, events shorter than
    0.2 s dropped. Fitted once, across models and data sets, with 0.5 for the tags; benchmarks/accuracy/decisions.py
    measures it.
`xu2018`  Xu et al. 2018, as their evaluation code decides (docs/papers/xu2018.md, section 5). A tag or a frame counts
    strictly above 0.3, the same for all classes; where no tag of a clip counts, its best is given. Of the frames (41.5
    ms) of a class, gaps of up to 9 are filled, then runs of up to 10 are dropped. An event ends when its last frame
    *begins*. Differs from their code in: times are those of the model's clock, whose frame 0 begins half of (window -
    hop) into the clip (11 ms), where the code counts from 0.
`dcase2017`  the DCASE2017 task 4 baseline (docs/papers/xu2018.md, section 8.3): 0.5, after a median over 0.54 s; gaps
    and short events stay.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.errors import ConfigError, did_you_mean

_XU_FRAME = 664 / 16_000  # seconds
_ABOVE = float(np.nextafter(np.float32(0.3), np.float32(1)))  # the least float32 that is more than 0.3
_DEFAULT = ClassPoint(
    onset=0.2, offset=0.05, median_seconds=0.12, min_duration_on=0.2, min_duration_off=1.0, tag_gate=True
)
_XU2018 = ClassPoint(
    tag_threshold=_ABOVE,
    onset=_ABOVE,
    offset=_ABOVE,
    min_duration_off=10 * _XU_FRAME,  # shorter gaps are filled
    min_duration_on=11 * _XU_FRAME,  # shorter events are dropped
)
_DCASE2017 = ClassPoint(median_seconds=0.54)

DEFAULT = "default: nothing was tuned"  # the origin of that point
NAMES = ("default", "xu2018", "dcase2017")


def named_point(name: str, labels: Iterable[str]) -> OperatingPoint:
    """The operating point of this name for these labels; `ConfigError` with a guess when there is none.

    >>> named_point("xu2018", ["Car"]).best_tag
    True
    """
    labels = tuple(labels)
    if name == "default":
        return OperatingPoint(origin=DEFAULT, classes=dict.fromkeys(labels, _DEFAULT))
    if name == "xu2018":
        classes = dict.fromkeys(labels, _XU2018)
        return OperatingPoint(origin="xu2018: Xu et al. 2018", classes=classes, best_tag=True, last_frame="begins")
    if name == "dcase2017":
        return OperatingPoint(origin="dcase2017: the DCASE2017 baseline", classes=dict.fromkeys(labels, _DCASE2017))
    raise ConfigError(f"no operating point {name!r}{did_you_mean(name, NAMES)}; known: {', '.join(NAMES)}, or a file")
