"""Which recordings a user means by files, folders and lists.

`find_recordings` and `scan_folder` hold all they find; `walk` goes through a folder to the bottom in the same order and
holds one folder at a time. `read_list` reads a list: a path a line, or a column of a table.
"""

from __future__ import annotations

import csv
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from earmark.audio.source import AUDIO_EXTENSIONS
from earmark.errors import DataError, did_you_mean

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


def walk(folder: str, problems: list[str], passed: Counter[str]) -> Iterator[tuple[str, str]]:
    """Relative path (forward slashes) and real path of each recording below a folder, sorted as paths are.

    Only one folder is held at a time. Links are followed, each real folder and file once; names that begin with a dot
    are passed over. Folders that cannot be read are noted in `problems`; other files are counted by kind in `passed`.
    """
    real_root = os.path.realpath(folder)
    seen, linked = {real_root}, set[str]()
    stack = [(iter(_names(folder, problems, passed)), "", real_root)]
    while stack:
        names, place, real_place = stack[-1]
        for name, kind in names:
            inside = f"{place}{name}"
            real = f"{real_place}{os.sep}{name}"
            if kind in "LM":  # a link
                real = os.path.realpath(real)
            if kind in "DM":
                if real not in seen:  # a link back up would go on for ever
                    seen.add(real)
                    stack.append((iter(_names(os.path.join(folder, inside), problems, passed)), inside + "/", real))
                    break
            elif real in linked:
                continue
            elif kind == "L":
                if not _listed_before(real, inside, real_root):
                    linked.add(real)
                    yield inside, real
            else:
                yield inside, real
        else:
            stack.pop()


def _listed_before(real: str, inside: str, real_root: str) -> bool:
    """Whether the file that a link leads to was given out by its own name before the link."""
    if not real.startswith(real_root + os.sep):
        return False
    parts = real[len(real_root) + 1 :].split(os.sep)
    listed = not any(part.startswith(".") for part in parts) and parts[-1].lower().endswith(AUDIO_EXTENSIONS)
    return listed and parts < inside.split("/")


def _names(folder: str, problems: list[str], passed: Counter[str]) -> list[tuple[str, str]]:
    """Names in a folder with their kinds, sorted: Files, Links to files, Directories, links to directories (M)."""
    found: list[tuple[str, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                link = entry.is_symlink()
                if _is(entry.is_dir):
                    found.append((name, "M" if link else "D"))
                elif name.lower().endswith(AUDIO_EXTENSIONS) and _is(entry.is_file):
                    found.append((name, "L" if link else "F"))
                else:
                    passed[kind_of(entry.path)] += 1
    except OSError as error:
        problems.append(f"{folder}: cannot be read ({error.strerror or error})")
    found.sort()
    return found


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a loop of links
        return False


COLUMNS = ("filename", "path", "file", "audio", "file_name", "filepath")
STDIN = "-"


def read_list(given: str) -> Iterator[str]:
    """The paths in a list: a path a line, or the column of a table (`list.csv`, `list.csv:column`), or stdin (`-`)."""
    if given == STDIN:
        yield from _lines(sys.stdin)
        return
    file, _, column = given.rpartition(":") if not Path(given).exists() and ":" in given else (given, "", "")
    try:
        with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
            if column or file.lower().endswith((".csv", ".tsv")):
                yield from _column(opened, file, column)
            else:
                yield from _lines(opened)
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror or error}") from error


def _lines(file: TextIO) -> Iterator[str]:
    for line in file:
        if path := line.rstrip("\r\n"):
            yield path


def _column(file: TextIO, name: str, column: str) -> Iterator[str]:
    head = file.readline()
    delimiter = "\t" if "\t" in head else ";" if ";" in head and "," not in head else ","
    header = next(csv.reader([head], delimiter=delimiter), [])
    known = {cell.strip().casefold(): place for place, cell in enumerate(header)}
    wanted = [column] if column else list(COLUMNS)
    place = next((known[each.casefold()] for each in wanted if each.casefold() in known), None)
    if place is None:
        guess = did_you_mean(wanted[0], header)
        raise DataError(f"{name}: no column {wanted[0]!r} among {', '.join(header)}{guess}; name it as {name}:COLUMN")
    for row in csv.reader(file, delimiter=delimiter):
        if len(row) > place and row[place]:
            yield row[place]
