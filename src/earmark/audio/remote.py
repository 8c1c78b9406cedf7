"""Recordings that are not on this machine, by fsspec (https://filesystem-spec.readthedocs.io, extra `remote`).

`s3://bucket/folder`, `https://host/a.flac`, whatever fsspec and its plugins know. Nothing remote is touched unless it
was asked for (`--allow-remote`). Audio is read as a stream of blocks; whether a recording has changed is seen from its
size and by what the storage says of it (tag, or time of last change).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from earmark.audio.source import AUDIO_EXTENSIONS
from earmark.errors import AudioError, ConfigError, DataError, MissingExtraError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_VERSIONS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")


def is_remote(path: str) -> bool:
    """Whether a path is a URL.

    >>> is_remote("s3://bucket/a.wav"), is_remote("C:/a.wav")
    (True, False)
    """
    return _SCHEME.match(path) is not None


def check_allowed(path: str, allowed: bool) -> None:
    """`ConfigError` for a URL where none was allowed, `MissingExtraError` without fsspec."""
    if not is_remote(path):
        return
    if not allowed:
        raise ConfigError(f"{path}: is not on this machine; add --allow-remote to read it from there")
    _library()


def find_remote(url: str) -> Iterator[tuple[str, str]]:
    """Name and URL of the recordings at a URL, a file or a folder, sorted. `DataError` where it cannot be read."""
    try:
        system, root = _library().core.url_to_fs(url)
        folder = not url.lower().endswith(AUDIO_EXTENSIONS) and not system.isfile(root)
        paths = sorted(system.find(root)) if folder else [root]
    except Exception as error:
        raise DataError(f"{url}: cannot be listed ({_words(error)})") from error
    for path in paths:
        name = path[len(root) :].lstrip("/") if folder else path.rstrip("/").rpartition("/")[2]
        hidden = any(part.startswith(".") for part in name.split("/"))
        if not folder or (name.lower().endswith(AUDIO_EXTENSIONS) and not hidden):
            yield name, system.unstrip_protocol(path)


def remote_state(url: str) -> tuple[int, int]:
    """Bytes, and a number that changes with the content; -1 where they cannot be asked for."""
    try:
        system, path = _library().core.url_to_fs(url)
        info = system.info(path)
    except Exception:  # noqa: BLE001 - reading it will say why
        return -1, -1
    version = next((str(info[name]) for name in _VERSIONS if info.get(name)), "")
    digest = hashlib.blake2b(version.encode(), digest_size=7).digest()
    return int(info.get("size") or -1), int.from_bytes(digest, "big")


class RemoteFile:
    """A remote recording as a binary file that can seek; opened when it is first read. `AudioError` where it fails."""

    def __init__(self, url: str) -> None:
        self.name = url
        self._file: Any = None

    def _opened(self) -> Any:
        if self._file is None:
            try:
                self._file = _library().open(self.name, "rb").open()
            except Exception as error:
                raise AudioError(f"{self.name}: cannot be read ({_words(error)})") from error
        return self._file

    def read(self, size: int = -1) -> bytes:
        """Bytes from where it is."""
        return bytes(self._opened().read(size))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return int(self._opened().seek(offset, whence))

    def tell(self) -> int:
        """Where it is."""
        return int(self._opened().tell())

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def open_source(path: str) -> str | BinaryIO:
    """What a decoder takes: a path as it is, a URL as a file."""
    return cast(BinaryIO, RemoteFile(path)) if is_remote(path) else path


def close_source(source: Any) -> None:
    """Let go of what `open_source` gave."""
    if isinstance(source, RemoteFile):
        source.close()


def _library() -> Any:
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "remote", "reading what is not on this machine") from None
    return fsspec


def _words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return " ".join(str(error).split())[:200] or type(error).__name__
