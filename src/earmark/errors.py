"""The one family of errors.

Every error earmark raises on purpose is an `EarmarkError`. Its message is one line: it names the file, row or
field at fault, says what was expected and, where it can, guesses the mistake. The command line prints that
line and nothing else; a traceback means a fault of ours.

`EarmarkError`
    `AudioError`   a recording that cannot be read, or holds nothing usable
    `DataError`    a table, folder or label file that does not say what it should
    `ConfigError`  a recipe or an option with an unknown key or an impossible value
    `ModelError`   a model directory that is missing, damaged or from another version
    `OutputError`  a place that cannot be written
    `MissingExtraError`  an optional dependency that is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EarmarkError(Exception):
    """Base of all errors raised on purpose; the message is one line for the user."""


class AudioError(EarmarkError):
    """A recording that cannot be read or holds nothing usable."""


class DataError(EarmarkError):
    """A data set, table or label file that does not say what it should."""


class ConfigError(EarmarkError):
    """An option or recipe key that is unknown or has an impossible value."""


class ModelError(EarmarkError):
    """A model directory that is missing, damaged or of another version."""


class OutputError(EarmarkError):
    """A file or folder that cannot be written."""


class MissingExtraError(EarmarkError):
    """An optional dependency that is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {package}: pip install "earmark[{extra}]"')


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A guess at a misspelt word, ready to be appended to a message; empty when nothing is near.

    >>> did_you_mean("filenmae", ["filename", "event_labels"])
    " (did you mean 'filename'?)"
    >>> did_you_mean("zebra", ["filename"])
    ''
    """
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""
