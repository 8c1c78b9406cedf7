"""Outputs refused before the work rather than after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.errors import ConfigError, did_you_mean
from earmark.files import check_file, check_folder
from earmark.formats import EVENT_FORMATS, embeddings, parquet
from earmark.formats.encoding import Encoding
from earmark.formats.naming import target_files
from earmark.formats.tags import TAG_ENCODINGS, TAG_FORMATS, TAG_SUFFIXES


def encoding_of(verb: str, form: str) -> Encoding[Any]:
    """How a format is written by `detect`, `tag` or `embed`."""
    if verb == "embed":
        return embeddings.ENCODING
    return EVENT_FORMATS[form] if verb == "detect" else TAG_ENCODINGS[form]


def check_output(output: Path | None, formats: Sequence[str], tags: bool = False) -> None:
    """Refuse unknown formats and places that cannot be written. `ConfigError`, `OutputError`."""
    known = TAG_FORMATS if tags else tuple(EVENT_FORMATS)
    for name in formats:
        if name not in known:
            raise ConfigError(f"unknown format {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    if "parquet" in formats:
        parquet.require()
    each = [] if tags else [name for name in formats if EVENT_FORMATS[name].per_recording]
    if output is None:
        if len(formats) > 1:
            raise ConfigError("several formats need a folder to be written to: add -o FOLDER")
        if "parquet" in formats:
            raise ConfigError("format parquet is binary: add -o FOLDER, or -o FILE.parquet")
        if each:
            raise ConfigError(f"format {each[0]} is one file a recording: add -o FOLDER")
        return
    if each or output.is_dir():
        check_folder(output)
        return
    suffixes = TAG_SUFFIXES  # those of events that are one file for all as well
    for path in target_files(output, formats, suffixes, "tags" if tags else "events").values():
        check_file(path)
