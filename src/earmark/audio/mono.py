"""Samples checked, and several channels as one.

The channels are averaged. Where they are of opposite phase (one microphone wired the wrong way round) their mean is
silence though each of them is not: then one of the loudest stands for all, from there to the end of the recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray
from earmark.errors import AudioError, LevelError

LOUDEST = 1_000.0  # 60 dB above full scale; no recording is so loud
_INTEGERS = 2.0**31  # the largest full scale of integers
_CANCELLED = 1e-4  # power of the mean as a share of the channels': 40 dB down
_HEARD = 1e-6  # power of channels that hold more than noise of the converter: -60 dB re full scale


def check_samples(block: npt.NDArray[Any], name: str, rate: float, start: int = 0) -> None:
    """`AudioError` where a sample of (frames, channels) cannot be sound; the first is sample `start` of the recording.

    Such are what is not a number, and what is more than a thousand times full scale: a damaged value, or integers that
    were saved as floats.
    """
    if float(np.vdot(block, block)) <= LOUDEST**2:  # their sum is small enough, so each square is; one fast pass
        return
    largest = max(float(block.max(initial=0)), -float(block.min(initial=0)))
    if largest <= LOUDEST:  # false for what is not a number
        return
    wrong = ~(np.abs(block) <= LOUDEST)
    first = int(np.argmax(wrong.any(axis=1)))
    where = f"{name}: sample {start + first} ({(start + first) / rate:.3f} s)"
    value = float(block[first][wrong[first]][0])
    if not np.isfinite(value):
        raise AudioError(f"{where} is not a number; a faulty program wrote this file")
    if largest <= _INTEGERS:
        message = f"{where} is {value:.0f}, but full scale is 1; were integers saved as floats? divide them by 32768"
        raise LevelError(message)
    raise LevelError(f"{where} is {value:.3g}, which cannot be sound; this file is damaged")


class MonoMix:
    """Blocks (frames, channels) to mono float32 (frames,); `one_channel` says whether one had to stand for all.

    `precise` takes the mean in 64 bits.
    """

    def __init__(self, precise: bool = False) -> None:
        self.one_channel = False
        self._sum_type = np.float64 if precise else None
        self._chosen = 0

    def __call__(self, block: npt.NDArray[Any]) -> FloatArray:
        """The next block of the recording."""
        if block.shape[1] == 1:
            return block[:, 0].astype(np.float32)
        if not self.one_channel:
            mean: FloatArray = block.mean(axis=1, dtype=self._sum_type).astype(np.float32, copy=False)
            apart = float(np.vdot(block, block)) / block.shape[1]
            if float(np.vdot(mean, mean)) >= _CANCELLED * apart or apart < _HEARD * len(block):
                return mean
            powers = np.square(block, dtype=np.float64).sum(axis=0)
            self.one_channel = True
            self._chosen = int(np.argmax(powers >= powers.max() / 2))  # the first that is about as loud as any
        return block[:, self._chosen].astype(np.float32)
