"""Batches of clips, put together whole: waveforms, or vectors of embeddings.

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

from earmark.data.store import Cut, HeldClips, Integers
from earmark.data.targets import FrameTargets, TargetRows


class Stream(Protocol):
    """Which clips form which batch: a function of the step alone."""

    def batch(self, step: int, size: int) -> npt.NDArray[np.int64]:
        """Clip indices of batch number `step`, `size` of them or fewer."""
        ...


class Inputs(Protocol):
    """Random access to what networks are given of the clips of a data set, all at one rate.

    That is sound, samples (samples,), or embeddings, vectors (vectors, bands).
    """

    def __len__(self) -> int: ...

    def length(self, index: int) -> int:
        """Length of a clip, in samples or in vectors."""
        ...

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """`length` samples or vectors of a clip from `start` on (None: to its end), float32."""
        ...


class Batch(NamedTuple):
    """Inputs of a batch of clips with their lengths (batch,) and targets (batch, classes) float32.

    `inputs` are waveforms (batch, samples) and lengths count valid samples, or they are embeddings (batch, vectors,
    bands) and lengths count valid vectors; float32. With frame targets these are (batch, 1 + steps, classes), the
    clip's labels first. `whole` says that no clip is padded; the code that makes a batch knows it, so it need not be
    read from the lengths, which may lie on a GPU.

    On its way to a GPU a batch of a pack is of 16-bit integers, half the bytes, with `steps` (batch,) that one integer
    of each clip stands for; `on` widens it there.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    clips: list[int]
    whole: bool = False
    steps: Tensor | None = None

    def on(self, device: torch.device | str) -> Batch:
        """The batch on a device, in float32; of pinned memory it is under way when this returns."""
        inputs, lengths, targets = (part.to(device, non_blocking=True) for part in self[:3])
        if self.steps is not None:
            inputs = inputs.float().mul_(self.steps.to(device, non_blocking=True)[:, None])
        return Batch(inputs, lengths, targets, self.clips, self.whole)


class TrainingBatches(Dataset[Batch]):
    """Batch k as a function of (seed, k).

    `longest` (samples or vectors): longer clips give a random cut of that length. With several processes, process
    `rank` of `world` takes every `world`-th clip of the same batch. `narrow` batches are 16-bit integers where the
    clips are known so.
    """

    def __init__(
        self,
        inputs: Inputs,
        targets: TargetRows,
        stream: Stream,
        *,
        batch_size: int,
        longest: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        frames: FrameTargets | None = None,
        narrow: bool = False,
    ) -> None:
        self.inputs, self.targets, self.stream, self.narrow = inputs, targets, stream, narrow
        self.batch_size, self.longest, self.seed = batch_size, longest, seed
        self.rank, self.world, self.frames = rank, world, frames
        self._lengths = lengths_of(inputs)

    def __getitem__(self, step: int) -> Batch:
        clips = self.stream.batch(step, self.batch_size)
        chance = np.random.default_rng((self.seed, 2, step)).random(len(clips))
        mine = slice(self.rank, None, self.world)
        return self._gather(clips[mine], chance[mine])

    def _gather(self, clips: npt.NDArray[np.int64], chance: npt.NDArray[np.float64]) -> Batch:
        lengths = self._lengths[clips]
        starts = (chance * (np.maximum(lengths - self.longest, 0) + 1)).astype(np.int64)
        if self.frames is not None:  # the cut and its frame targets begin together
            starts = np.array([start - int(start % self.frames.step) for start in starts.tolist()], np.int64)
        cuts = np.stack([clips, starts, np.minimum(lengths, self.longest)], axis=1)
        return fill(self.inputs, self.targets, cuts, self.frames, self.narrow)


def lengths_of(inputs: Inputs) -> npt.NDArray[np.int64]:
    """Lengths (clips,) of all clips."""
    known: npt.NDArray[np.int64] | None = getattr(inputs, "lengths", None)
    return known if known is not None else np.array([inputs.length(index) for index in range(len(inputs))], np.int64)


class EvaluationBatches(Dataset[Batch]):
    """Every clip once and whole, clips of like length together so that little is padding."""

    def __init__(
        self, inputs: Inputs, targets: TargetRows, batch_size: int, longest: int, narrow: bool = False
    ) -> None:
        self.inputs, self.targets, self.longest, self.narrow = inputs, targets, longest, narrow
        order = sorted(range(len(inputs)), key=inputs.length)
        self._groups = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        cuts = np.array([(clip, 0, min(self.inputs.length(clip), self.longest)) for clip in self._groups[number]])
        return fill(self.inputs, self.targets, cuts, narrow=self.narrow)

    def __iter__(self) -> Iterator[Batch]:
        return (self[number] for number in range(len(self)))


def fill(
    inputs: Inputs,
    targets: TargetRows,
    cuts: Sequence[Cut] | npt.NDArray[np.int64],
    frames: FrameTargets | None = None,
    narrow: bool = False,
) -> Batch:
    """One batch from cuts (cuts, 3): clip, begin, length; on the device where the clips are held, or on the host."""
    cuts = np.asarray(cuts, np.int64)
    narrow_steps: Tensor | None = None
    if isinstance(inputs, HeldClips):
        buffer = inputs.gather(cuts)
    elif narrow and isinstance(inputs, Integers):
        buffer, narrow_steps = _read_narrow(inputs, cuts.tolist())
    else:
        buffer = _read(inputs, cuts.tolist())
    device = buffer.device
    clips, lengths = cuts[:, 0].tolist(), cuts[:, 2]
    wanted = targets[clips]
    if frames is not None:
        steps = frames.steps_in(buffer.shape[1])
        within = np.stack(
            [frames.window(clip, start, steps) for clip, start, _ in cuts.tolist()]
        )  # (batch, steps, classes)
        wanted = np.concatenate([wanted[:, None], within], axis=1)
    return Batch(
        buffer,
        torch.from_numpy(lengths.copy()).to(device, non_blocking=True),
        torch.from_numpy(wanted.astype(np.float32)).to(device, non_blocking=True),
        clips,
        whole=bool((lengths == buffer.shape[1]).all()),
        steps=narrow_steps,
    )


def _read_narrow(inputs: Integers, cuts: Sequence[Cut]) -> tuple[Tensor, Tensor]:
    """Integers (batch, samples) of cuts, and what one of each stands for (batch,)."""
    buffer = torch.zeros(len(cuts), max(length for _, _, length in cuts), dtype=torch.int16)
    steps = torch.empty(len(cuts))
    for row, (clip, start, length) in enumerate(cuts):
        samples, step = inputs.integers(clip)
        buffer.numpy()[row, :length] = samples[start : start + length]
        steps[row] = float(step)
    return buffer, steps


def _read(inputs: Inputs, cuts: Sequence[Cut]) -> Tensor:
    """Inputs of cuts, read into one buffer; integers of a pack are widened on their way there."""
    longest = max(length for _, _, length in cuts)
    if isinstance(inputs, Integers):
        buffer = torch.zeros(len(cuts), longest)
        for row, (clip, start, length) in enumerate(cuts):
            samples, step = inputs.integers(clip)
            np.multiply(samples[start : start + length], step, out=buffer.numpy()[row, :length])
        return buffer
    first = inputs.read(*cuts[0])
    buffer = torch.zeros(len(cuts), longest, *first.shape[1:])
    view = buffer.numpy()
    view[0, : len(first)] = first
    for row, (clip, start, length) in enumerate(cuts[1:], 1):
        view[row, :length] = inputs.read(clip, start, length)
    return buffer
