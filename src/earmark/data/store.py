"""Every clip of a collection as a network is given it, decoded once or each time it is read.

`open_store` gives a `ClipStore`; what it holds is independent of whether there is a cache:

- with a cache folder, `PackedClips` (`pack.py`): decoded and resampled once, then read from one file
- without, `DirectClips`: nothing is written, each read decodes its clip anew
- of embeddings, `EmbeddingStore` (`datasets/embeddings.py`), with a cache or without: vectors instead of samples

Clips that cannot be read, and clips of which a part is missing (their labels may tell of the lost part), are left
out and listed in `problems`; the indices of a store are those of its own `clips`.

`HeldClips` are the clips of a pack in a device's memory: int16 as in the pack, cut and widened there, so that no sound
crosses to it twice.

    samples (all samples,) int16, clips end to end     value = sample * step of its clip     one product, one rounding

A batch is one gather. Which clips and cuts form it is decided on the host, as always, by (seed, step), from integers;
what crosses over are a few hundred bytes. The waveforms are the very ones that a pack gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from earmark.arrays import FloatArray
from earmark.audio import probe, read_audio
from earmark.data.datasets.embeddings import EmbeddingStore
from earmark.data.pack import PackedClips, open_pack
from earmark.data.records import Clip, Problem
from earmark.errors import AudioError, ConfigError, MissingExtraError
from earmark.processors import processors

Progress = Callable[[int, int], None]  # clips done, clips in all
_THREADS = 16  # that decode at once


class ClipStore(Protocol):
    """Clips by index, float32: mono samples (samples,) at `rate` Hz, or vectors (vectors, bands), `rate` a second.

    May be handed to loader workers (it pickles).
    """

    clips: tuple[Clip, ...]
    rate: int
    lengths: npt.NDArray[np.int64]  # (clips,) samples or vectors of each clip
    problems: tuple[Problem, ...]

    def __len__(self) -> int: ...

    def length(self, index: int) -> int:
        """Length of a clip, in samples or in vectors."""
        ...

    def read(self, index: int, start: int = 0, length: int | None = None) -> FloatArray:
        """From `start` to `start + length` (None: to the end) of a clip; less where it ends before."""
        ...


def open_store(
    clips: Sequence[Clip],
    rate: int,
    cache: Path | None = None,
    *,
    keep_truncated: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ClipStore:
    """The clips at `rate` Hz, or embeddings as they are.

    They are packed in the folder `cache` (made, and reused when nothing has changed), or read directly.

    A pack is decoded by so many `threads`, by default as many as there are processors, up to 16. It takes two bytes a
    sample: 640 kB for ten seconds at 32 kHz, 1.3 GB for 2,000 of them.
    """
    if any(clip.record is not None for clip in clips):
        return EmbeddingStore(clips, cache, progress)
    if cache is not None:
        threads = threads or min(_THREADS, processors())
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

    def length(self, index: int) -> int:
        """Length of a clip in samples."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> FloatArray:
        """Samples `start .. start + length` of a clip; fewer where it ends before."""
        samples = self._decode(self.clips[index])
        return samples[start : None if length is None else start + length].copy()


__all__ = ["ClipStore", "DirectClips", "PackedClips", "Progress", "open_store"]


Cut = tuple[int, int, int]  # clip, first sample, samples


@runtime_checkable
class Integers(Protocol):
    """Clips whose samples are known as 16-bit integers and a step."""

    def __len__(self) -> int: ...

    def integers(self, index: int) -> tuple[npt.NDArray[np.int16], np.float32]:
        """Samples (samples,) of a clip and what one step of them stands for; a view, not to be changed."""
        ...


class HeldClips:
    """All clips of a pack in the memory of a device. `ConfigError` where they do not fit.

    They may take the share `room` of the memory that is free; the network wants the rest.
    """

    def __init__(self, clips: Integers, device: str, room: float = 0.5) -> None:
        self.device = torch.device(device)
        parts = [clips.integers(index) for index in range(len(clips))]
        self.lengths = np.array([len(samples) for samples, _ in parts], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        _check_room(2 * int(self._starts[-1]), self.device, room)
        self._steps = torch.tensor([float(step) for _, step in parts], device=self.device)
        self._counted = torch.arange(0, device=self.device)
        self._samples = torch.empty(int(self._starts[-1]), dtype=torch.int16, device=self.device)
        for start, (samples, _) in zip(self._starts.tolist(), parts, strict=False):
            own = torch.from_numpy(np.array(samples, np.int16))
            self._samples[start : start + len(samples)] = own.to(self.device)

    def __len__(self) -> int:
        return len(self.lengths)

    def length(self, index: int) -> int:
        """Length of a clip in samples."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """Samples `start .. start + length` (None: to the end) of a clip, on the host; fewer where it ends before."""
        whole = self.length(index)
        begin = min(max(0, start), whole)
        end = whole if length is None else min(whole, begin + max(0, length))
        return self.gather([(index, begin, end - begin)])[0].cpu().numpy()

    def gather(self, cuts: Sequence[Cut] | npt.NDArray[np.int64]) -> Tensor:
        """Waveforms (batch, samples) float32 on the device; shorter cuts are followed by zeros."""
        clips, firsts, sizes = np.asarray(cuts, np.int64).T
        numbers = np.stack([self._starts[clips] + firsts, sizes, clips])
        begins, lengths, there = torch.from_numpy(numbers).to(self.device, non_blocking=True)  # all in one transfer
        steps, place = self._steps[there][:, None], self._places(int(sizes.max()))
        source = begins[:, None] + place
        if sizes.min() == sizes.max():
            return self._samples[source].float().mul_(steps)
        within = place < lengths[:, None]
        source = source * within  # beyond its end a clip looks at sample 0, and is masked
        if not len(self._samples):
            return torch.zeros(source.shape, device=self.device)
        return (self._samples[source].float() * steps).masked_fill(~within, 0.0)

    def _places(self, count: int) -> Tensor:
        """0, 1, .. on the device: made once, for batches are mostly of one length."""
        if len(self._counted) != count:
            self._counted = torch.arange(count, device=self.device)
        return self._counted


def _check_room(needed: int, device: torch.device, room: float) -> None:
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    if needed > room * free:
        raise ConfigError(
            f"--cache device needs {needed / 1e9:.1f} GB for the clips, and the GPU has {free / 1e9:.1f} GB free, of "
            "which training takes half; use --cache on"
        )
