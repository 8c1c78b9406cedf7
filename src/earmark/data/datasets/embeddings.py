"""AudioSet's released embeddings: a vector of 128 bytes a second, in TFRecords, without the sound.

A record is a clip: its context has `video_id`, `start_time_seconds`, `end_time_seconds` and `labels`, indices into the
class list; its list `audio_embedding` has the vectors. A clip is its vectors (vectors, 128), one a second; they take
the road of sound, through stores and batches, with lengths in vectors instead of samples. A byte u is the number (u -
128) / 128, as in the code of Yu et al. 2018 and Kong et al. 2019 (the 8-bit code of the release stands for u * 4 / 255
- 2: the same except for scale and offset, which batch normalisation removes).

The vectors of the released set last 0.96 s; like its users we count them as seconds, ten to a ten-second clip.

A record that is damaged, has no labels or other vectors is left out and reported with its place in the file.
Formats and sources: docs/papers/hong2020.md, section 7.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from earmark.data.datasets.tfrecord import Damage, parse_sequence_example, read_record, read_records
from earmark.data.records import Clip, Manifest, Problem, folded
from earmark.errors import DataError
from earmark.files import write_aside
from earmark.labels import Labels

WIDTH = 128  # values of a vector
RATE = 1  # vectors a second
VERSION = 1  # of the pack's layout; part of its name
_LIST = "audio_embedding"
_SPLITS = (("unbal", "unbalanced_train"), ("bal", "balanced_train"), ("train", "train"), ("eval", "eval"))


def embedding_files(folder: Path) -> tuple[Path, ...]:
    """The TFRecords in a folder, or in the folders up to two below it; sorted."""
    patterns = ("*.tfrecord", "*/*.tfrecord", "*/*/*.tfrecord")
    return next((tuple(sorted(found)) for pattern in patterns if (found := list(folder.glob(pattern)))), ())


def read_embeddings(source: Path, files: Sequence[Path], classes: Mapping[str, str]) -> Manifest:
    """The clips of TFRecords; `classes` {mid: name} in the order of the indices. `DataError` when there is none.

    `split` follows from the folder of a file: bal_train, unbal_train, eval.
    """
    names = tuple(classes.values())
    clips: list[Clip] = []
    problems: list[Problem] = []
    known: dict[str, Path] = {}
    for path in files:
        doubts = []
        for found in _clips(path, split_of(path), names):
            if isinstance(found, Clip) and found.name in known:
                message = f"{found.name} is also in {known[found.name]}; left out here"
                doubts.append(Problem("duplicate", f"{path}, byte {found.record}", message))
            elif isinstance(found, Clip):
                known[found.name] = path
                clips.append(found)
            else:
                doubts.append(found)
        problems += folded(doubts, path)
    problems = folded(problems, source)
    if not clips:
        reason = f"; the first of {len(problems)} problems: {problems[0]}" if problems else ""
        raise DataError(f"{source}: no embeddings in its {len(files)} TFRecord files{reason}")
    if not all(clip.split for clip in clips):
        clips = [replace(clip, split=None) for clip in clips]
    return Manifest(source, tuple(clips), Labels(names), tuple(problems))


def split_of(path: Path) -> str | None:
    """The split that the folder of a file stands for.

    >>> split_of(Path("audioset_v1_embeddings/unbal_train/00.tfrecord")), split_of(Path("mine/00.tfrecord"))
    ('unbalanced_train', None)
    """
    return next((split for word, split in _SPLITS if path.parent.name.lower().startswith(word)), None)


def _clips(path: Path, split: str | None, names: Sequence[str]) -> Iterator[Clip | Problem]:
    """The clips of a file, and what is wrong with the others."""
    for record in read_records(path):
        if isinstance(record, Damage):
            yield Problem("damaged", f"{path}, byte {record.offset}", record.message)
            continue
        offset, data = record
        try:
            yield _clip(path, offset, data, split, names)
        except ValueError as error:
            yield Problem("record", f"{path}, byte {offset}", f"{error}; the record is left out")


def _clip(path: Path, offset: int, data: bytes, split: str | None, names: Sequence[str]) -> Clip:
    """One record; `ValueError` for what it should not be."""
    message = parse_sequence_example(data)
    video, start, labels = (message.context.get(n, []) for n in ("video_id", "start_time_seconds", "labels"))
    if len(video) != 1 or not isinstance(video[0], bytes):
        raise ValueError("no video_id (no record of AudioSet's embeddings?)")
    name = f"{video[0].decode()}_{float(start[0]):.3f}" if start else video[0].decode()
    if not labels:
        raise ValueError(f"{name} has no labels")
    columns = [int(label) for label in labels]
    if not 0 <= min(columns) <= max(columns) < len(names):
        raise ValueError(f"{name} has the label {max(columns)}, but there are {len(names)} classes")
    seconds = len(message.rows(_LIST, WIDTH))
    if not seconds:
        raise ValueError(f"{name} has no {_LIST}")
    own = tuple(dict.fromkeys(names[column] for column in columns))
    return Clip(path, name, own, split=split, duration=float(seconds), record=offset)


def read_vectors(clip: Clip) -> npt.NDArray[np.uint8]:
    """The vectors (seconds, 128) of a clip, as bytes. `DataError` when they are not there any more."""
    return next(_vectors([clip]))


def to_numbers(vectors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Bytes as the numbers they stand for, in the same shape.

    >>> to_numbers(np.array([[0, 128, 255]], np.uint8)).tolist()
    [[-1.0, 0.0, 0.9921875]]
    """
    numbers: npt.NDArray[np.float32] = vectors.astype(np.float32)
    numbers -= 128
    numbers /= 128
    return numbers


