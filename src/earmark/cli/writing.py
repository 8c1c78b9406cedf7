"""Results on stdout, and outputs refused before the work rather than after it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.errors import ConfigError, OutputError, did_you_mean
from earmark.events import Event
from earmark.formats import EVENT_FORMATS, write_events, write_tags
from earmark.formats.naming import target_files
from earmark.formats.tags import TAG_FORMATS, TAG_SUFFIXES


def check_output(output: Path | None, formats: Sequence[str], tags: bool = False) -> None:
    """Refuse unknown formats and places that cannot be written. `ConfigError`, `OutputError`."""
    known = TAG_FORMATS if tags else tuple(EVENT_FORMATS)
    for name in formats:
        if name not in known:
            raise ConfigError(f"unknown format {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")
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


def check_file(path: Path | None) -> None:
    """Refuse a file that cannot be written. `OutputError`."""
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder, expected the name of a file")
    if path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file()):
        raise OutputError(f"cannot write {path}: it is no file; give a name, and read that")
    check_folder(path.parent, path)


def check_folder(folder: Path | None, wanted: Path | None = None) -> None:
    """Refuse a folder that cannot be made or written into, by trying to; nothing is left behind. `OutputError`."""
    if folder is None:
        return
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise OutputError(f"cannot write {wanted or folder}: {place} is a file, not a folder")
    try:
        with tempfile.TemporaryDirectory(prefix=".earmark-", dir=place):
            pass
    except OSError as error:
        raise OutputError(f"cannot write {wanted or folder}: nothing can be made in {place}") from error


def print_events(events: Mapping[str, Sequence[Event]], form: str) -> None:
    """Events on stdout in a one-file format."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_events(Path(folder) / f"events.{form}", events, [form])[0]
        _print(path.read_bytes().decode("utf-8"))  # line ends as they are


def print_tags(tags: Mapping[str, Sequence[tuple[str, float | None]]], form: str) -> None:
    """Tags on stdout."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_tags(Path(folder) / f"tags.{form}", tags, [form])[0]
        _print(path.read_bytes().decode("utf-8"))  # line ends as they are


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error
