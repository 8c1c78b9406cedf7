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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from earmark.errors import OutputError

PathLike = str | os.PathLike[str]
LARGEST_JSON = 64 * 2**20  # bytes that a description of a model may have


@contextlib.contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and takes `path`'s place.

    Parents are made. On any error the temporary file is removed and `path` stays as it was.
    `OutputError` when the place cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with write_aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


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
        with tempfile.TemporaryDirectory(prefix=".earmark-", dir=place):
            pass
    except OSError as error:
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
