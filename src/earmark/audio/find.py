"""Which recordings a user means by a list of files and folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.audio.source import AUDIO_EXTENSIONS
from earmark.errors import DataError


@dataclass(frozen=True)
class Recording:
    """One file to be read, and the name results carry.

    The name is the path relative to the folder that was given, or the file's own name; where two would be
    the same, both are the path as given. Always with forward slashes.
    """

    path: Path
    name: str


def find_recordings(inputs: Iterable[str | os.PathLike[str]]) -> list[Recording]:
    """Every recording in these files and folders, in the order given; folders to the bottom, sorted.

    A file named by hand is taken whatever its extension; in folders only known audio extensions count, and
    names that begin with a dot are skipped. A file reached twice is listed once. `DataError` for a path that
    does not exist and for a folder without recordings.
    """
    found: dict[Path, Recording] = {}
    for given in map(Path, inputs):
        if given.is_dir():
            files = audio_files(given)
            if not files:
                looked = " ".join(AUDIO_EXTENSIONS)
                raise DataError(f"{given}: no recordings in this folder or below it (looked for {looked})")
            entries = [Recording(path, path.relative_to(given).as_posix()) for path in files]
        elif given.exists():
            entries = [Recording(given, given.name)]
        else:
            raise DataError(f"{given}: no such file or folder")
        for entry in entries:
            found.setdefault(entry.path.resolve(), entry)
    names = Counter(entry.name for entry in found.values())
    return [e if names[e.name] == 1 else replace(e, name=e.path.as_posix()) for e in found.values()]


def audio_files(folder: Path) -> list[Path]:
    """Files below a folder with an audio extension, sorted; links are followed, each real folder once."""
    files: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link back up would go on for ever
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [
            Path(place, name) for name in names if not name.startswith(".") and name.lower().endswith(AUDIO_EXTENSIONS)
        ]
    return sorted(files)
