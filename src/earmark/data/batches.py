"""Batches of waveforms, put together whole.

Item k of `TrainingBatches` is batch k of the training: which clips and which cut of a long clip follow from (seed,
k). A batch is filled into one buffer at once, which costs less than collating clip by clip. Clips shorter than the
longest of their batch are followed by zeros, and `lengths` says how far each one goes.

Where the frames in which labels are active are known (`FrameTargets`), `targets` is (batch, 1 + steps, classes):
first the clip's labels, then those of each step of the cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from earmark.data.held import Cut, HeldClips, Integers
from earmark.data.targets import FrameTargets, TargetRows


class Stream(Protocol):
    """Which clips form which batch: a function of the step alone."""

    def batch(self, step: int, size: int) -> npt.NDArray[np.int64]:
        """Clip indices of batch number `step`, `size` of them or fewer."""
        ...


class Waveforms(Protocol):
    """Random access to the decoded clips of a data set, all mono at one rate."""

    def __len__(self) -> int: ...

    def samples(self, index: int) -> int:
        """Length of a clip in samples."""
        ...

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """Samples (length,) of a clip from `start` on."""
        ...


class Batch(NamedTuple):
    """waveform (batch, samples) float32, lengths (batch,) valid samples, targets (batch, classes) float32.

    With frame targets these are (batch, 1 + steps, classes), the clip's labels first. `whole` says that no clip is
    padded; the code that makes a batch knows it, so it need not be read from the lengths, which may lie on a GPU.
    """

    waveform: Tensor
    lengths: Tensor
    targets: Tensor
    clips: list[int]
    whole: bool = False


class TrainingBatches(Dataset[Batch]):
    """Batch k as a function of (seed, k).

    `longest` (samples): longer clips give a random cut of that length. With several processes, process `rank` of
    `world` takes every `world`-th clip of the same batch.
    """

    def __init__(
        self,
        waveforms: Waveforms,
        targets: TargetRows,
        stream: Stream,
        *,
        batch_size: int,
        longest: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        frames: FrameTargets | None = None,
    ) -> None:
        self.waveforms, self.targets, self.stream = waveforms, targets, stream
        self.batch_size, self.longest, self.seed = batch_size, longest, seed
        self.rank, self.world, self.frames = rank, world, frames

    def __getitem__(self, step: int) -> Batch:
        clips = self.stream.batch(step, self.batch_size)
        chance = np.random.default_rng((self.seed, 2, step)).random(len(clips))
        mine = slice(self.rank, None, self.world)
        return self._gather(clips[mine].tolist(), chance[mine])

    def _gather(self, clips: list[int], chance: npt.NDArray[np.float64]) -> Batch:
        cuts = []
        for clip, where in zip(clips, chance, strict=True):
            spare = max(0, self.waveforms.samples(clip) - self.longest)
            start = int(where * (spare + 1))
            if self.frames is not None:
                start -= int(start % self.frames.step)  # sound and frame targets begin together
            cuts.append((clip, start, min(self.waveforms.samples(clip), self.longest)))
        return fill(self.waveforms, self.targets, cuts, self.frames)


class EvaluationBatches(Dataset[Batch]):
    """Every clip once and whole, clips of like length together so that little is padding."""

    def __init__(self, waveforms: Waveforms, targets: TargetRows, batch_size: int, longest: int) -> None:
        self.waveforms, self.targets, self.longest = waveforms, targets, longest
        order = sorted(range(len(waveforms)), key=waveforms.samples)
        self._groups = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        cuts = [(clip, 0, min(self.waveforms.samples(clip), self.longest)) for clip in self._groups[number]]
        return fill(self.waveforms, self.targets, cuts)

    def __iter__(self) -> Iterator[Batch]:
        return (self[number] for number in range(len(self)))


def fill(
    waveforms: Waveforms,
    targets: TargetRows,
    cuts: Sequence[Cut],
    frames: FrameTargets | None = None,
) -> Batch:
    """One batch from cuts (clip, first sample, samples), on the device where the clips are held, or on the host."""
    buffer = waveforms.gather(cuts) if isinstance(waveforms, HeldClips) else _read(waveforms, cuts)
    device = buffer.device
    clips = [clip for clip, _, _ in cuts]
    wanted = targets[clips]
    if frames is not None:
        steps = frames.steps_in(buffer.shape[1])
        within = np.stack([frames.window(clip, start, steps) for clip, start, _ in cuts])  # (batch, steps, classes)
        wanted = np.concatenate([wanted[:, None], within], axis=1)
    return Batch(
        buffer,
        torch.tensor([length for _, _, length in cuts]).to(device, non_blocking=True),
        torch.from_numpy(wanted.astype(np.float32)).to(device, non_blocking=True),
        clips,
        whole=all(length == buffer.shape[1] for _, _, length in cuts),
    )


def _read(waveforms: Waveforms, cuts: Sequence[Cut]) -> Tensor:
    """Waveforms (batch, samples) of cuts, read into one buffer; integers of a pack are widened on their way there."""
    buffer = torch.zeros(len(cuts), max(length for _, _, length in cuts))
    view = buffer.numpy()
    packed = waveforms if isinstance(waveforms, Integers) else None
    for row, (clip, start, length) in enumerate(cuts):
        if packed is not None:
            samples, step = packed.integers(clip)
            np.multiply(samples[start : start + length], step, out=view[row, :length])
        else:
            view[row, :length] = waveforms.read(clip, start, length)
    return buffer
