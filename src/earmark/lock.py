"""One run at a time in a folder: a file that is locked for as long as its process lives.

The system lets go of the lock when the process ends, however it ends, so a file that a killed run left is no obstacle.
Children that are forked do not keep it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import weakref
from pathlib import Path
from typing import IO, Any, Self

from earmark.errors import OutputError, unwritable


class Lock:
    """Keeps a second run out of the folder `what` while the first lives; `path` is the file that is locked.

    With `remove` the file goes when the run has ended. `OutputError` saying who holds it.
    """

    def __init__(self, path: Path, what: Path, *, remove: bool = False) -> None:
        self.path, self.what, self.remove = path, what, remove
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        file = self._open()
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
        self._file = file
        if hasattr(os, "register_at_fork"):
            _close_in_children(weakref.ref(self))
        return self

    def __exit__(self, *error: object) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):
            if self.remove:
                self.path.unlink(missing_ok=True)  # while it is locked, so that it is no other run's
            else:
                self._file.truncate(0)
        self.close()

    def close(self) -> None:
        """Let go of the file, whatever is in it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _open(self) -> IO[str]:
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - closed in `close`
            except OSError as error:
                raise unwritable(self.path, error) from error
            if not lock(file):
                file.seek(0)
                holder = file.read().strip() or "another process"
                file.close()
                raise OutputError(
                    f"{self.what}: another run is writing here ({holder}); wait for it, or give another folder"
                )
            if _is_at(file, self.path):
                return file
            file.close()  # the run before has ended and removed it since it was opened


def _close_in_children(held: weakref.ref[Lock]) -> None:
    def close() -> None:
        if (lock := held()) is not None:
            lock.close()

    os.register_at_fork(after_in_child=close)


def _is_at(file: IO[Any], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; whether no other process has it. Where a file system has no locks, yes."""
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
