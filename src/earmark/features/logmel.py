"""Log-mel front-end: waveform in, features out, inside the model.

    waveform (batch, samples) -> windowed frames -> |rfft| -> mel filters -> ln(. + floor)   (batch, frames, bands)

The spectrum is divided by the root of the window's energy, so a band's value does not depend on the window's length
(the `density` scaling with which Xu et al. 2018 were made: xu2018 facts, section 1).

Framing. With `centre: true` frame i is centred on the interval of the clock [i * hop, (i + 1) * hop) and a clip of
n samples has ceil(n / hop) frames; what a window sees beyond either end is silence. With `centre: false` frames
begin at i * hop and lie wholly inside the clip, floor((n - window) / hop) + 1 of them, as in the paper; the clock then
starts (window - hop) / 2 samples late. Either way a clip in a batch of longer ones gets the frames it gets alone.

Frames are worked off in blocks small enough to stay in the cache: several times faster than one whole-batch transform.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.clock import Clock
from earmark.features.mel import MelScale, mel_filters
from earmark.options import Options

_BLOCK = 256  # frames transformed at once


class LogMelOptions(Options):
    """What the log-mel front-end computes."""

    kind: Literal["logmel"] = "logmel"
    rate: int = Field(32_000, gt=0)  # Hz; recordings are resampled to it
    window: int = Field(2048, gt=1)  # samples
    n_fft: int | None = None  # samples the window is padded to; None: the window itself
    hop: int = Field(1280, gt=0)  # samples between frames
    bands: int = Field(64, gt=0)
    fmin: float = Field(0.0, ge=0)  # Hz
    fmax: float | None = None  # Hz; None: half the rate
    mel_scale: MelScale = "slaney"
    window_shape: Literal["hann", "hamming", "hamming-symmetric"] = "hann"
    power: Literal[1, 2] = 2  # magnitude or power spectrum
    floor: float = Field(1e-8, gt=0)  # added before the logarithm
    centre: bool = True  # see above
    fill: int | None = Field(None, gt=0)  # frames to which shorter clips are filled with zeros, as content

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_fft is not None and self.n_fft < self.window:
            raise ValueError(f"n_fft ({self.n_fft}) must not be shorter than the window ({self.window})")
        if self.hop > self.window:
            raise ValueError(f"hop ({self.hop}) is longer than the window ({self.window}): samples would be skipped")
        if (self.fmax or self.rate / 2) > self.rate / 2 or self.fmin >= (self.fmax or self.rate / 2):
            raise ValueError(f"need fmin < fmax <= rate / 2, got {self.fmin} .. {self.fmax} at {self.rate} Hz")
        return self


class LogMel(nn.Module):
    """Waveform (batch, samples) to log-mel features (batch, frames, bands).

    >>> front = LogMel(LogMelOptions(rate=16_000, window=1024, hop=640))
    >>> front(torch.zeros(2, 16_000)).shape
    torch.Size([2, 25, 64])
    """

    def __init__(self, options: LogMelOptions) -> None:
        super().__init__()
        self.options = options
        self.bands = options.bands
        self.n_fft = options.n_fft or options.window
        window = _window(options)
        filters = mel_filters(
            options.rate, self.n_fft, options.bands, options.fmin, options.fmax or options.rate / 2, options.mel_scale
        )
        # Neither is learned nor saved: both follow from the options.
        self.register_buffer("window", torch.from_numpy(window / np.sqrt(np.sum(window**2))).float(), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.window: Tensor
        self.filters: Tensor

    @property
    def clock(self) -> Clock:
        """The clock of the frames."""
        options = self.options
        late = Fraction(0) if options.centre else Fraction(options.window - options.hop, 2 * options.rate)
        return Clock(Fraction(options.hop, options.rate), late)

    def frames_in(self, samples: Tensor) -> Tensor:
        """Number of frames of clips of so many samples; at least one."""
        options = self.options
        if options.centre:
            frames = torch.div(samples + options.hop - 1, options.hop, rounding_mode="floor")
        else:
            frames = torch.div(samples - options.window, options.hop, rounding_mode="floor") + 1
        return frames.clamp(min=1)

    def forward(self, waveform: Tensor) -> Tensor:
        """Log-mel features (batch, frames, bands), always in float32."""
        with torch.autocast(waveform.device.type, enabled=False):
            frames = self._frame(waveform.float())  # (batch, frames, window)
            block = max(1, _BLOCK // max(1, len(waveform)))
            pieces = [self._transform(piece) for piece in torch.split(frames, block, dim=1)]
            return torch.cat(pieces, dim=1)

    def _frame(self, waveform: Tensor) -> Tensor:
        options = self.options
        count = int(self.frames_in(torch.tensor(waveform.shape[1])))
        before = (options.window - options.hop) // 2 if options.centre else 0
        needed = (count - 1) * options.hop + options.window
        after = max(0, needed - before - waveform.shape[1])
        padded = nn.functional.pad(waveform, (before, after))
        return padded.unfold(1, options.window, options.hop)[:, :count]

    def _transform(self, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames * self.window, n=self.n_fft)  # (batch, frames, bins)
        magnitude = spectrum.abs() if self.options.power == 1 else spectrum.real.square() + spectrum.imag.square()
        return torch.log(magnitude @ self.filters + self.options.floor)  # (batch, frames, bands)


def _window(options: LogMelOptions) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The analysis window (window,); periodic unless the name says symmetric."""
    symmetric = options.window_shape.endswith("-symmetric")
    phase = 2 * math.pi * np.arange(options.window) / (options.window - 1 if symmetric else options.window)
    edge = 0.5 if options.window_shape == "hann" else 0.54
    return np.asarray(edge - (1 - edge) * np.cos(phase))
