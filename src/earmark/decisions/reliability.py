"""Reliability: does a score mean what it says?

Per class the clips are sorted into equal bins of score; in each bin the mean score should equal the share of
clips that do carry the label. The expected calibration error (ECE) is the mean distance of the two, weighted
by the bins' clips. References and scores are (clips, classes); bin `b` of `n` holds scores in [b/n, (b+1)/n),
the last also 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.arrays import BoolArray, FloatArray
from earmark.decisions.calibration import Isotonic, Platt, fit_isotonic, fit_platt
from earmark.decisions.operating_point import OperatingPoint
from earmark.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Reliability:
    """The reliability of one label; four tuples, one entry a bin. Empty bins hold None."""

    label: str
    edges: tuple[float, ...]  # bins + 1
    counts: tuple[int, ...]
    mean_score: tuple[float | None, ...]
    observed: tuple[float | None, ...]  # share of the bin's clips that carry the label
    ece: float  # 0 is perfect; 0 without clips


def reliability(reference: BoolArray, scores: FloatArray, labels: Iterable[str], bins: int = 10) -> list[Reliability]:
    """The table of each label; `ValueError` where shapes disagree.

    >>> table = reliability(np.array([[True], [False]]), np.float32([[0.75], [0.75]]), ["dog"], bins=2)
    >>> table[0].counts, table[0].observed, table[0].ece
    ((0, 2), (None, 0.5), 0.25)
    """
    names = list(labels)
    if reference.shape != scores.shape or reference.shape[1:] != (len(names),):
        raise ValueError(f"{len(names)} labels, but reference {reference.shape} and scores {scores.shape}")
    return [_one(name, reference[:, c], scores[:, c].astype(np.float64), bins) for c, name in enumerate(names)]


def _one(label: str, reference: BoolArray, scores: npt.NDArray[np.float64], bins: int) -> Reliability:
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    score_sum = np.bincount(place, weights=scores, minlength=bins)
    hits = np.bincount(place, weights=reference, minlength=bins)
    filled = counts > 0
    ece = float(np.abs(score_sum - hits).sum() / max(len(scores), 1))  # = sum n_b/n * |mean_b - rate_b|
    return Reliability(
        label=label,
        edges=tuple((np.arange(bins + 1) / bins).tolist()),
        counts=tuple(counts.tolist()),
        mean_score=tuple(float(s / n) if ok else None for s, n, ok in zip(score_sum, counts, filled, strict=True)),
        observed=tuple(float(h / n) if ok else None for h, n, ok in zip(hits, counts, filled, strict=True)),
        ece=ece,
    )


def with_calibration(
    point: OperatingPoint,
    reference: BoolArray,
    scores: FloatArray,
    kind: str = "platt",
    *,
    frames: bool = False,
    only: Iterable[str] | None = None,
) -> OperatingPoint:
    """An operating point that calibrates: maps fitted per label on clip scores (clips, classes) in its order.

    With `frames`, `reference` and `scores` are rows of frames instead and the frame maps are fitted; with
    `only`, maps of these labels alone. Thresholds act on calibrated scores, so calibrate first and tune after.
    `ConfigError` on an unknown kind.
    """
    fits: dict[str, Callable[[BoolArray, FloatArray], Platt | Isotonic]] = {
        "platt": fit_platt,
        "isotonic": fit_isotonic,
    }
    if kind not in fits:
        raise ConfigError(f"unknown calibration {kind!r}, expected platt or isotonic{did_you_mean(kind, fits)}")
    if reference.shape != scores.shape or reference.shape[1:] != (len(point.labels),):
        raise ValueError(f"{len(point.labels)} labels, but reference {reference.shape} and scores {scores.shape}")
    field = "frame_calibration" if frames else "clip_calibration"
    wanted = set(point.labels if only is None else only)
    classes = {
        label: part.model_copy(update={field: fits[kind](reference[:, c], scores[:, c])}) if label in wanted else part
        for c, (label, part) in enumerate(point.classes.items())
    }
    return point.model_copy(update={"classes": classes})
