"""The log-mel spectrogram of a picture: numpy alone, the same for every model, whatever front-end it has.

frame i is centred on [i * hop, (i + 1) * hop), hop 20 ms; 64 ms under a Hann window; 64 bands from 0 to half the rate
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from earmark.arrays import DoubleArray, FloatArray
from earmark.audio.mel import hz_to_mel, mel_filters, mel_to_hz
from earmark.clock import Clock

_BANDS = 64
_HOP, _WINDOW = 0.02, 0.064  # seconds
_FLOOR = 1e-8  # keeps the logarithm of silence finite
_BLOCK = 1024  # frames transformed at once


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """What a picture shows of a recording's sound."""

    values: FloatArray  # (frames, bands), natural logarithms
    clock: Clock
    band_hz: list[float]  # the centre frequency of each band


def log_mel(samples: FloatArray, rate: int) -> Spectrogram:
    """The picture of mono samples (samples,) at `rate` Hz; at least one frame.

    >>> picture = log_mel(np.zeros(8_000, np.float32), 8_000)
    >>> picture.values.shape, str(picture.clock.step)
    ((50, 64), '1/50')
    """
    hop = max(1, round(_HOP * rate))
    window = max(hop, round(_WINDOW * rate))
    n_fft, filters = _filters(rate, window)
    frames = max(1, -(-len(samples) // hop))
    before = (window - hop) // 2
    padded = np.zeros((frames - 1) * hop + window, np.float32)
    within = samples[: len(padded) - before]
    padded[before : before + len(within)] = within
    shape = np.hanning(window + 1)[:-1]
    shape = (shape / np.sqrt(np.sum(shape**2))).astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    values = np.concatenate(
        [_transform(cut[at : at + _BLOCK] * shape, n_fft, filters) for at in range(0, frames, _BLOCK)]
    )
    mels = np.linspace(0.0, float(hz_to_mel(rate / 2)), _BANDS + 2)[1:-1]
    return Spectrogram(values, Clock(Fraction(hop, rate)), mel_to_hz(mels).tolist())


def _transform(frames: FloatArray, n_fft: int, filters: DoubleArray) -> FloatArray:
    power = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    found: FloatArray = np.log(power @ filters + _FLOOR).astype(np.float32)
    return found


def _filters(rate: int, window: int) -> tuple[int, DoubleArray]:
    """The shortest transform whose bins are narrow enough for every band, and the filters for it."""
    n_fft = 1 << (window - 1).bit_length()
    while True:
        try:
            return n_fft, mel_filters(rate, n_fft, _BANDS, 0.0, rate / 2)
        except ValueError:  # a band lies between two bins
            n_fft *= 2
