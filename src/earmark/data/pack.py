"""Decoded clips in one file: `clips-<key>.pack` holds the samples, `clips-<key>.json` says where each clip lies.

Samples are 16-bit integers, scaled by each clip's own peak, so that a quiet clip keeps all 16 bits: the error is at
most half a step, peak / 65,534, which is 96 dB below the clip's peak (float files with values beyond 1 fit too).

The key is a digest of rate, settings, and path, size and time of change of every file: the same clips find their
pack again, and a changed file makes a new one (old packs are never removed here). Both files are written aside
and renamed, the index last, so that a stopped run leaves no half pack.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.data.decoding import Decoders, Quantised, decode
from earmark.data.records import Clip, Problem
from earmark.errors import DataError
from earmark.files import write_aside, write_text

VERSION = 1  # of the layout; part of the key
MANY = 200  # clips, for which processes are worth starting
_PROCESSES = 3  # at once, from which on they decode faster than threads


class PackedClips:
    """Clips in a pack. The file is opened on first use in each process, and never travels with a pickle."""

    def __init__(self, path: Path, clips: Sequence[Clip], rate: int, index: dict[str, Any]) -> None:
        self.path = path
        self.rate = rate
        self.clips = tuple(clips[i] for i in index["clips"])
        self.lengths = np.array(index["lengths"], dtype=np.int64)
        self.problems = tuple(Problem(*fields) for fields in index["problems"])
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self._steps = np.array(index["steps"], dtype=np.float32)  # (clips,) what one integer step stands for
        self._samples: npt.NDArray[np.int16] | None = None

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return int(self._starts[-1]) * 2

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Length of a clip in samples."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """Samples `start .. start + length` (None: to the end) of a clip; fewer where it ends before."""
        whole = int(self.lengths[index])
        begin = min(max(0, start), whole)
        end = whole if length is None else min(whole, begin + max(0, length))
        integers, step = self.integers(index)
        return integers[begin:end] * step

    def integers(self, index: int) -> tuple[npt.NDArray[np.int16], np.float32]:
        """Samples (samples,) of a clip as they lie in the file, and what one step of them stands for."""
        if self._samples is None:
            self._samples = np.memmap(self.path, dtype="<i2", mode="r")
        first = int(self._starts[index])
        return self._samples[first : first + int(self.lengths[index])], self._steps[index]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": None}


def open_pack(
    clips: Sequence[Clip],
    rate: int,
    cache: Path,
    *,
    keep_truncated: bool = False,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> PackedClips:
    """The pack of these clips in folder `cache`; made if it is not there. `DataError` when no clip can be read."""
    key = _key(clips, rate, keep_truncated)
    path, index_path = cache / f"clips-{key}.pack", cache / f"clips-{key}.json"
    index = _read_index(index_path, path)
    if index is None:
        index = _write(clips, rate, path, keep_truncated, threads, progress)
        write_text(index_path, json.dumps(index))
    return PackedClips(path, clips, rate, index)


def _key(clips: Sequence[Clip], rate: int, keep_truncated: bool) -> str:
    digest = hashlib.blake2b(f"{VERSION} {rate} {keep_truncated}".encode(), digest_size=10)
    for clip in clips:
        try:
            status = os.stat(clip.path)
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"\n{clip.path.resolve()}\0{state}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _read_index(index_path: Path, path: Path) -> dict[str, Any] | None:
    """The index of a whole pack; None when there is none, or when it does not fit its samples."""
    try:
        index: dict[str, Any] = json.loads(index_path.read_text(encoding="utf-8"))
        whole = path.stat().st_size == 2 * sum(index["lengths"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None


def _write(
    clips: Sequence[Clip],
    rate: int,
    path: Path,
    keep_truncated: bool,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """Decode all clips into a pack; returns its index."""
    index: dict[str, Any] = {"clips": [], "lengths": [], "steps": [], "problems": []}
    with write_aside(path) as temporary, open(temporary, "wb") as file:
        for number, outcome in enumerate(_decoded(clips, rate, keep_truncated, threads)):
            if isinstance(outcome, str):
                index["problems"].append(("unreadable", clips[number].name, outcome))
            else:
                samples, step = outcome
                samples.tofile(file)
                index["clips"].append(number)
                index["lengths"].append(len(samples))
                index["steps"].append(step)
            if progress is not None:
                progress(number + 1, len(clips))
        if not index["clips"]:
            raise DataError(f"none of the {len(clips)} clips can be read; the first: {index['problems'][0][2]}")
    return index


def _decoded(clips: Sequence[Clip], rate: int, keep_truncated: bool, threads: int) -> Iterator[Quantised | str]:
    """Outcomes in the order of the clips; a few clips ahead are in memory, never all."""
    waiting: deque[Future[Quantised | str]] = deque()
    with contextlib.ExitStack() as stack:
        many = len(clips) >= MANY and threads >= _PROCESSES and bool(sys.executable)
        read = stack.enter_context(Decoders(threads)).decode if many else decode
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=max(1, threads)))
        for clip in clips:
            waiting.append(pool.submit(read, str(clip.path), rate, keep_truncated))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
