"""Triangular mel filters, on the Slaney, the HTK or the Kaldi scale.

The Slaney scale (Auditory Toolbox, 1998) is linear below 1 kHz, 200/3 Hz a mel, and logarithmic above, 27 mels a
factor of 6.4; the HTK scale is 2595 log10(1 + f / 700) throughout. Slaney filters have unit area (2 / width), HTK
filters unit height. Both agree with `librosa.filters.mel` (`htk=False, norm="slaney"` and `htk=True, norm=None`).

Kaldi's scale is 1127 ln(1 + f / 700). Its filters have unit height and are triangles over mels; the others are
triangles over Hz. A narrow one may lie between two bins and be empty, as in torchaudio.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray

MelScale = Literal["slaney", "htk", "kaldi"]

_LINEAR = 200.0 / 3  # Hz a mel below the knee
_KNEE = 1000.0  # Hz
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: npt.ArrayLike, scale: MelScale = "slaney") -> DoubleArray:
    """Frequencies in mels.

    >>> hz_to_mel([0, 1000]).round(9).tolist()
    [0.0, 15.0]
    """
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))
    if scale == "kaldi":
        return np.asarray(1127.0 * np.log(1.0 + hz / 700.0))
    above = np.log(np.maximum(hz, _KNEE) / _KNEE) / _LOG_STEP
    return np.where(hz < _KNEE, hz / _LINEAR, _KNEE / _LINEAR + above)


def mel_to_hz(mel: npt.ArrayLike, scale: MelScale = "slaney") -> DoubleArray:
    """Inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    if scale == "kaldi":
        return np.asarray(700.0 * np.expm1(mel / 1127.0))
    knee = _KNEE / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee)))


def mel_filters(rate: int, n_fft: int, bands: int, fmin: float, fmax: float, scale: MelScale = "slaney") -> DoubleArray:
    """Filters (n_fft // 2 + 1, bands): multiply a spectrum (..., bins) by them from the right.

    `ValueError` when a band is narrower than the spectrum's bins can show (an all-zero filter), but for Kaldi's scale.
    """
    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)
    corners = np.linspace(hz_to_mel(fmin, scale), hz_to_mel(fmax, scale), bands + 2)
    if scale == "kaldi":
        bins = hz_to_mel(bins, scale)
    else:
        corners = mel_to_hz(corners, scale)
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    filters: DoubleArray = np.maximum(0.0, np.minimum(rising, falling))
    if scale == "slaney":
        filters *= 2.0 / (high - low)
    empty = np.flatnonzero(filters.max(axis=0) == 0)
    if len(empty) and scale != "kaldi":
        raise ValueError(f"{bands} mel bands need a longer n_fft than {n_fft} at {rate} Hz: band {empty[0]} is empty")
    return filters