def check_kind(
    manifest: Manifest, takes: Literal["sound", "embeddings"], rate: int = RATE * WIDTH, bands: int = WIDTH
) -> None:
    """Refuse embeddings for a model of sound, and sound for a model of embeddings. `DataError`.

    `rate` and `bands` are those of the model's front-end, values a second and values of a vector.
    """
    held = any(clip.record is not None for clip in manifest.clips)
    if held and takes != "embeddings":
        raise DataError(
            f"{manifest.source}: holds embeddings, but the model takes sound; for embeddings there are recipes such as"
            " kong2019/feature-attention"
        )
    if not held and takes == "embeddings":
        raise DataError(
            f"{manifest.source}: holds sound, but the model takes embeddings that were computed elsewhere; expected"
            " TFRecords such as AudioSet's"
        )
    if takes == "embeddings" and (rate, bands) != (RATE * WIDTH, WIDTH):
        raise DataError(
            f"{manifest.source}: holds vectors of {WIDTH} values, one a second; the model takes vectors of {bands}, "
            f"{rate / bands:g} a second"
        )


class EmbeddingStore:
    """Clips of embeddings, vectors (vectors, 128) at one a second.

    With a cache folder the vectors lie in one file there, which is made once and mapped into memory; without, they are
    held: 128 bytes a second, 26 MB for AudioSet's evaluation clips, 2.6 GB for all of it.
    """

    rate = RATE
    problems: tuple[Problem, ...] = ()

    def __init__(
        self, clips: Sequence[Clip], cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.clips = tuple(clips)
        self.lengths = np.array([round((clip.duration or 0) * RATE) for clip in clips], dtype=np.int64)
        self._first = np.concatenate([[0], np.cumsum(self.lengths)])
        self._path: Path | None = None
        self._bytes: npt.NDArray[np.uint8] | None = None
        if cache is None:
            self._bytes = np.concatenate(list(_counted(clips, progress)))
            return
        self._path = cache / f"embeddings-{_key(clips)}.pack"
        if not self._path.is_file() or self._path.stat().st_size != self._first[-1] * WIDTH:
            with write_aside(self._path) as temporary, open(temporary, "wb") as file:
                for vectors in _counted(clips, progress):
                    file.write(vectors.tobytes())

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Vectors of a clip."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """Vectors `start .. start + length` (None: to the end) of a clip; fewer where it ends before."""
        if self._bytes is None:
            assert self._path is not None
            self._bytes = np.asarray(np.memmap(self._path, dtype=np.uint8, mode="r")).reshape(-1, WIDTH)
        first, whole = int(self._first[index]), int(self.lengths[index])
        begin = min(max(0, start), whole)
        end = whole if length is None else min(whole, begin + max(0, length))
        return to_numbers(np.asarray(self._bytes[first + begin : first + end]))

    def __getstate__(self) -> dict[str, Any]:
        """Without the mapped file when sent to another process."""
        return {**self.__dict__, "_bytes": None} if self._path is not None else self.__dict__


def _counted(clips: Sequence[Clip], progress: Callable[[int, int], None] | None) -> Iterator[npt.NDArray[np.uint8]]:
    """The vectors of every clip, in order, telling how far it is."""
    for done, vectors in enumerate(_vectors(clips), 1):
        yield vectors
        if progress is not None:
            progress(done, len(clips))


def _vectors(clips: Sequence[Clip]) -> Iterator[npt.NDArray[np.uint8]]:
    """The vectors of every clip, in order; a file is opened once for the clips of it that follow one another."""
    for path, group in groupby(clips, key=lambda clip: clip.path):
        try:
            with open(path, "rb") as file:
                for clip in group:
                    assert clip.record is not None
                    rows = parse_sequence_example(read_record(file, clip.record)).rows(_LIST, WIDTH)
                    if len(rows) != clip.duration:
                        raise DataError(f"{path}, byte {clip.record}: is not {clip.name} any more; has it changed?")
                    yield rows
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _key(clips: Sequence[Clip]) -> str:
    """Digest of the files' paths, sizes and times of change, and of the clips' places in them."""
    digest = hashlib.blake2b(f"{VERSION}".encode(), digest_size=10)
    for path, group in groupby(clips, key=lambda clip: clip.path):
        status = os.stat(path)
        digest.update(f"\n{path.resolve()}\0{status.st_size} {status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
        digest.update(np.array([clip.record for clip in group], dtype=np.int64).tobytes())
    return digest.hexdigest()
