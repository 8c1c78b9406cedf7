"""Results on stdout, line by line as they come."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from earmark.cli.console import printable
from earmark.errors import OutputError
from earmark.formats.outputs import encoding_of


class Printed:
    """Prints recording after recording in a format that is one file for all. A sink of `earmark.api.detect`."""

    def __init__(self, verb: str, form: str) -> None:
        self.verb, self.form = verb, form
        self._begun = False

    def __call__(self, name: str, items: Sequence[Any]) -> None:
        """Print the lines of a recording."""
        encoding = encoding_of(self.verb, self.form)
        text = (encoding.between if self._begun else encoding.header) + encoding.encode(name, items, None)
        self._begun = True
        _print(text)

    def end(self) -> None:
        """No more comes."""
        if self._begun:
            _print(encoding_of(self.verb, self.form).footer)


def _print(text: str) -> None:
    if sys.stdout.isatty():
        text = "\n".join(printable(line.rstrip("\r"), "\t") for line in text.split("\n"))
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error
