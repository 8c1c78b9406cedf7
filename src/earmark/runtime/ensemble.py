r"""Fusion by averaging posteriors, Xu et al. 2018, section 2.4: epochs of one training, or several systems.

    p(clip, k) = (1 / M) sum_m p_m(clip, k)            p(t, k) = (1 / M) sum_m p_m(t, k)

with equal weights. A member may be a fusion itself: systems weigh the same, however many epochs each is made of.

Systems may keep different time. Frame scores are brought onto the finest of the members' clocks; a frame of it takes
of each member the mean of the frames it overlaps, weighted by the overlap. No member's frame is shorter, so there are
two at most:

    member   |      x_i      |    x_i+1      |
    fused       |    y   |              y = w x_i + (1 - w) x_i+1,  w = the share of the fused frame that lies in i

all in whole numbers of a common unit of time. Before a member's first frame and after its last, that frame holds.

Neither the order of the members nor that of their labels plays a part, to the last bit: the values of a cell are
added smallest first, and labels that come in different orders come out sorted.

Differs from the paper in: nothing for one clock; the paper does not fuse systems of several clocks.

The operating point of a fusion, until one is tuned on the fused scores: where all members decide alike, it decides so
too. Otherwise, label by label, it is the mean of the members' numbers: a mean of scores passes a mean of thresholds
where the members' margins over their own thresholds add up to more than nothing. Where a mean makes no sense
(thresholds and boxes, calibrations, different rules), it is the point named `default`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.arrays import FloatArray
from earmark.clock import Clock
from earmark.decisions import OperatingPoint, named_point
from earmark.decisions.operating_point import ClassPoint
from earmark.engine import Engine, LivePlan, WindowPlan
from earmark.errors import ConfigError
from earmark.labels import Labels
from earmark.scores import Scores

_PIECE = 8192  # frames fused at a time: a long recording is never held in float64
MEAN = "mean of the members' operating points"
DEFAULT = "default: nothing was tuned, because the members decide too differently for a mean"


class Ensemble:
    """Engines whose scores are averaged; members may be ensembles. `ConfigError` where they know different labels."""

    def __init__(self, members: Sequence[Engine | Ensemble], names: Sequence[str] = ()) -> None:
        self.members = tuple(members)
        self.names = tuple(names) or tuple(f"model {number}" for number in range(1, len(members) + 1))
        self.labels: Labels = common_labels([member.labels for member in self.members], self.names)

    @property
    def clock(self) -> Clock:
        """The clock of the fused frame scores."""
        return common_clock(member.clock for member in self.members)

    @property
    def rate(self) -> int:
        """The highest sample rate of its engines."""
        return max(engine.rate for engine in engines_of(self))

    @property
    def parameters(self) -> int:
        """Trainable parameters of all members."""
        return sum(member.parameters for member in self.members)

    @property
    def arithmetic(self) -> str:
        """Where and in which precision its engines compute."""
        return " and ".join(dict.fromkeys(engine.arithmetic for engine in engines_of(self)))

    def fingerprint(self) -> str:
        """Digest of what the members' scores depend on, in whatever order they come."""
        text = f"fusion {sorted(member.fingerprint() for member in self.members)}"
        return hashlib.sha256(text.encode()).hexdigest()


def engines_of(model: Engine | Ensemble) -> tuple[Engine, ...]:
    """The engines of a model, in the order in which `fuse` takes their scores."""
    if isinstance(model, Ensemble):
        return tuple(engine for member in model.members for engine in engines_of(member))
    return (model,)


def fuse(model: Engine | Ensemble, scores: Iterable[Scores]) -> Scores:
    """The scores of a model, given those of each of its engines (`engines_of`)."""
    return _fuse(model, iter(scores))


def _fuse(model: Engine | Ensemble, scores: Iterator[Scores]) -> Scores:
    if isinstance(model, Ensemble):
        return mean_scores([_fuse(member, scores) for member in model.members])
    return next(scores)


def mean_scores(members: Sequence[Scores]) -> Scores:
    """The mean of several models' scores of one recording, equal weights, on the finest of their clocks.

    `ConfigError` where labels differ, `ValueError` without members.
    """
    names = [f"model {number}" for number in range(1, len(members) + 1)]
    labels = common_labels([member.labels for member in members], names)
    clock = common_clock(member.clock for member in members)
    count = max(len(member.frames) for member in members if member.clock == clock)
    columns = [[member.labels.index(label) for label in labels] for member in members]
    frames = np.empty((count, len(labels)), np.float32)
    for first in range(0, count, _PIECE):
        last = min(first + _PIECE, count)
        frames[first:last] = _mean(
            frames_on(clock, member, first, last)[:, order] for member, order in zip(members, columns, strict=True)
        )
    clip = _mean(member.clip[order] for member, order in zip(members, columns, strict=True))
    duration = max(member.duration for member in members)  # equal except for the rounding of a resampler
    return Scores(members[0].recording, labels, clip, frames, clock, duration)


