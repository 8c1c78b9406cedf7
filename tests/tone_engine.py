"""A model without training and PyTorch: each label is a tone, and a frame scores how far it stands out.

`tone_engine()` is an `Engine`, `tones(...)` makes recordings for it. Loaded by path, as tests are no package.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from earmark.clock import Clock
from earmark.engine import WindowPlan
from earmark.labels import Labels

HERTZ = {"horn": 500, "beep": 2000, "whistle": 4000}
RATE, FRAME = 16_000, 320  # Hz, samples


class ToneEngine:
    """An `Engine` in numpy."""

    labels = Labels(list(HERTZ))
    rate, takes, batch, arithmetic, parameters = RATE, "sound", 4, "numpy", 0
    clock = Clock.from_hop(FRAME, RATE)
    plan = WindowPlan.of(10.0, 2.0, RATE, clock)

    def fingerprint(self):
        return "tones"

    def steps_in(self, samples):
        return -(-samples // FRAME)

    def listen(self, waveform, lengths, watch=None):
        batch, samples = waveform.shape
        steps = self.steps_in(samples)
        padded = np.zeros((batch, steps * FRAME), np.float32)
        padded[:, :samples] = waveform
        power = np.abs(np.fft.rfft(padded.reshape(batch, steps, FRAME) * np.hanning(FRAME), axis=2)) ** 2
        places = [hertz * FRAME // RATE for hertz in HERTZ.values()]
        bands = np.stack([power[:, :, place - 2 : place + 3].sum(axis=2) for place in places], axis=2)
        rest = power.sum(axis=2) - bands.sum(axis=2) + 0.5  # faint noise scores next to nothing
        frames = (bands / (bands + rest[:, :, None])).astype(
            np.float32
        )  # tones at the same time do not hide each other
        for row, length in enumerate(lengths):
            frames[row, self.steps_in(int(length)) :] = 0
        frames = np.clip(frames, 0, 1)
        return frames.max(axis=1), frames


def tones(seconds: float, events: Iterable[tuple[float, float, str]], seed: int = 0, level: float = 0.2):
    """A recording (samples,) at `RATE`: faint noise, and the tone of each event (onset, offset, label)."""
    wave = 0.002 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    for onset, offset, label in events:
        at = np.arange(round(onset * RATE), round(offset * RATE))
        wave[at] += level * np.sin(2 * np.pi * HERTZ[label] * at / RATE)
    return wave.astype(np.float32)
