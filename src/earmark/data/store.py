"""Every clip of a collection as samples at one rate, decoded once or each time it is read.

`open_store` gives a `ClipStore`; what it holds is independent of whether there is a cache:

- with a cache folder, `PackedClips` (`pack.py`): decoded and resampled once, then read from one file
- without, `DirectClips`: nothing is written, each read decodes its clip anew
- of embeddings, `EmbeddingStore` (`embeddings.py`), with a cache or without

Clips that cannot be read, and clips of which a part is missing (their labels may tell of the lost part), are left
out and listed in `problems`; the indices of a store are those of its own `clips`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray
from earmark.audio import probe, read_audio
from earmark.data.datasets.embeddings import EmbeddingStore
from earmark.data.pack import PackedClips, open_pack
from earmark.data.records import Clip, Problem
from earmark.errors import AudioError, MissingExtraError

Progress = Callable[[int, int], None]  # clips done, clips in all


class ClipStore(Protocol):
    """Clips by index, as mono float32 at `rate` Hz. May be handed to loader workers (it pickles)."""

    clips: tuple[Clip, ...]
    rate: int
    lengths: npt.NDArray[np.int64]  # (clips,) samples of each clip at `rate`
    problems: tuple[Problem, ...]

    def __len__(self) -> int: ...

    def samples(self, index: int) -> int:
        """Length of a clip in samples."""
        ...

    def read(self, index: int, start: int = 0, length: int | None = None) -> FloatArray:
        """Samples `start .. start + length` (None: to the end) of a clip; fewer where it ends before."""
        ...


def open_store(
    clips: Sequence[Clip],
    rate: int,
    cache: Path | None = None,
    *,
    keep_truncated: bool = False,
    threads: int = 2,
    progress: Progress | None = None,
) -> ClipStore:
    """The clips at `rate` Hz: packed in the folder `cache` (made, and reused when nothing has changed), or direct.

    A pack takes two bytes a sample: 640 kB for ten seconds at 32 kHz, 1.3 GB for 2,000 of them.
    """
    if any(clip.record is not None for clip in clips):
        return EmbeddingStore(clips, cache, progress)
    if cache is not None:
        return open_pack(clips, rate, cache, keep_truncated=keep_truncated, threads=threads, progress=progress)
    return DirectClips(clips, rate, keep_truncated=keep_truncated, progress=progress)


class DirectClips:
    """Clips decoded whenever they are read. Lengths come from the files' headers where these state them.

    A clip whose damage shows only in decoding is found when it is read: `AudioError` then.
    """

    def __init__(
        self, clips: Sequence[Clip], rate: int, *, keep_truncated: bool = False, progress: Progress | None = None
    ) -> None:
        self.rate = rate
        self._keep_truncated = keep_truncated
        good: list[Clip] = []
        lengths: list[int] = []
        problems: list[Problem] = []
        for done, clip in enumerate(clips, 1):
            try:
                info = probe(clip.path)
                if info.frames:
                    lengths.append(round(info.frames * rate / info.rate))
                else:  # the header does not say: only decoding shows
                    lengths.append(len(self._decode(clip)))
                good.append(clip)
            except (AudioError, MissingExtraError) as error:
                problems.append(Problem("unreadable", clip.name, str(error)))
            if progress is not None:
                progress(done, len(clips))
        self.clips = tuple(good)
        self.lengths = np.array(lengths, dtype=np.int64)
        self.problems = tuple(problems)

    def _decode(self, clip: Clip) -> FloatArray:
        audio = read_audio(clip.path, self.rate)
        if audio.problem is not None and not self._keep_truncated:
            raise AudioError(f"{clip.path}: {audio.problem}")
        return audio.samples

    def __len__(self) -> int:
        return len(self.clips)

    def samples(self, index: int) -> int:
        """Length of a clip in samples."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> FloatArray:
        """Samples `start .. start + length` of a clip; fewer where it ends before."""
        samples = self._decode(self.clips[index])
        return samples[start : None if length is None else start + length].copy()


__all__ = ["ClipStore", "DirectClips", "PackedClips", "Progress", "open_store"]