def frames_on(clock: Clock, scores: Scores, first: int, last: int) -> FloatArray:
    """Frame scores `first .. last` (last - first, classes) on a clock whose frames are no longer than the scores' own.

    >>> from fractions import Fraction
    >>> half = Scores("a", Labels(["dog"]), np.float32([1]), np.float32([[0], [1]]), Clock(Fraction(1, 2)), 1.0)
    >>> frames_on(Clock(Fraction(1, 3)), half, 0, 3).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    held = len(scores.frames) - 1
    if scores.clock == clock:
        return scores.frames[np.minimum(np.arange(first, last), held)]
    unit = math.lcm(*(part.denominator for each in (clock, scores.clock) for part in (each.step, each.start)))
    step, own = int(clock.step * unit), int(scores.clock.step * unit)
    begin = np.arange(first, last, dtype=np.int64) * step + int((clock.start - scores.clock.start) * unit)
    index = begin // own
    inside = np.minimum((index + 1) * own - begin, step)  # what of each frame lies in the member's frame `index`
    share = inside[:, None] / step
    before, after = (scores.frames[np.clip(at, 0, held)] for at in (index, index + 1))
    mean: FloatArray = (share * before + (1 - share) * after).astype(np.float32)  # float64 until here: never above 1
    return mean


def _mean(values: Iterable[FloatArray]) -> FloatArray:
    """Mean of arrays of one shape, the same in whatever order they come."""
    stack = np.sort(np.stack([each.astype(np.float64) for each in values]), axis=0)
    mean: FloatArray = (stack.sum(axis=0) / len(stack)).astype(np.float32)
    return mean


def common_clock(clocks: Iterable[Clock]) -> Clock:
    """The finest clock; of several as fine, the one that starts first."""
    return min(clocks, key=lambda clock: (clock.step, clock.start))


def common_labels(members: Sequence[Labels], names: Sequence[str]) -> Labels:
    """The labels all members know: in their order where they agree on it, else sorted.

    `ConfigError` telling the first difference, with the members' names; `ValueError` without members.
    """
    if not members:
        raise ValueError("no model to fuse")
    first = members[0]
    for name, other in zip(names, members, strict=True):
        for knows, lacks, label in (
            *((names[0], name, label) for label in first if label not in other),
            *((name, names[0], label) for label in other if label not in first),
        ):
            raise ConfigError(f"models with different labels cannot be fused: {knows} has {label!r}, {lacks} does not")
    return first if all(other == first for other in members) else Labels(sorted(first))


def fused_point(points: Sequence[OperatingPoint], labels: Labels) -> OperatingPoint:
    """The operating point of a fusion whose members have these; the same in whatever order they come."""
    first = points[0]
    general = set(OperatingPoint.model_fields) - {"origin", "classes"}
    if any(getattr(point, name) != getattr(first, name) for point in points for name in general):
        return _default(labels)
    classes = {label: _mean_class([point.of(label) for point in points]) for label in labels}
    found = {label: part for label, part in classes.items() if part is not None}
    if len(found) < len(labels):
        return _default(labels)
    alike = all(point.classes == first.classes and point.origin == first.origin for point in points)
    return first.model_copy(update={"origin": first.origin if alike else MEAN, "classes": found})


def _default(labels: Labels) -> OperatingPoint:
    return named_point("default", labels).model_copy(update={"origin": DEFAULT})


def _mean_class(parts: Sequence[ClassPoint]) -> ClassPoint | None:
    """Mean of the numbers in which members differ; None where they differ in something else."""
    values: dict[str, Any] = {}
    for name in ClassPoint.model_fields:
        given = [getattr(part, name) for part in parts]
        if any(value != given[0] or type(value) is not type(given[0]) for value in given):
            if name == "tag_gate":
                given = [part.gate for part in parts]  # as the clip score that it asks for
            if not all(isinstance(value, float) for value in given):
                return None
            values[name] = math.fsum(given) / len(given)
        else:
            values[name] = given[0]
    return ClassPoint(**values)


@dataclass(frozen=True)
class Panel:
    """Engines, by their place in the model, that listen at one rate in the same windows."""

    rate: int
    plan: WindowPlan | LivePlan
    engines: dict[int, Engine]
    batch: int  # windows at once
    alone: int = 1  # windows in a batch of a length that is not the plan's, of a steady scorer

    @property
    def sizes(self) -> frozenset[int]:
        """Samples of windows that are many: of the plan's, and of recordings that are just not cut."""
        plan = self.plan
        return frozenset((plan.size, max(plan.size, plan.longest) if isinstance(plan, WindowPlan) else plan.size))


def panels_of(engines: Sequence[Engine], most: int) -> list[Panel]:
    """The panels of a model's engines, in the order of their first."""
    seats: dict[tuple[int, WindowPlan | LivePlan], dict[int, Engine]] = {}
    for place, engine in enumerate(engines):
        seats.setdefault((engine.rate, engine.plan), {})[place] = engine
    panels = []
    for (rate, plan), members in seats.items():
        batch = min(most, *(engine.batch for engine in members.values()))
        alone = min(batch, *(getattr(engine, "alone", 1) for engine in members.values()))
        panels.append(Panel(rate, plan, members, batch, alone))
    return panels
