"""Log-mel with the waveform beside it, for encoders that take both (Wavegram, Kong et al. 2020).

Of every frame i the first `bands` values are its log-mel, the other `hop` are the samples [i * hop, (i + 1) * hop) as
they are, so that laid end to end they are the waveform again: zero beyond its end, cut after the last frame.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from earmark.clock import Clock
from earmark.features.contract import Count
from earmark.features.logmel import LogMel, LogMelOptions
from earmark.options import Options


class LogMelWaveformOptions(Options):
    """What the front-end computes beside the waveform; by default as in the paper."""

    kind: Literal["logmel-waveform"] = "logmel-waveform"
    logmel: LogMelOptions = LogMelOptions(
        rate=32_000, window=1024, hop=320, bands=64, fmin=50.0, fmax=14_000.0, density=False,
        log="db", floor=1e-10, floor_kind="clamp", centred_on="start", edge="reflect",
    )  # fmt: skip

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.logmel.rate

    @property
    def fill(self) -> int | None:
        """Frames to which shorter clips are filled with zeros."""
        return self.logmel.fill


class LogMelWaveform(nn.Module):
    """Waveform (batch, samples) to log-mel and samples (batch, frames, bands + hop).

    >>> LogMelWaveform(LogMelWaveformOptions())(torch.zeros(2, 32_000)).shape
    torch.Size([2, 101, 384])
    """

    def __init__(self, options: LogMelWaveformOptions) -> None:
        super().__init__()
        self.options = options
        self.bands = options.logmel.bands + options.logmel.hop
        self.logmel = LogMel(options.logmel)

    @property
    def clock(self) -> Clock:
        """The clock of the frames."""
        return self.logmel.clock

    def frames_in(self, samples: Count) -> Count:
        """Number of frames of clips of this many samples; at least one."""
        return self.logmel.frames_in(samples)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-mel and samples (batch, frames, bands + hop), float32; `lengths` (batch,) in samples, None: all."""
        features = self.logmel(waveform, lengths)
        hop = self.options.logmel.hop
        needed = features.shape[1] * hop
        padded = nn.functional.pad(waveform.float(), (0, max(0, needed - waveform.shape[1])))
        samples = padded[:, :needed].reshape(padded.shape[0], -1, hop)  # (batch, frames, hop)
        return torch.cat([features, samples], dim=2)
