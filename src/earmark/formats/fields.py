"""The fields that every label format shares: times, scores, label names and lists of them.

Times are written with up to six decimals and at least three, scores with up to six, so that what is read back
differs from what was written by less than 1e-6. A `where` names file and line; messages begin with it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterable

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.tables import NAME_COLUMNS

ONSET = ("onset", "start", "start_time", "start_seconds", "onset_seconds", "begin", "begin_time")
OFFSET = ("offset", "end", "end_time", "end_seconds", "offset_seconds", "stop")
FILENAME = NAME_COLUMNS
LABEL = ("event_label", "label", "event", "class", "category", "tag", "name")
SCORE = ("score", "confidence", "probability")


def parse_event(where: str, onset: str, offset: str, label: str, score: str = "") -> Event:
    """An event from four cells; `DataError` if a time is not a time or the offset is before the onset."""
    begin = parse_seconds(where, "onset", onset)
    end = parse_seconds(where, "offset", offset)
    if end < begin:
        raise DataError(f"{where}: offset {end:g} is before onset {begin:g}; is it a duration, or are the two swapped?")
    if not label.strip():
        raise DataError(f"{where}: the event has no label")
    return Event(begin, end, label, parse_score(where, score))


def parse_seconds(where: str, field: str, text: str) -> float:
    """A time or duration in seconds: a finite number, not negative."""
    value = _number(where, field, text)
    if not 0 <= value < math.inf:
        raise DataError(f"{where}: {field} {text.strip()!r} is not a time in seconds (expected 0 or more)")
    return value


def parse_score(where: str, text: str) -> float | None:
    """A probability, or None for an empty cell."""
    if not text.strip():
        return None
    value = _number(where, "score", text)
    if not 0 <= value <= 1:
        raise DataError(f"{where}: score {text.strip()!r} is not a probability in [0, 1]")
    return value


def _number(where: str, field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        guess = "; use a decimal point" if text.count(",") == 1 else ""
        shown = repr(text.strip()) if text.strip() else "empty"
        raise DataError(f"{where}: {field} is {shown}, expected a number{guess}") from None


def format_seconds(seconds: float) -> str:
    """A time as it is written.

    >>> format_seconds(1.25), format_seconds(10800.1234564)
    ('1.250', '10800.123456')
    """
    whole, _, decimals = f"{seconds:.6f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<3}"


def format_score(score: float | None) -> str:
    """A score as it is written; empty for None.

    >>> format_score(0.5), format_score(None)
    ('0.5', '')
    """
    if score is None:
        return ""
    text = f"{score:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def check_label(label: str) -> str:
    """The label itself; `DataError` when a text format cannot carry it: blank, or with a tab or line break."""
    if not label.strip() or any(mark in label for mark in "\t\r\n"):
        raise DataError(f"label {label!r} cannot be written: it is blank or contains a tab or line break")
    return label


def split_labels(cell: str, known: Collection[str] = ()) -> list[str]:
    """The names in a comma separated cell, in order, each once; a name with commas stands in quotes.

    Unquoted pieces that together make a name in `known` are put together again.

    >>> split_labels('dog, "Air horn, truck horn"')
    ['dog', 'Air horn, truck horn']
    >>> split_labels("Car,Air horn, truck horn", known=["Car", "Air horn, truck horn"])
    ['Car', 'Air horn, truck horn']
    """
    if not known:
        return _distinct(_pieces(cell, skip_space=True))
    pieces = _pieces(cell, skip_space=False)
    names: list[str] = []
    first = 0
    while first < len(pieces):
        for last in range(len(pieces), first, -1):  # the longest name wins
            name = ",".join(pieces[first:last]).strip()
            if name in known or last == first + 1:
                names.append(name)
                first = last
                break
    return _distinct(names)


def _pieces(cell: str, skip_space: bool) -> list[str]:
    # A space before a quoted name must go for its quotes to be seen, also where unquoted spaces are kept.
    one_line = re.sub(r"[\r\n]+", " ", cell)
    return next(csv.reader([one_line], skipinitialspace=skip_space or ' "' in cell), [])


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.strip()))


def join_labels(labels: Iterable[str]) -> str:
    """The cell that `split_labels` reads back.

    >>> join_labels(["dog", "Air horn, truck horn"])
    'dog,"Air horn, truck horn"'
    """
    return ",".join(_quote(check_label(label)) for label in labels)


def _quote(name: str) -> str:
    if "," in name or '"' in name or name != name.strip():
        return '"' + name.replace('"', '""') + '"'
    return name
