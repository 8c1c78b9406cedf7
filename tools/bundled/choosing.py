"""The operating point: chosen on recordings that were not learnt from, whole and under conditions, and on soundscapes.

Tags. One threshold for all classes, the least at which tags of held-out clips are right often enough (`pool.py`), for
few recordings are behind a class. A class leaves it where they are enough to say that it is wrong too often there, or
right below it. Its precision is counted as if `PRIOR` further recordings had been given it, `TRUSTED` of them rightly;
where that falls below `FLOOR`, its threshold rises until it does not. Between `LOWEST` and the common threshold, half
of these further recordings count as right; the class is given from the least score on at which it is right in
`DEPENDABLE` of the recordings there. A class that `ENOUGH` recordings hold, none of which reached its threshold, and
that ranks them badly (average precision under `RANKED`), is never given: its threshold is 1. Tags of groups have a
threshold of their own, found alike.

Events. Found by one setting for all classes (`events.py`), never below a score of `LEAST`, and only where the tag is
given. On music and speech, where most of everyday listening goes, that is not enough: there a class may need a
higher clip score for events than for its tag. These gates rise one after the other, that of the class with the most
wrong events first, until at most `MOST_WRONG` a minute are left. Groups have no events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from earmark.decisions import OperatingPoint, decide
from earmark.labels import Labels
from earmark.metrics import tagging_metrics
from tools.bundled.real import Heard
from tools.bundled.table import GROUPS

PRIOR = 4.0  # recordings that a class's precision is counted with
TRUSTED = 0.8  # of which so many are right
FLOOR = 0.6
LOWEST = 0.25
DEPENDABLE = 0.75
RANKED = 0.3
ENOUGH = 10  # recordings, takes and soundscapes
LEAST = 0.2  # score of an event
MOST_WRONG = 0.25  # events a minute on held-out music, and on speech: elsewhere it will be more
MADE = 0.5  # a take or a soundscape counts as so many recordings: it is one of those, once more
_ABOVE = 1.02  # times a score that was wrong
_NEVER = 1.0
_SPARED = {"music", "singing", "speech", "human_voice"}  # what recordings of music or of speech hold

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]


def choose_tags(
    plain: Sequence[Heard], made: Sequence[Heard], point: OperatingPoint, threshold: float, of_groups: float
) -> OperatingPoint:
    """`point` with tags of classes from `threshold` on, of groups from `of_groups`, or from where a label needs it.

    `plain` are recordings as they are, `made` takes and soundscapes of them. Events are tied to the tags.
    """
    heard = [*plain, *made]
    scores, truth = tables(heard)
    weights = np.array([1.0] * len(plain) + [MADE] * len(made))
    classes = {}
    for column, label in enumerate(heard[0].scores.labels):
        own = scores[:, column], truth[:, column], weights
        least = _raised(*own, of_groups) if label in GROUPS else least_score(*own, threshold)
        part = point.of(label)
        change: dict[str, object] = {"tag_threshold": least, "tag_gate": True}
        if label in GROUPS:
            change |= {"onset": _NEVER, "offset": _NEVER, "min_duration_on": 1e6}
        else:
            change |= {"onset": max(part.onset, LEAST), "offset": part.offset}
        classes[label] = part.model_copy(update=change)
    return point.model_copy(update={"classes": classes})


def least_score(scores: FloatArray, truth: BoolArray, weights: Weights, threshold: float) -> float:
    """The score from which on a class is given: `threshold`, or more or less; all arguments are (recordings,)."""
    least = _raised(scores, truth, weights, threshold)
    if least == threshold:
        least = _lowered(scores, truth, weights, threshold)
    if truth.sum() >= ENOUGH and not (truth & (scores >= least)).any() and _ranks(scores, truth) < RANKED:
        return _NEVER
    return float(np.float32(min(least, _NEVER)))


def _raised(scores: FloatArray, truth: BoolArray, weights: Weights, threshold: float) -> float:
    """The least score from `threshold` on at which a class is not wrong too often."""
    wrong = np.unique(scores[~truth & (scores >= threshold)]) * _ABOVE
    for least in (threshold, *wrong.tolist()):
        given = scores >= least
        if weights[given & truth].sum() + PRIOR * TRUSTED >= FLOOR * (weights[given].sum() + PRIOR):
            return float(least)
    raise AssertionError("where nothing wrong is given, a class is not wrong too often")


def _lowered(scores: FloatArray, truth: BoolArray, weights: Weights, threshold: float) -> float:
    """The least score below `threshold` from which on a class is right so often that it may be given."""
    for least in np.unique(scores[truth & (scores < threshold) & (scores >= LOWEST)]).tolist():
        more = (scores >= least) & (scores < threshold)
        if weights[more & truth].sum() + PRIOR / 2 >= DEPENDABLE * (weights[more].sum() + PRIOR):
            return float(least)
    return threshold


def _ranks(scores: FloatArray, truth: BoolArray) -> float:
    """Average precision of a class."""
    return float(tagging_metrics(truth[:, None], Labels(["it"]), scores=scores[:, None]).map)


def gate_events(heard: Iterable[Heard], point: OperatingPoint, most_wrong: float = MOST_WRONG) -> OperatingPoint:
    """`point` with gates so high that recordings of music, and those of speech, get few wrong events."""
    spared = [each for each in heard if is_spared(each)]
    for speech in (False, True):
        own = [each for each in spared if ("speech" in each.right) is speech]
        minutes = sum(each.scores.duration for each in own) / 60
        while True:
            wrong = Counter(dict[str, int]())
            reached: dict[str, float] = {}
            for each in own:
                clip = dict(zip(each.scores.labels, each.scores.clip.tolist(), strict=True))
                for event in decide(each.scores, point).events:
                    if event.label not in each.right:
                        wrong[event.label] += 1
                        reached[event.label] = min(reached.get(event.label, 1.0), clip[event.label])
            if wrong.total() <= most_wrong * minutes:
                break
            label = wrong.most_common(1)[0][0]
            gate = float(np.float32(min(_ABOVE * reached[label], _NEVER)))
            part = point.of(label).model_copy(update={"tag_gate": gate})
            point = point.model_copy(update={"classes": {**point.classes, label: part}})
    return point


def tables(heard: Sequence[Heard]) -> tuple[FloatArray, BoolArray]:
    """Clip scores and truth (recordings, labels)."""
    labels = heard[0].scores.labels
    scores = np.stack([each.scores.clip for each in heard])
    truth = np.array([[label in each.right for label in labels] for each in heard])
    return scores, truth


def is_spared(heard: Heard) -> bool:
    """Whether a recording is of music or of speech and of nothing else."""
    return bool(heard.right) and heard.right <= _SPARED


def spoken(point: OperatingPoint) -> list[str]:
    """Labels that can be given at all."""
    return [label for label, part in point.classes.items() if part.tag_threshold < _NEVER]
