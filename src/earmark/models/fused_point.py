"""The operating point of models fused on the spot, until one is tuned on their fused scores.

Where all members decide alike, that is how the fused scores are decided. Else, label by label, the mean of the members'
numbers: a mean of scores passes a mean of thresholds where the members' margins over their own thresholds add up to
more than nothing. Where a mean makes no sense (thresholds and boxes, calibrations, different rules), 0.5 everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from earmark.decisions import OperatingPoint
from earmark.decisions.operating_point import ClassPoint
from earmark.labels import Labels

MEAN = "mean of the members' operating points"
DEFAULT = "default: 0.5 everywhere; the members decide too differently for a mean"


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
    return OperatingPoint.default(labels).model_copy(update={"origin": DEFAULT})


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
