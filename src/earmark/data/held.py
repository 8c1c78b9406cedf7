"""Clips held in a device's memory: int16 as in a pack, cut and widened there, so that no sound crosses to it twice.

    samples (all samples,) int16, clips end to end     value = sample * step of its clip     one product, one rounding

A batch is one gather. Which clips and cuts form it is decided on the host, as always, by (seed, step), from integers;
what crosses over are a few hundred bytes. The waveforms are the very ones that a pack gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from earmark.errors import ConfigError

Cut = tuple[int, int, int]  # clip, first sample, samples
_ROOM = 0.5  # share of the device's free memory that clips may take; the network wants the rest


@runtime_checkable
class Integers(Protocol):
    """Clips whose samples are known as 16-bit integers and a step."""

    def __len__(self) -> int: ...

    def integers(self, index: int) -> tuple[npt.NDArray[np.int16], np.float32]:
        """Samples (samples,) of a clip and what one step of them stands for; a view, not to be changed."""
        ...


class HeldClips:
    """All clips of a pack in the memory of a device. `ConfigError` where they do not fit."""

    def __init__(self, clips: Integers, device: str) -> None:
        self.device = torch.device(device)
        parts = [clips.integers(index) for index in range(len(clips))]
        self.lengths = np.array([len(samples) for samples, _ in parts], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        _check_room(2 * int(self._starts[-1]), self.device)
        self._steps = torch.tensor([float(step) for _, step in parts], device=self.device)
        self._samples = torch.empty(int(self._starts[-1]), dtype=torch.int16, device=self.device)
        for start, (samples, _) in zip(self._starts.tolist(), parts, strict=False):
            own = torch.from_numpy(np.array(samples, np.int16))
            self._samples[start : start + len(samples)] = own.to(self.device)

    def __len__(self) -> int:
        return len(self.lengths)

    def samples(self, index: int) -> int:
        """Length of a clip in samples."""
        return int(self.lengths[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> npt.NDArray[np.float32]:
        """Samples `start .. start + length` (None: to the end) of a clip, on the host; fewer where it ends before."""
        whole = self.samples(index)
        begin = min(max(0, start), whole)
        end = whole if length is None else min(whole, begin + max(0, length))
        return self.gather([(index, begin, end - begin)])[0].cpu().numpy()

    def gather(self, cuts: Sequence[Cut]) -> Tensor:
        """Waveforms (batch, samples) float32 on the device; shorter cuts are followed by zeros."""
        clips, firsts, sizes = (list(part) for part in zip(*cuts, strict=True))
        begins = self._there([int(self._starts[clip]) + first for clip, first in zip(clips, firsts, strict=True)])
        lengths, steps = self._there(sizes), self._steps[self._there(clips)]
        place = torch.arange(max(sizes), device=self.device)
        within = place < lengths[:, None]
        source = (begins[:, None] + place) * within  # beyond its end a clip looks at sample 0, and is masked
        if not len(self._samples):
            return torch.zeros(source.shape, device=self.device)
        return (self._samples[source].float() * steps[:, None]).masked_fill(~within, 0.0)

    def _there(self, numbers: Sequence[int]) -> Tensor:
        return torch.tensor(numbers).to(self.device, non_blocking=True)


def _check_room(needed: int, device: torch.device) -> None:
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    if needed > _ROOM * free:
        raise ConfigError(
            f"--cache device needs {needed / 1e9:.1f} GB for the clips, and the GPU has {free / 1e9:.1f} GB free, of "
            "which training takes half; use --cache on"
        )
