"""Clips decoded for a training, and what is left of them: clips that can be used, labels that have any.

A clip that cannot be read, or is too short to hold a sound, is left out and listed. A label of which no training clip
is left would be learned as "never there": it is left out and listed too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio import SHORT, too_short
from earmark.data.datasets.embeddings import check_kind
from earmark.data.records import Clip, Manifest, Problem, folded
from earmark.data.store import ClipStore, Integers, Progress, open_store
from earmark.data.targets import Targets
from earmark.errors import AudioError, DataError
from earmark.events import beyond_end
from earmark.features import EmbeddingOptions
from earmark.labels import Labels
from earmark.training.request import Request

CACHE_LIMIT = 20e9  # bytes of decoded audio beyond which clips are decoded anew each time


@dataclass(frozen=True)
class Prepared:
    """What training goes by."""

    labels: Labels
    train: ClipStore
    valid: ClipStore | None
    problems: tuple[Problem, ...]  # clips and labels left out, and why
    unlabelled: ClipStore | None = None


def prepare(request: Request, stage: Callable[[str], Progress | None]) -> Prepared:
    """Decode the clips of a request. `DataError` when none of a part is left, or no label."""
    train, problems = _open(request, request.train, "train", stage)
    valid = None
    if request.valid is not None:
        valid, more = _open(request, request.valid, "valid", stage)
        problems += more
    unlabelled = None
    if request.unlabelled is not None:
        unlabelled, more = _open(request, request.unlabelled, "unlabelled", stage)
        problems += more
    carried = {label for clip in train.clips for label in clip.labels}
    labels = Labels(label for label in request.train.labels if label in carried)
    if not labels:
        raise DataError(f"{request.train.source}: none of the usable clips has a label")
    unused = [
        Problem("label", label, "no usable clip has this label; the label is left out")
        for label in request.train.labels
        if label not in labels
    ]
    problems += folded(unused, request.train.source)
    return Prepared(labels, train, valid, tuple(problems), unlabelled)


def targets(store: ClipStore, labels: Labels) -> Targets:
    """Weak labels of the clips of a store, (clips, classes)."""
    return Targets.of_clips(store.clips, labels)


def _open(
    request: Request, manifest: Manifest, name: str, stage: Callable[[str], Progress | None]
) -> tuple[ClipStore, list[Problem]]:
    rate = request.network.features.rate
    features = request.network.features
    if isinstance(features, EmbeddingOptions):
        check_kind(manifest, "embeddings", features.rate, features.bands)
    else:
        check_kind(manifest, "sound")
    seconds = sum(clip.duration or request.training.clip_seconds for clip in manifest.clips)
    packed = request.cache in ("on", "device") or (request.cache == "auto" and seconds * rate * 2 < CACHE_LIMIT)
    cache = request.output / "cache" / name if packed else None
    store = open_store(manifest.clips, rate, cache, progress=stage(f"decoding ({name})"))
    problems = list(store.problems)
    usable = store.lengths >= SHORT * store.rate
    for index in np.flatnonzero(~usable).tolist():
        problems.append(Problem("short", store.clips[index].name, too_short(store.length(index) / store.rate)))
    if cache is None:  # headers alone were read
        for index, message in _damaged(store, np.flatnonzero(usable).tolist(), stage(f"checking ({name})")):
            usable[index] = False
            problems.append(Problem("unreadable", store.clips[index].name, message))
    for index in np.flatnonzero(usable).tolist():
        if (late := beyond_end(store.clips[index].events or (), store.length(index) / store.rate)) is not None:
            problems.append(Problem("event", store.clips[index].name, late))
    if not usable.any():
        raise DataError(f"{manifest.source}: none of its {len(manifest)} clips can be used; the first: {problems[0]}")
    return (store if usable.all() else part_of(store, np.flatnonzero(usable))), problems


def _damaged(store: ClipStore, chosen: list[int], progress: Progress | None) -> Iterator[tuple[int, str]]:
    """Clips of a store without a cache that cannot be decoded, and why: better known now than in the third epoch."""

    def fault(index: int) -> str | None:
        try:
            store.read(index)
        except AudioError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, (index, message) in enumerate(zip(chosen, pool.map(fault, chosen), strict=True), 1):
            if message is not None:
                yield index, message
            if progress is not None:
                progress(done, len(chosen))


class Part:
    """Some clips of a store, as a store."""

    def __init__(self, store: ClipStore, chosen: npt.NDArray[np.int64]) -> None:
        self._store, self._chosen = store, chosen
        self.clips: tuple[Clip, ...] = tuple(store.clips[index] for index in chosen)
        self.rate, self.lengths, self.problems = store.rate, store.lengths[chosen], store.problems

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Length of a clip, in samples or in vectors."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """From `start` to `start + length` (None: to the end) of a clip; less where it ends before."""
        return self._store.read(int(self._chosen[index]), start, length)


class PackedPart(Part):
    """Some clips of a pack, whose samples are integers."""

    def integers(self, index: int) -> tuple[npt.NDArray[np.int16], np.float32]:
        """Samples (samples,) of a clip and what one step of them stands for; see `earmark.data.store.Integers`."""
        assert isinstance(self._store, Integers)
        return self._store.integers(int(self._chosen[index]))


def part_of(store: ClipStore, chosen: npt.NDArray[np.int64]) -> Part:
    """The chosen clips of a store."""
    return (PackedPart if isinstance(store, Integers) else Part)(store, chosen)


class Joined:
    """The clips of one store and then those of another at the same rate, as a store."""

    def __init__(self, first: ClipStore, second: ClipStore) -> None:
        self._first, self._second = first, second
        self.clips: tuple[Clip, ...] = (*first.clips, *second.clips)
        self.rate, self.problems = first.rate, (*first.problems, *second.problems)
        self.lengths = np.concatenate([first.lengths, second.lengths])

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Length of a clip, in samples or in vectors."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """From `start` to `start + length` (None: to the end) of a clip; less where it ends before."""
        within = index - len(self._first)
        return self._first.read(index, start, length) if within < 0 else self._second.read(within, start, length)


class PackedJoined(Joined):
    """Two packs as one."""

    def integers(self, index: int) -> tuple[npt.NDArray[np.int16], np.float32]:
        """Samples (samples,) of a clip and what one step of them stands for; see `earmark.data.store.Integers`."""
        assert isinstance(self._first, Integers)
        assert isinstance(self._second, Integers)
        within = index - len(self._first)
        return self._first.integers(index) if within < 0 else self._second.integers(within)


def join(first: ClipStore, second: ClipStore) -> Joined:
    """The clips of two stores as one store."""
    packed = isinstance(first, Integers) and isinstance(second, Integers)
    return (PackedJoined if packed else Joined)(first, second)
