"""Changes of an operating point in the words of a person at a slider, and what differs between two points.

A change names a label, or "*" for all, and the numbers that are to be others:

    tag       clip score from which the tag is given          onset   frame score that an event must reach
    offset    ... and above which it lasts                    median  length of the median filter in seconds
    shortest  seconds below which an event is dropped         gap     seconds below which a gap is filled
    gate      true: events only where the tag is given; a number: where the clip score reaches it; false: anywhere

"*" comes first, then the labels. An `offset` that is not named sinks with an `onset` below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from earmark.decisions.operating_point import ClassPoint, OperatingPoint
from earmark.errors import ConfigError, did_you_mean

WORDS = {
    "tag": "tag_threshold",
    "onset": "onset",
    "offset": "offset",
    "median": "median_seconds",
    "shortest": "min_duration_on",
    "gap": "min_duration_off",
    "gate": "tag_gate",
}
ALL = "*"
Value = float | bool
Changes = Mapping[str, Mapping[str, Value]]


class Difference(NamedTuple):
    """A number of a label that differs between two operating points."""

    label: str
    word: str
    before: Value
    after: Value


def changed(point: OperatingPoint, changes: Changes) -> OperatingPoint:
    """The point with these changes. `ConfigError` for a label or word that is unknown, and for impossible values.

    >>> point = OperatingPoint.plain(["dog", "siren"])
    >>> changed(point, {"*": {"onset": 0.3}, "dog": {"median": 0.5}}).of("dog").offset
    0.3
    """
    classes = dict(point.classes)
    for label in sorted(changes, key=lambda each: each != ALL):
        if label != ALL:
            point.of(label)  # raises with a guess
        for each in classes if label == ALL else (label,):
            classes[each] = _changed(classes[each], each, changes[label])
    return point if classes == point.classes else point.model_copy(update={"classes": classes})


def _changed(part: ClassPoint, label: str, words: Mapping[str, Value]) -> ClassPoint:
    for word in words:
        if word not in WORDS:
            raise ConfigError(f"{label}: unknown {word!r}{did_you_mean(word, WORDS)}; known: {', '.join(WORDS)}")
    values: dict[str, Any] = {**dict(part), **{WORDS[word]: value for word, value in words.items()}}
    if "offset" not in words and "onset" in words and isinstance(words["onset"], int | float):
        values["offset"] = min(part.offset, words["onset"])
    try:
        return ClassPoint.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        names = {name: word for word, name in WORDS.items()}
        where = " ".join(names.get(str(part), str(part)) for part in fault["loc"][:1])
        message = str(fault["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{label}: {f'{where}: ' if where else ''}{message}") from error


def differences(before: OperatingPoint, after: OperatingPoint) -> list[Difference]:
    """Every number that differs, label by label in the order of `after`.

    >>> point = OperatingPoint.plain(["dog", "siren"])
    >>> differences(point, changed(point, {"dog": {"onset": 0.7}}))
    [Difference(label='dog', word='onset', before=0.5, after=0.7)]
    """
    return [
        Difference(label, word, getattr(before.of(label), name), getattr(part, name))
        for label, part in after.classes.items()
        for word, name in WORDS.items()
        if getattr(before.of(label), name) != getattr(part, name)
    ]
