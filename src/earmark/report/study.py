"""What the charts of an evaluation are drawn of: curves, confusions, reliability; plain numpy.

`evaluation.diagnostics` computes it from a model's scores; anything else that has scores may fill it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray, IntArray
from earmark.decisions.calibration import Reliability
from earmark.labels import Labels
from earmark.metrics.psds import Psds


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """The precision-recall curve of one class over all thresholds, surest first; two arrays (points,).

    Points are those where a clip with the sound is gained, so recall rises from 1/positives to 1.
    """

    recall: DoubleArray
    precision: DoubleArray
    ap: float  # average precision: the area beneath
    positives: int  # clips that hold the sound
    at: tuple[float, float] | None = None  # (recall, precision) of the tags that were given; None: none was


@dataclass(frozen=True, eq=False)
class Confusion:
    """What was reported in recordings in which a class was missed.

    `counts[r, e]`: recordings that hold class r, in which r was not reported and e was, wrongly. One recording may
    count for several e, and for none. The diagonal is 0.
    """

    labels: Labels
    counts: IntArray  # (classes, classes)
    missed: IntArray  # (classes,) recordings in which the class was missed
    alone: IntArray  # (classes,) of these, those in which nothing was wrongly reported
    invented: IntArray  # (classes,) recordings in which it was wrongly reported
    reference: IntArray  # (classes,) recordings that hold it


def confuse(reference: npt.NDArray[np.bool_], reported: npt.NDArray[np.bool_], labels: Labels) -> Confusion:
    """The confusion of tags (clips, classes); `ValueError` where shapes disagree.

    >>> truth, said = np.array([[True, False], [True, True]]), np.array([[False, True], [True, True]])
    >>> confuse(truth, said, Labels(["dog", "cat"])).counts.tolist()
    [[0, 1], [0, 0]]
    """
    if reference.shape != reported.shape or reference.shape[1:] != (len(labels),):
        raise ValueError(f"{len(labels)} labels, but reference {reference.shape} and reported {reported.shape}")
    missed = (reference & ~reported).astype(np.float64)
    wrong = (reported & ~reference).astype(np.float64)
    return Confusion(
        labels=labels,
        counts=np.rint(missed.T @ wrong).astype(np.int64),
        missed=missed.sum(axis=0).astype(np.int64),
        alone=(missed.T @ ~wrong.any(axis=1)).astype(np.int64),
        invented=wrong.sum(axis=0).astype(np.int64),
        reference=reference.sum(axis=0).astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class Study:
    """All of it; what is empty or None is not drawn."""

    precision_recall: Mapping[str, PrecisionRecall] = field(default_factory=dict)  # classes with positives
    psds: Mapping[str, Psds] = field(default_factory=dict)  # by name: "PSDS1", "PSDS2"
    confusion: Confusion | None = None
    reliability: Sequence[Reliability] = ()  # a table a label, of scores as the model gives them
    calibrated: Sequence[Reliability] = ()  # of the same scores calibrated; empty where they are not
