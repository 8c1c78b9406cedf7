"""Which recordings a run is about, found while it goes: a million of them in about 100 bytes each.

A thread walks folders and reads lists ahead of the run, so that the first recording is known at once and the number of
all soon after. The order is that of `find_recordings`: inputs as given, folders to the bottom and sorted.

    inputs, lists -> walk -> chunks of names (bytes) -> Entry(place, name, path)

One folder, or one list, is streamed. Of several the names may clash, so they are listed to the end first.
"""

from __future__ import annotations

import hashlib
import os
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earmark.audio.find import Found, read_list, walk
from earmark.audio.remote import check_allowed, find_remote, is_remote
from earmark.audio.source import AUDIO_EXTENSIONS
from earmark.errors import ConfigError, DataError

_CHUNK = 512  # entries


class Entry(NamedTuple):
    """A recording that is to be read: its place in the whole listing, the name results carry, and its path."""

    place: int
    name: str
    path: str


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `count`: recordings fall to it by their names, whatever their order.

    >>> str(Shard.parse("2/4"))
    '2/4'
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/4`. `ConfigError` for anything else."""
        number, slash, count = text.partition("/")
        if not (slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
            raise ConfigError(f"shard {text!r} does not exist: expected i/n with i from 1 to n, such as 2/4")
        return cls(int(number), int(count))

    def holds(self, digest: int) -> bool:
        """Whether a name of this `name_digest` is of this part."""
        return digest % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def name_digest(name: str) -> int:
    """A number of 64 bits that a name has on every machine."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class _Chunk:
    root: str | None  # paths are root/name; None: `paths` has them
    names: bytes  # each ends in a zero byte
    paths: bytes
    indices: array[int]  # of a shard; empty: they follow one another from `first`
    first: int

    def __iter__(self) -> Iterator[Entry]:
        names = os.fsdecode(self.names).split("\0")[:-1]
        paths = os.fsdecode(self.paths).split("\0")[:-1] if self.root is None else [f"{self.root}/{n}" for n in names]
        indices = self.indices or range(self.first, self.first + len(names))
        return map(Entry, indices, names, paths)


class Listing:
    """The recordings of files, folders and lists, as an iterator of `Entry`; each is given out once.

    `lists` are files with a path a line (`-`: standard input), or tables whose column `filename` (or another:
    `table.csv:column`) has the paths. Paths in lists are taken from the current folder. `DataError` for an input that
    does not exist, a folder or list without recordings, a table without such a column.
    """

    def __init__(
        self,
        inputs: Sequence[str | os.PathLike[str]],
        lists: Sequence[str] = (),
        shard: Shard | None = None,
        allow_remote: bool = False,
    ) -> None:
        self.inputs, self.lists, self.shard = [os.fspath(each) for each in inputs], list(lists), shard
        self.found = 0  # of this shard, so far
        self.all = 0  # of all shards, so far
        self.digest = 0  # of the names of all, whatever their order
        self.finished = False
        self.problems: list[str] = []  # folders that could not be read
        self.notices: list[str] = []  # what was passed over in folders
        for given in self.inputs:
            check_allowed(given, allow_remote)
            if not (is_remote(given) or os.path.lexists(given)):
                raise DataError(f"{given}: no such file or folder")
        if not self.inputs and not self.lists:
            raise ConfigError("nothing to read: give files or folders, or --files-from LIST")
        self._allow_remote = allow_remote
        self._chunks: list[_Chunk] = []
        self._taken = 0  # chunks given out
        self._error: BaseException | None = None
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._produce, daemon=True, name="listing")
        self._thread.start()

    @property
    def total(self) -> int | None:
        """How many there are, once it is known."""
        return self.found if self.finished else None

    def wait(self) -> None:
        """Until all are known. Raises what listing met."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def check(self) -> None:
        """Until the first is known. Raises what listing met before it."""
        with self._more:
            while not self._chunks and not self.finished:
                self._more.wait()
        if not self._chunks and self._error is not None:
            raise self._error

    def few(self, most: int) -> list[Entry] | None:
        """All of them, where they are no more than `most`; they stay to be given out. Waits until that is known."""
        with self._more:
            while not self.finished and self.found <= most:
                self._more.wait()
            chunks = list(self._chunks)
        return [entry for chunk in chunks for entry in chunk] if self.found <= most else None

    def names(self) -> Iterator[str]:
        """The names of all that have not been given out; waits until they are known."""
        self.wait()
        return (entry.name for chunk in self._chunks[self._taken :] for entry in chunk)

    def __iter__(self) -> Iterator[Entry]:
        while True:
            with self._more:
                while self._taken == len(self._chunks) and not self.finished:
                    self._more.wait()
                if self._taken == len(self._chunks):
                    break
                chunk = self._chunks[self._taken]
                self._chunks[self._taken] = _EMPTY
                self._taken += 1
            yield from chunk
        if self._error is not None:
            raise self._error

    def _produce(self) -> None:
        """In the thread."""
        try:
            for root, entries in self._sources():
                self._pack(root, entries)
        except BaseException as error:  # noqa: BLE001 - handed over, raised where the entries are asked for
            self._error = error
        with self._more:
            self.finished = True
            self._more.notify_all()

    def _pack(self, root: str | None, entries: Iterator[tuple[str, str]]) -> None:
        names: list[str] = []
        paths: list[str] = []
        indices = array("Q")
        first = self.all
        most = 1  # the first is given out at once
        for name, path in entries:
            index = self.all
            self.all += 1
            if self.shard is not None:
                digest = name_digest(name)
                self.digest = (self.digest + digest) % 2**64
                if not self.shard.holds(digest):
                    continue
                indices.append(index)
            names.append(name)
            if root is None:
                paths.append(path)
            if len(names) >= most:
                self._add(root, names, paths, indices, first)
                names, paths, indices, first, most = [], [], array("Q"), self.all, min(_CHUNK, 4 * most)
        if names:
            self._add(root, names, paths, indices, first)

    def _add(self, root: str | None, names: list[str], paths: list[str], indices: array[int], first: int) -> None:
        chunk = _Chunk(root, _joined(names), _joined(paths), indices, first)
        with self._more:
            self.found += len(names)
            self._chunks.append(chunk)
            self._more.notify_all()

    def _sources(self) -> Iterator[tuple[str | None, Iterator[tuple[str, str]]]]:
        """Each input with its folder, if it is one, and its (name, path)."""
        if len(self.inputs) == 1 and not self.lists:
            given = self.inputs[0]
            if is_remote(given):
                yield None, self._remote(given)
            elif os.path.isdir(given):
                root = _written(given)
                yield root, ((name, f"{root}/{name}") for name, _ in self._folder(given))
            else:
                yield None, iter([(os.path.basename(given), given)])
        elif len(self.lists) == 1 and not self.inputs:
            yield None, _each_once((path, path) for path in self._listed(self.lists[0]))
        else:
            yield None, self._apart()

    def _folder(self, given: str) -> Iterator[tuple[str, str]]:
        """Relative path and real path of the recordings of a folder; `DataError` where there is none."""
        empty, others = True, Found([])
        for found in walk(given, self.problems, others.passed):
            empty = False
            yield found
        if empty:
            looked = " ".join(AUDIO_EXTENSIONS)
            more = f"; {others.summary()}" if others.passed else ""
            raise DataError(f"{given}: no recordings in this folder or below it (looked for {looked}){more}")
        if others.passed:
            self.notices.append(f"{given}: {others.summary()}")

    def _remote(self, given: str) -> Iterator[tuple[str, str]]:
        empty = True
        for found in find_remote(given):
            empty = False
            yield found
        if empty:
            raise DataError(f"{given}: no recordings there (looked for {' '.join(AUDIO_EXTENSIONS)})")

    def _listed(self, given: str) -> Iterator[str]:
        empty = True
        for path in read_list(given):
            check_allowed(path, self._allow_remote)
            empty = False
            yield path
        if empty:
            raise DataError(f"{given}: lists no recordings")

    def _apart(self) -> Iterator[tuple[str, str]]:
        """Several inputs: a file that is reached twice comes once, and two of one name have their paths as names."""
        names, paths = bytearray(), bytearray()
        keys, marks = array("q"), array("q")
        for name, path, real in self._several():
            names += os.fsencode(name) + b"\0"
            paths += os.fsencode(path) + b"\0"
            keys.append(hash(real))
            marks.append(hash(name))
        firsts = np.unique(np.frombuffer(keys, np.int64), return_index=True)[1]
        kept = np.zeros(len(keys), bool)
        kept[firsts] = True
        all_marks = np.frombuffer(marks, np.int64)
        shared = np.zeros(len(marks), bool)
        _, where, counts = np.unique(all_marks[kept], return_inverse=True, return_counts=True)
        shared[kept] = counts[where] > 1
        both = zip(_split(names), _split(paths), kept.tolist(), shared.tolist(), strict=True)
        return ((path.replace(os.sep, "/") if twice else name, path) for name, path, keep, twice in both if keep)

    def _several(self) -> Iterator[tuple[str, str, str]]:
        """Name, path and real path of the recordings of all inputs."""
        for given in self.inputs:
            if is_remote(given):
                yield from ((name, path, path) for name, path in self._remote(given))
            elif os.path.isdir(given):
                root = _written(given)
                yield from ((name, f"{root}/{name}", real) for name, real in self._folder(given))
            else:
                yield os.path.basename(given), str(Path(given)), os.path.realpath(given)
        for each in self.lists:
            yield from ((path, path, os.path.realpath(path)) for path in self._listed(each))


def _each_once(entries: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Without those whose path came before."""
    seen = _Hashes()
    for name, path in entries:
        if seen.add(hash(path)):
            yield name, path


class _Hashes:
    """A set of 64-bit numbers in 12 to 24 bytes each."""

    def __init__(self) -> None:
        self._slots, self._count = array("q", bytes(8 * 1024)), 0

    def add(self, value: int) -> bool:
        """Add one; whether it is new."""
        value = value or 1  # 0 marks a free slot
        slots = self._slots
        mask = len(slots) - 1
        place = value & mask
        while slots[place]:
            if slots[place] == value:
                return False
            place = (place + 1) & mask
        slots[place] = value
        self._count += 1
        if 3 * self._count > 2 * len(slots):
            self._slots, self._count = array("q", bytes(16 * len(slots))), 0
            for each in slots:
                if each:
                    self.add(each)
        return True


def _joined(texts: list[str]) -> bytes:
    return b"".join(os.fsencode(text) + b"\0" for text in texts)


def _split(blob: bytearray) -> Iterator[str]:
    first = 0
    while first < len(blob):
        last = blob.index(0, first)
        yield os.fsdecode(bytes(blob[first:last]))
        first = last + 1


def _written(folder: str) -> str:
    """A folder as its recordings' paths begin."""
    return str(Path(folder))


_EMPTY = _Chunk("", b"", b"", array("Q"), 0)
