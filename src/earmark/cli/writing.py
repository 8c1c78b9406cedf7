"""Results on stdout."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.cli.console import printable
from earmark.errors import OutputError
from earmark.events import Event
from earmark.formats import write_events, write_tags


def print_events(events: Mapping[str, Sequence[Event]], form: str) -> None:
    """Events on stdout in a one-file format."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_events(Path(folder) / f"events.{form}", events, [form])[0]
        _print(path.read_bytes().decode("utf-8", "surrogateescape"))  # line ends as they are


def print_tags(tags: Mapping[str, Sequence[tuple[str, float | None]]], form: str) -> None:
    """Tags on stdout."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_tags(Path(folder) / f"tags.{form}", tags, [form])[0]
        _print(path.read_bytes().decode("utf-8", "surrogateescape"))  # line ends as they are


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
