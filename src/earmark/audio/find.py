"""Which recordings a user means by a list of files and folders."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from earmark.audio.source import AUDIO_EXTENSIONS
from earmark.errors import DataError

_NAMED = 4  # kinds of files passed over that are named


@dataclass(frozen=True)
class Recording:
    """One file to be read, and the name results carry.

    The name is the path relative to the folder that was given, or the file's own name; where two would be
    the same, both are the path as given. Always with forward slashes.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Found:
    """What lies in a folder: recordings, sorted, and how many of what else ("`.txt`", "pipe", "broken link")."""

    files: list[Path]
    passed: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """Words for what was passed over.

        >>> Found([], Counter({".txt": 3, "pipe": 1})).summary()
        '4 files skipped (3 .txt, 1 pipe)'
        """
        number = self.passed.total()
        ordered = sorted(self.passed.items(), key=lambda each: (-each[1], each[0]))
        kinds = [f"{count} {kind}" for kind, count in ordered[:_NAMED]]
        more = ["..."] if len(self.passed) > _NAMED else []
        return f"{number} file{'' if number == 1 else 's'} skipped ({', '.join(kinds + more)})"


def find_recordings(
    inputs: Iterable[str | os.PathLike[str]], notice: Callable[[str], object] | None = None
) -> list[Recording]:
    """Every recording in these files and folders, in the order given; folders to the bottom, sorted.

    A file named by hand is taken whatever its extension; in folders only regular files with a known audio extension
    count, and names that begin with a dot are skipped. `notice` is given a line for each folder in which other files
    were passed over. A file reached twice is listed once. `DataError` for a path that does not exist and for a folder
    without recordings.
    """
    found: dict[Path, Recording] = {}
    for given in map(Path, inputs):
        if given.is_dir():
            inside = scan_folder(given)
            if not inside.files:
                looked = " ".join(AUDIO_EXTENSIONS)
                others = f"; {inside.summary()}" if inside.passed else ""
                raise DataError(f"{given}: no recordings in this folder or below it (looked for {looked}){others}")
            if inside.passed and notice is not None:
                notice(f"{given}: {inside.summary()}")
            entries = [Recording(path, path.relative_to(given).as_posix()) for path in inside.files]
        elif os.path.lexists(given):
            entries = [Recording(given, given.name)]
        else:
            raise DataError(f"{given}: no such file or folder")
        for entry in entries:
            found.setdefault(_real(entry.path), entry)
    names = Counter(entry.name for entry in found.values())
    return [e if names[e.name] == 1 else replace(e, name=e.path.as_posix()) for e in found.values()]


def audio_files(folder: Path) -> list[Path]:
    """Regular files below a folder with an audio extension, sorted; links are followed, each real folder once."""
    return scan_folder(folder).files


def scan_folder(folder: Path) -> Found:
    """Recordings below a folder, and what else lies there (names that begin with a dot are not counted)."""
    files: list[Path] = []
    passed: Counter[str] = Counter()
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link back up would go on for ever
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.startswith("."):
                continue
            path = Path(place, name)
            other = _other_than_audio(path)
            if other is None:
                files.append(path)
            else:
                passed[other] += 1
    return Found(sorted(files), passed)


def _other_than_audio(path: Path) -> str | None:
    """What a file is if no recording: its extension, or what kind of file; None for a recording."""
    if not path.name.lower().endswith(AUDIO_EXTENSIONS):
        return path.suffix.lower() or "without an extension"
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "broken link"
    if stat.S_ISREG(mode):
        return None
    return "pipe" if stat.S_ISFIFO(mode) else "device or socket"


def kind_of(path: str | os.PathLike[str]) -> str:
    """What a file that is no recording is: its extension, or what kind of file."""
    return _other_than_audio(Path(path)) or "other"


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return path.absolute()
