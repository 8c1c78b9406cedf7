"""Writing without half-written files: write aside, then rename.

A reader sees either the old content or the new, whatever stops the program in between. Text is UTF-8; a file name that
is not (Python holds its bytes as lone surrogates) is written as it is on disk, and in JSON as an escape.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from earmark.errors import GOES_ON, OutputError, is_full, unwritable
from earmark.lock import lock

PathLike = str | os.PathLike[str]
LARGEST_JSON = 64 * 2**20  # bytes that a description of a model may have
_LONGEST_NAME = 200  # bytes of a name that a temporary file takes over: most systems allow 255 in all
_TEMPORARY = re.compile(r"\..*\.[a-z0-9_]{8}\.tmp", re.DOTALL)
_TRIAL = ".earmark-"  # begins the name of a folder that is made to see whether that is possible


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong within is a file of a run that cannot be written. `OutputError`."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, GOES_ON) from error


@contextlib.contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and takes `path`'s place.

    Parents are made. On any error the temporary file is removed and `path` stays as it was; a process that is killed
    leaves it to `sweep`. `OutputError` when the place cannot be written.
    """
    with _aside(Path(path)) as temporary:
        yield temporary
        with _told(path):
            _finish(temporary)
            os.replace(temporary, path)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_texts({path: text})


def write_texts(texts: Mapping[str | os.PathLike[str], str]) -> None:
    """Write UTF-8 text files that belong together: all of them, or none where one cannot be written."""
    with contextlib.ExitStack() as stack:
        made = []
        for path, text in texts.items():
            temporary = stack.enter_context(_aside(Path(path)))
            with _told(path):
                temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
                _finish(temporary)
            made.append((temporary, path))
        for temporary, path in made:
            with _told(path):
                os.replace(temporary, path)


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A temporary file beside `target`, locked so that `sweep` leaves it alone; removed at the end, if it is there."""
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{_shortened(target.name)}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    file = os.fdopen(handle, "rb")
    if os.name == "nt":  # an open file is not renamed there
        file.close()
    else:
        lock(file)
    try:
        with _told(target):
            yield temporary
    finally:
        file.close()
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def _finish(temporary: Path) -> None:
    """On the disk, and as readable as any other file."""
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)


def _shortened(name: str) -> str:
    """A file name that leaves room for the letters of a temporary one.

    >>> _shortened("a.wav"), len(_shortened("a" * 255))
    ('a.wav', 200)
    """
    whole = os.fsencode(name)
    return name if len(whole) <= _LONGEST_NAME else whole[:_LONGEST_NAME].decode(errors="ignore")


def is_leftover(name: str) -> bool:
    """Whether a file of this name is a temporary one of ours.

    >>> is_leftover(".scores.csv.k3x_9qaz.tmp"), is_leftover("notes.tmp")
    (True, False)
    """
    return _TEMPORARY.fullmatch(name) is not None


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove the temporary files that killed processes left in a folder and below; how many there were.

    Files that a living process still writes are locked, and stay.
    """
    count = 0
    for place, _, names in os.walk(folder):
        for name in filter(is_leftover, names):
            path = Path(place, name)
            with contextlib.suppress(OSError):
                with open(path, "rb") as file:
                    free = lock(file)
                if free:
                    path.unlink()
                    count += 1
    return count


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file. `OSError`; `ValueError` for what is no JSON, nested too deep, or larger than any of
    ours is.
    """
    if os.path.getsize(path) > LARGEST_JSON:
        raise ValueError(f"larger than {LARGEST_JSON // 2**20} MB")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def check_file(path: Path | None) -> None:
    """Refuse a file that cannot be written. `OutputError`."""
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder, expected the name of a file")
    if path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file()):
        raise OutputError(f"cannot write {path}: it is not a regular file; write to a file and read that")
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
        for left in place.glob(f"{_TRIAL}????????"):  # by a killed process; only empty folders go
            with contextlib.suppress(OSError):
                left.rmdir()
        with tempfile.TemporaryDirectory(prefix=_TRIAL, dir=place):
            pass
    except OSError as error:
        if is_full(place / _TRIAL):
            raise OutputError(f"cannot write {wanted or folder}: disk full ({place})") from error
        raise OutputError(f"cannot write {wanted or folder}: nothing can be made in {place}") from error


def json_text(value: Any, indent: int | None = None) -> str:
    r"""JSON that people can read, and that every reader of UTF-8 can, whatever bytes a file name has.

    >>> json_text(["caf\u00e9", "caf\udce9"])
    '["café", "caf\\udce9"]'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda lone: f"\\u{ord(lone[0]):04x}", text)


def path_or_none(path: PathLike | None) -> Path | None:
    """A path of whatever kind as a `Path`."""
    return None if path is None else Path(path)
