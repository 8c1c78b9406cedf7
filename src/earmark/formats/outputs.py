"""Outputs refused before the work rather than after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from earmark.errors import ConfigError, did_you_mean
from earmark.files import check_file, check_folder
from earmark.formats import EVENT_FORMATS
from earmark.formats.naming import target_files
from earmark.formats.tags import TAG_FORMATS, TAG_SUFFIXES


def check_output(output: Path | None, formats: Sequence[str], tags: bool = False) -> None:
    """Refuse unknown formats and places that cannot be written. `ConfigError`, `OutputError`."""
    known = TAG_FORMATS if tags else tuple(EVENT_FORMATS)
    for name in formats:
        if name not in known:
            raise ConfigError(f"unknown format {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    each = [] if tags else [name for name in formats if EVENT_FORMATS[name].per_recording]
    if output is None:
        if len(formats) > 1:
            raise ConfigError("several formats need a folder to be written to: add -o FOLDER")
        if each:
            raise ConfigError(f"format {each[0]} is one file a recording: add -o FOLDER")
        return
    if each or output.is_dir():
        check_folder(output)
        return
    suffixes = TAG_SUFFIXES  # those of events that are one file for all as well
    for path in target_files(output, formats, suffixes, "tags" if tags else "events").values():
        check_file(path)
