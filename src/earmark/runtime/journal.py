"""What a run has done so far, one line a recording, so that it goes on where it was stopped.

A journal is a file of JSON lines that is only appended to:

    {"earmark": 1, "verb": "detect", "options": {...}}                          what results depend on
    {"name": "a.wav", "path": ..., "size": ..., "mtime": ..., "seconds": 10.0, "items": [[0.5, 1.25, "dog", 0.9]]}
    {"name": "b.wav", ..., "failed": "b.wav: is empty (0 bytes)"}

A line counts once it ends: one that was cut is done again. The last line of a recording holds. Each line is given to
the system as soon as it is made, so that a run that is killed loses nothing, and is on the disk within a second, for
power losses. The journal, not the tables, is what a run goes on from. An `Index` is what it knows, in little memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from earmark.errors import GOES_ON, OutputError, unwritable
from earmark.files import writing

VERSION = 1
_decode = json.JSONDecoder().raw_decode
SYNC_SECONDS = 1.0


class Journal:
    """The journal of a run, open for appending. Use as a context.

    `read` calls back for each line that holds, then `append` adds lines. `OutputError` where it cannot be written,
    or was written by a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._end = 0
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._fault: OSError | None = None
        self._syncer: threading.Thread | None = None

    def header(self) -> dict[str, Any] | None:
        """The first line; None where there is no journal, or its first line was cut."""
        try:
            with open(self.path, "rb") as file:
                line = file.readline()
        except FileNotFoundError:
            return None
        if not line.endswith(b"\n"):
            return None
        header = _parsed(line)
        if header is None or header.get("earmark") != VERSION:
            raise OutputError(
                f"{self.path}: is not a journal that this version can go on from; --overwrite begins anew"
            )
        return header

    def begin(self, header: Mapping[str, Any]) -> None:
        """A new journal in place of any that was there."""
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115 - closed in `close`
            self._end = 0
        self.append({"earmark": VERSION, **header})
        self._start()

    def go_on(self, each: Callable[[int, dict[str, Any]], None]) -> None:
        """Open a journal that is there; `each` is called with place and content of every line but the first."""
        with writing(self.path):
            self._file = open(self.path, "rb+", buffering=0)  # noqa: SIM115 - closed in `close`
            with open(self.path, "rb", buffering=2**20) as file:
                self._end = len(file.readline())
                for line in file:
                    record = _parsed(line) if line.endswith(b"\n") else None
                    if record is None:
                        break
                    each(self._end, record)
                    self._end += len(line)
            self._file.truncate(self._end)
            self._file.seek(self._end)
        self._start()

    def records(self) -> Iterator[dict[str, Any]]:
        """Every whole line but the first, without opening the journal for a run."""
        with open(self.path, "rb", buffering=2**20) as file:
            file.readline()
            for line in file:
                record = _parsed(line) if line.endswith(b"\n") else None
                if record is None:
                    return
                yield record

    def append(self, record: Mapping[str, Any]) -> int:
        """Add a line; its place."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        assert self._file is not None
        if self._fault is not None:
            raise unwritable(self.path, self._fault, GOES_ON)
        place = self._end
        with writing(self.path):
            try:
                written = self._file.write(line)
                while written < len(line):  # a full disk takes a part, then refuses
                    written += self._file.write(line[written:])
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(place)
                    self._file.seek(place)
                raise
        self._end += len(line)
        self._dirty.set()
        return place

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._end

    def _start(self) -> None:
        self._syncer = threading.Thread(target=self._sync_often, daemon=True, name="journal")
        self._syncer.start()

    def _sync_often(self) -> None:
        """In a thread."""
        while not self._closing.wait(SYNC_SECONDS):
            if self._dirty.is_set():
                self.sync()

    def sync(self) -> None:
        """All lines so far onto the disk."""
        self._dirty.clear()
        try:
            if self._file is not None:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._fault = error

    def close(self) -> None:
        """Sync and let go of the file."""
        self._closing.set()
        if self._syncer is not None:
            self._syncer.join()
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Lines:
    """Reads lines of a journal by their places."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb", buffering=2**16)  # noqa: SIM115 - closed in `close`
        self._here = -1

    def at(self, place: int) -> dict[str, Any]:
        """The line that begins at a place."""
        if place != self._here:
            self._file.seek(place)
        line = self._file.readline()
        self._here = place + len(line)
        record = _parsed(line)
        assert record is not None
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record, end = _decode(line.decode("ascii"))
    except ValueError:  # cut, or damaged
        return None
    return record if isinstance(record, dict) and end == len(line) - 1 else None


class Index:
    """Which recordings a journal knows, and where their last lines are: 24 bytes each.

    Names and states are kept as 64-bit hashes.
    """

    def __init__(self) -> None:
        self._names, self._states, self._places = array("q"), array("q"), array("Q")
        self._sorted: tuple[Any, Any, Any] | None = None
        self._used: Any = None

    def add(self, name: str, state: int, place: int) -> None:
        """Note a line; the last of a name holds."""
        self._names.append(hash(name))
        self._states.append(state)
        self._places.append(place)

    def settle(self) -> None:
        """No more lines."""
        names, states = np.frombuffer(self._names, np.int64), np.frombuffer(self._states, np.int64)
        places = np.frombuffer(self._places, np.uint64)
        order = np.argsort(names, kind="stable")
        last = np.append(names[order][1:] != names[order][:-1], True) if len(names) else np.zeros(0, bool)
        order = order[last]
        self._sorted = names[order], states[order], places[order]
        self._used = np.zeros(len(order), bool)

    def find(self, name: str) -> tuple[int, int] | None:
        """State and place of the last line of a name, which then counts as still there."""
        assert self._sorted is not None
        names, states, places = self._sorted
        key = hash(name)
        at = int(names.searchsorted(key))
        if at == len(names) or int(names[at]) != key:
            return None
        self._used[at] = True
        return int(states[at]), int(places[at])

    def rest(self) -> list[int]:
        """Places of the lines that were not asked for."""
        assert self._sorted is not None
        return [int(place) for place in np.sort(self._sorted[2][~self._used])]

    def __len__(self) -> int:
        return 0 if self._sorted is None else len(self._sorted[0])
