"""One run at a time in a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from pathlib import Path
from typing import IO, Self

from earmark.errors import OutputError
from earmark.runtime.journal import writing


class Lock:
    """Keeps a second run out while the first lives. It goes with its process, however that ends.

    `OutputError` saying who holds it.
    """

    def __init__(self, path: Path, what: Path) -> None:
        self.path, self.what = path, what
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self.path, "a+", encoding="utf-8")
        if not _locked(file):
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise OutputError(
                f"{self.what}: another run is writing here ({holder}); wait for it, or give another folder"
            )
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
        self._file = file
        return self

    def __exit__(self, *error: object) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        with contextlib.suppress(OSError):
            self._file.close()


def _locked(file: IO[str]) -> bool:
    """Take the lock, unless another process has it. File systems without locks give it to everybody."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True
