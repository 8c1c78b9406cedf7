"""The fields that every label format shares: times, scores, label names and lists of them.

Times are written with up to six decimals and at least three, scores with up to six, so that what is read back
differs from what was written by less than 1e-6. A `where` names file and line; messages begin with it.
"""

from __future__ import annotations

import ast
import csv
import math
import re
from collections.abc import Collection, Iterable

from earmark.errors import ConfigError, DataError
from earmark.events import Event

ONSET = (
    "onset",
    "start",
    "start_time",
    "start_seconds",
    "onset_seconds",
    "begin",
    "begin_time",
    "start_s",
    "onset_s",
    "start_(s)",
    "event_onset",
    "event_start",
    "start_time_seconds",
    "start_time_(s)",
    "begin_time_(s)",
)
OFFSET = (
    "offset",
    "end",
    "end_time",
    "end_seconds",
    "offset_seconds",
    "stop",
    "end_s",
    "offset_s",
    "end_(s)",
    "event_offset",
    "event_end",
    "end_time_seconds",
    "end_time_(s)",
    "stop_time",
)
DURATION = ("duration", "event_duration", "duration_seconds", "duration_s", "duration_(s)", "length")
FILENAME = (
    "filename",
    "file",
    "audio_filename",
    "file_name",
    "audio",
    "recording",
    "path",
    "clip",
    "clip_id",
    "fname",
    "wav",
    "slice_file_name",
    "audio_file",
    "audio_path",
    "file_path",
    "filepath",
    "wav_file",
    "sound_file",
    "recording_id",
    "clip_name",
)
LABEL = (
    "event_label",
    "label",
    "event",
    "class",
    "category",
    "tag",
    "name",
    "sound_event",
    "class_name",
    "label_name",
    "event_class",
    "common_name",
    "species",
    "annotation",
)
SCORE = ("score", "confidence", "probability")
EMPTY = frozenset({"nan", "NaN", "NAN", "NA", "<NA>", "N/A", "n/a", "#N/A", "None", "null", "NULL", "NaT"})
"""What programs write for an empty cell; as a label it is a slip, as a name a model may have had it."""

_LIST = re.compile(r"""[\[({]\s*(?:['"].*['"]\s*,?\s*)?[\])}]""", re.DOTALL)


def parse_event(where: str, onset: str, offset: str, label: str, score: str = "", *, comma: bool = False) -> Event:
    """An event from four cells; `DataError` where a time is no time or the offset comes before the onset.

    With `comma`, times may be written with decimal commas: the table's delimiter is another.
    """
    begin = parse_seconds(where, "onset", onset, comma=comma)
    end = parse_seconds(where, "offset", offset, comma=comma)
    if end < begin:
        raise DataError(f"{where}: offset {end:g} is before onset {begin:g}; is it a duration, or are the two swapped?")
    if not label.strip():
        raise DataError(f"{where}: the event has no label")
    return Event(begin, end, label, parse_score(where, score))


def parse_seconds(where: str, field: str, text: str, *, comma: bool = False) -> float:
    """A time or duration in seconds: a finite number, not negative."""
    value = _number(where, field, decimal_point(text) if comma else text)
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


def decimal_point(text: str) -> str:
    """A number with a decimal comma, with a point; other text as it is.

    >>> decimal_point("0,5"), decimal_point("1,000.5")
    ('0.5', '1,000.5')
    """
    return text.replace(",", ".") if re.fullmatch(r"\s*\d*,\d+\s*", text) else text


def is_number(text: str) -> bool:
    """Whether a cell holds a number, its decimals after a point or a comma.

    >>> is_number("0.5"), is_number("0,5"), is_number("dog")
    (True, True, False)
    """
    try:
        float(decimal_point(text))
    except ValueError:
        return False
    return "_" not in text


def _number(where: str, field: str, text: str) -> float:
    try:
        if "_" in text:  # float() takes 1_000 for 1000
            raise ValueError(text)
        return float(text)
    except ValueError:
        guess = "; use a decimal point" if text.count(",") == 1 else ""
        if re.fullmatch(r"\s*\d+(:\d+)+([.,]\d+)?\s*", text):
            guess = "; write times in seconds, not in minutes and hours"
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
            name = ",".join(pieces[first:last])
            if name in known or name.strip() in known or last == first + 1:
                names.append(name if name in known else name.strip())
                first = last
                break
    return _distinct(names)


def _pieces(cell: str, skip_space: bool) -> list[str]:
    # A space before a quoted name must go for its quotes to be seen, also where unquoted spaces are kept.
    one_line = re.sub(r"[\r\n]+", " ", cell)
    return next(csv.reader([one_line], skipinitialspace=skip_space or ' "' in cell), [])


def check_separator(separator: str | None) -> None:
    """`ConfigError` for what can separate no labels: nothing, spaces, a quotation mark."""
    if separator is not None and (not separator.strip() or '"' in separator):
        raise ConfigError(f"separator {separator!r} cannot divide labels; expected a mark such as ; or |, or 'list'")


def split_by(cell: str, separator: str) -> list[str]:
    """The names in a cell with a separator of the user's own; `list` stands for lists as Python and JSON write them.

    `ValueError` for a cell that is no such list.

    >>> split_by("dog; cat", ";"), split_by("['dog', 'cat']", "list")
    (['dog', 'cat'], ['dog', 'cat'])
    """
    if separator != "list":
        return _distinct(name.strip() for name in cell.split(separator))
    if not cell.strip():
        return []
    if len(cell) > 100_000 or not _LIST.fullmatch(cell.strip()):
        raise ValueError(cell)
    try:
        found = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(cell) from None
    names = [*found] if isinstance(found, list | tuple | set | frozenset) else [found]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(cell)
    return _distinct(names)


def separator_in(label: str) -> str | None:
    """The separator (as `split_by` takes it) that a label seems to hold; None for a label like any other.

    >>> separator_in("dog;cat"), separator_in("['dog', 'cat']"), separator_in("Air horn, truck horn")
    (';', 'list', None)
    """
    text = label.strip()
    if _LIST.fullmatch(text):
        return "list"
    for separator in (";", "|"):
        if sum(bool(piece.strip()) for piece in text.split(separator)) > 1:
            return separator
    return None


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
