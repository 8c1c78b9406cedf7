"""The operating point: chosen on recordings that were not learnt from, whole and under conditions, and on soundscapes.

Tags. One threshold for all classes (`pool.py`), as few recordings are behind a class: thresholds of each class's own
did worse on the other half of the recordings. A class is given only above `MARGIN` times the highest score that it
reached on music or on speech, where most of everyday listening goes; recordings of single tones do not count as music.
A class that was given there and never rightly needs more than it had then; one that `ENOUGH` recordings hold, and none
of them reached, is never given: its threshold is 1.

Tags of groups are scored and never given: on held-out clips of ESC-50 they lowered precision more than they raised the
share of clips with a right tag.

Events. Tuned for segment F1 on soundscapes, whose times are exact; only where the tag is given, and never below a score
of `LEAST`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from earmark.decisions import OperatingPoint
from tools.bundled.real import Heard
from tools.bundled.table import GROUPS

MARGIN = 1.1
ENOUGH = 10  # recordings, takes and soundscapes
SHORTEST = 10.0  # seconds of a recording of music that counts as such
LEAST = 0.1  # score of an event
_NEVER = 1.0
_SPARED = {"music", "speech", "human_voice"}  # what recordings of music or of speech hold

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def choose_tags(heard: Sequence[Heard], point: OperatingPoint, threshold: float) -> OperatingPoint:
    """`point` with tags from `threshold` on, or from where the classes need it; and events tied to them."""
    labels = heard[0].scores.labels
    scores, truth, spared = tables(heard)
    classes = {}
    for column, label in enumerate(labels):
        least = _least(scores[:, column], truth[:, column], spared, threshold)
        change: dict[str, object] = {"tag_threshold": _NEVER if label in GROUPS else least, "tag_gate": True}
        part = point.of(label)
        if label in GROUPS:
            change |= {"onset": 1.0, "offset": 1.0, "min_duration_on": 1e6}
        else:
            change |= {"onset": max(part.onset, LEAST), "offset": max(part.offset, LEAST)}
        classes[label] = part.model_copy(update=change)
    return point.model_copy(update={"classes": classes})


def _least(scores: FloatArray, truth: BoolArray, spared: BoolArray, threshold: float) -> float:
    """The least score from which on a class is given."""
    wrong = scores[spared & ~truth]
    least = max(threshold, MARGIN * float(wrong.max())) if len(wrong) else threshold
    given = scores >= least
    if not truth[given].any():
        if truth.sum() >= ENOUGH:
            return _NEVER
        if given.any():
            least = MARGIN * float(scores[given].max())
    return float(np.float32(least)) if least < _NEVER else _NEVER


def tables(heard: Sequence[Heard]) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Clip scores and truth (recordings, classes), and which recordings are of music or of speech (recordings,)."""
    labels = heard[0].scores.labels
    scores = np.stack([each.scores.clip for each in heard])
    truth = np.array([[label in each.right for label in labels] for each in heard])
    spared = np.array([_is_spared(each) for each in heard])
    return scores, truth, spared


def _is_spared(heard: Heard) -> bool:
    """Whether a recording is of music or of speech and of nothing else."""
    tone = heard.recording.label == "music" and heard.scores.duration < SHORTEST
    return bool(heard.right) and heard.right <= _SPARED and not tone


def spoken(point: OperatingPoint) -> list[str]:
    """Labels that can be given at all."""
    return [label for label, part in point.classes.items() if part.tag_threshold < _NEVER]


__all__ = ["LEAST", "choose_tags", "spoken", "tables"]
