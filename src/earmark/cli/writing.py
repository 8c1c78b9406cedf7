"""Results on stdout, and outputs refused before the work rather than after it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.errors import ConfigError, OutputError, did_you_mean
from earmark.events import Event
from earmark.formats import EVENT_FORMATS, write_events, write_tags
from earmark.formats.tags import TAG_FORMATS


def check_output(output: Path | None, formats: Sequence[str], tags: bool = False) -> None:
    """Refuse unknown formats and places that cannot be written. `ConfigError`, `OutputError`."""
    known = TAG_FORMATS if tags else tuple(EVENT_FORMATS)
    for name in formats:
        if name not in known:
            raise ConfigError(f"unknown format {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")
    if output is None:
        if len(formats) > 1:
            raise ConfigError("several formats need a folder to be written to: add -o FOLDER")
        if not tags and EVENT_FORMATS[formats[0]].per_recording:
            raise ConfigError(f"format {formats[0]} is one file a recording: add -o FOLDER")
        return
    place = output
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise OutputError(f"cannot write {output}: no permission in {place}")
    if place != output and not place.is_dir():
        raise OutputError(f"cannot write {output}: {place} is a file, not a folder")


def print_events(events: Mapping[str, Sequence[Event]], form: str) -> None:
    """Events on stdout in a one-file format."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_events(Path(folder) / f"events.{form}", events, [form])[0]
        sys.stdout.write(path.read_text(encoding="utf-8"))


def print_tags(tags: Mapping[str, Sequence[tuple[str, float | None]]], form: str) -> None:
    """Tags on stdout."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_tags(Path(folder) / f"tags.{form}", tags, [form])[0]
        sys.stdout.write(path.read_text(encoding="utf-8"))
