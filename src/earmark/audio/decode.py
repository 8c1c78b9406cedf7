"""A whole recording in memory: from a file, or from an array the caller already has.

`read_audio` is the concatenation of `read_blocks`: there is one road from file to samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.audio.blocks import AudioBlocks
from earmark.audio.mono import MonoMix, check_samples
from earmark.audio.records import Audio, AudioInfo
from earmark.audio.resample import resample
from earmark.audio.source import Source
from earmark.errors import AudioError

LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz, of arrays


def read_audio(source: Source, rate: int | None = None) -> Audio:
    """Decode a file: mono float32 (samples,) at `rate` Hz, or at the file's own rate.

    A file that is cut short or damaged gives what could be read, with `truncated` and `problem` set: whether
    that is good enough is the caller's decision. `AudioError` when nothing can be read, or when a sample is
    not a number; `MissingExtraError` for m4a, aac, mp4 or webm without PyAV.
    """
    with AudioBlocks(source, rate) as blocks:
        samples = np.concatenate(list(blocks))
        return Audio(samples, blocks.rate, blocks.info, blocks.problem, blocks.one_channel)


def from_array(waveform: npt.ArrayLike, old: int, rate: int | None = None, name: str = "array") -> Audio:
    """An array the caller already has, (samples,) or (samples, channels) at `old` Hz, as `Audio`.

    Integers are scaled by the range of their type; floats are taken as they are. `AudioError` where the array
    is empty, not finite, far beyond full scale, or looks as if its axes were swapped, or `old` is no sample rate.

    >>> from_array(np.full((100, 2), 16_384, dtype=np.int16), 16_000).samples[:2]
    array([0.5, 0.5], dtype=float32)
    """
    old = _checked_rate(old, name)
    array = np.asarray(waveform)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.size:
        shape = np.shape(waveform)
        raise AudioError(f"{name}: expected (samples,) or (samples, channels), got shape {shape}")
    if array.shape[1] > array.shape[0]:
        raise AudioError(f"{name}: {array.shape} has more channels than samples; transpose it?")
    if array.dtype.kind == "i":
        array = array / -float(np.iinfo(array.dtype).min)
    elif array.dtype.kind != "f":
        raise AudioError(f"{name}: expected floats or signed integers, got {array.dtype}")
    check_samples(array, name, old)
    target = old if rate is None else rate
    mix = MonoMix(precise=True)
    mono = resample(mix(array), old, target)
    if not len(mono):
        raise AudioError(f"{name}: {len(array)} samples at {old} Hz leave none at {target} Hz")
    return Audio(mono, target, AudioInfo(name, "array", old, array.shape[1], len(array)), None, mix.one_channel)


def _checked_rate(rate: object, name: str) -> int:
    """A sample rate within the bounds of what files may state."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
        raise AudioError(f"{name}: the sample rate is {rate!r}, expected a number of samples per second")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):  # NaN fails the first comparison
        raise AudioError(
            f"{name}: the sample rate is {rate}, expected a whole number from {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    return int(rate)
