"""A clip's sound, small enough to live inside a page: Ogg Vorbis, mono."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import soundfile

LONGEST = 60.0  # seconds; more would swell the page
_BLOCK = 10.0  # seconds; libsndfile's Vorbis encoder crashes on long arrays written at once


def encode(waveform: npt.NDArray[np.floating], rate: int) -> bytes:
    """Ogg Vorbis of a mono waveform (samples,) at `rate` Hz, about 5 kB a second; its first minute at most.

    Quiet recordings are amplified (by at most 20 dB, to a peak of at most -1 dB). `ValueError` on other shapes.
    """
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"expected a mono waveform (samples,), got shape {waveform.shape}")
    heard = np.nan_to_num(waveform[: int(LONGEST * rate)].astype(np.float32))
    heard *= min(10.0, 0.89 / max(1e-9, float(np.abs(heard).max())))
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(heard), int(_BLOCK * rate)):
            file.write(heard[start : start + int(_BLOCK * rate)])
    return buffer.getvalue()
