"""Log-mel front-end: waveform in, features out, inside the model.

    waveform (batch, samples) -> windowed frames -> |rfft| -> mel filters -> ln(. + floor)   (batch, frames, bands)

With `density` the spectrum is divided by the root of the window's energy, so a band's value does not depend on the
window's length. With `log: db` it is 10 log10, with `floor_kind: clamp` of the larger of band and floor.

Framing of a clip of n samples:

    centre: true, centred_on: interval   frame i centred on [i * hop, (i + 1) * hop)       ceil(n / hop)
    centre: true, centred_on: start      frame i centred on i * hop                        1 + floor(n / hop)
    centre: false                        frame i from i * hop on, wholly inside the clip   1 + floor((n - window) / hop)
    centre: false, beyond_end: true      frame i from i * hop on, the last beyond the end  round(n / hop)

The clock gives a frame the `hop` samples around its middle, so it starts at 0, at -hop / 2 and at (window - hop) / 2;
with `beyond_end` a frame has the `hop` samples from its first on, and the clock starts at 0.
What a centred window sees beyond either end is silence or, with `edge: reflect`, the clip's mirror image. Whatever
the options, a clip in a batch of longer ones gets the frames it gets alone.

What others computed, in these options (rate, window / hop, bands, Hz):

    Xu et al. 2018     16000, 1024 / 664, 64, 0-8000: hamming-symmetric, power 1, floor 1e-8, centre false, fill 240
    PANNs              32000, 1024 / 320, 64, 50-14000: density false, log db, floor 1e-10, floor_kind clamp,
                       centred_on start, edge reflect; at 16 kHz 512 / 160, 50-8000
    TALNet             16000, 1024 / 400, 64, 0-8000: n_fft 4096, power 1, density false, log db, floor 1e-10,
                       floor_kind clamp, top_db 80, centred_on start, drop_last true
    Kaldi's fbank      16000, 400 / 160, 20-8000: n_fft 512, mel_scale kaldi, window_shape povey, emphasis 0.97, gain
                       32768, density false, floor 1.1920929e-7, floor_kind clamp, centre false
    EfficientAT        32000, 800 / 320, 128, 0-15000: n_fft 1024, mel_scale kaldi, window_shape hann-symmetric,
                       emphasis 0.97, emphasis_of clip, density false, floor 1e-5, centred_on start, edge reflect
    Frame-MobileNet    16000, 400 / 160, 128, 0-7000: n_fft 512, floor 1e-7, floor_kind clamp, else as EfficientAT
    ATST-Frame         16000, 1024 / 160, 64, 60-7800: mel_scale htk, density false, log db, floor 1e-10,
                       floor_kind clamp, top_db 80, centred_on start, edge reflect
    DCASE2017 baseline 44100, 1764 / 882, 40, 0-22050: n_fft 2048, hamming, power 1, density false, floor 2.2e-16,
                       centred_on start, edge reflect

Frames are worked off in blocks small enough to stay in the cache: several times faster than one whole-batch transform.

An exported model (`earmark.export`) has no fast Fourier transform worth the name; there it is two matrix products
(Cooley and Tukey 1965). With N = PQ samples x[Q p + q] and frequencies k = r + P s,

    X[k] = sum_q w(Q, q s) w(N, q r) sum_p w(P, p r) x[Q p + q]        w(M, m) = exp(-2 pi i m / M)

of which r = 0 .. P/2 suffice: the spectrum of real samples is symmetric, and a filter that looks at bin N - k finds it
at k. So the powers stay in the order in which they come, and the filters are brought into it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.audio.mel import MelScale, mel_filters
from earmark.clock import Clock
from earmark.devices import runs_kernels
from earmark.features.contract import Count, at_least
from earmark.features.fused_mel import log_bands
from earmark.features.mirror import mirror_ends
from earmark.masking import valid_steps
from earmark.options import Options

_BLOCK = 256  # frames transformed at once
_VALUES_CUDA = 2**26  # of windows transformed at once on a GPU, which wants few and large calls: 256 MB
_POVEY = 0.85  # power of a Hann window that makes Kaldi's


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
    window_shape: Literal["hann", "hann-symmetric", "hamming", "hamming-symmetric", "povey"] = "hann"
    gain: float = Field(1.0, gt=0)  # samples are multiplied by it; Kaldi counts in steps of 16-bit integers
    emphasis: float | None = Field(None, ge=0, le=1)  # a of the pre-emphasis x[i] - a x[i - 1] ...
    emphasis_of: Literal["frames", "clip"] = "frames"  # ... of each frame less its mean, or of the clip from i = 1 on
    power: Literal[1, 2] = 2  # magnitude or power spectrum
    density: bool = True  # divide the spectrum by the root of the window's energy
    log: Literal["ln", "db"] = "ln"
    floor: float = Field(1e-8, gt=0)  # keeps the logarithm finite
    floor_kind: Literal["add", "clamp"] = "add"  # the floor is added, or the least value
    top_db: float | None = Field(None, gt=0)  # dB below a clip's loudest value at which its values are cut off
    centre: bool = True  # see above
    centred_on: Literal["interval", "start"] = "interval"  # of a frame's hop samples: their middle or their first
    edge: Literal["zeros", "reflect"] = "zeros"  # what centred windows see beyond a clip's ends
    drop_last: bool = False  # leave out the frame at the very end: n // hop frames of 1 + n // hop
    beyond_end: bool = False  # without `centre`: also the frames that begin in a clip and reach beyond its end
    fill: int | None = Field(None, gt=0)  # frames to which shorter clips are filled with zeros, as content

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_fft is not None and self.n_fft < self.window:
            raise ValueError(f"n_fft ({self.n_fft}) must not be shorter than the window ({self.window})")
        if self.hop > self.window:
            raise ValueError(f"hop ({self.hop}) is longer than the window ({self.window}), so samples would be skipped")
        if (self.fmax or self.rate / 2) > self.rate / 2 or self.fmin >= (self.fmax or self.rate / 2):
            raise ValueError(f"need fmin < fmax <= rate / 2, got {self.fmin} .. {self.fmax} at {self.rate} Hz")
        if not self.centre and (self.centred_on, self.edge) != ("interval", "zeros"):
            raise ValueError("centred_on and edge need centre: true; without it all frames lie inside the clip")
        if self.centre and self.beyond_end:
            raise ValueError("beyond_end needs centre: false; centred frames reach beyond the end anyway")
        if self.drop_last and self.centred_on != "start":
            raise ValueError("drop_last needs centred_on: start, otherwise no frame lies at the very end")
        if self.top_db is not None and self.log != "db":
            raise ValueError("top_db is in decibels and needs log: db")
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
        scale = (np.sqrt(np.sum(window**2)) if options.density else 1.0) / options.gain
        filters = mel_filters(
            options.rate, self.n_fft, options.bands, options.fmin, options.fmax or options.rate / 2, options.mel_scale
        )
        # Neither is learned nor saved: both follow from the options.
        self.register_buffer("window", torch.from_numpy(window / scale).float(), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.window: Tensor
        self.filters: Tensor
        self._spans = _spans(filters)
        self._filters = filters

    @property
    def clock(self) -> Clock:
        """The clock of the frames."""
        options = self.options
        if not options.centre:
            late = 0 if options.beyond_end else options.window - options.hop
        else:
            late = -options.hop if options.centred_on == "start" else 0
        return Clock(Fraction(options.hop, options.rate), Fraction(late, 2 * options.rate))

    def frames_in(self, samples: Count) -> Count:
        """Number of frames of clips of this many samples; at least one."""
        return at_least(self._spectra_in(samples - self._used) - int(self.options.drop_last), 1)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-mel features (batch, frames, bands), always in float32; `lengths` (batch,) in samples, None: all."""
        fused = runs_kernels(waveform)
        with torch.autocast(waveform.device.type, enabled=False):
            clip, lengths = self._emphasised(waveform.float(), lengths)
            frames = self._frame(clip, lengths)  # (batch, frames, window)
            features = self._cut_off(self._transform_all(frames, fused), lengths)
            return features[:, : self.frames_in(waveform.shape[1])]

    @property
    def _used(self) -> int:
        """Samples that pre-emphasis of a clip uses up: its first has none before it."""
        return int(self.options.emphasis is not None and self.options.emphasis_of == "clip")

    def _emphasised(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The waveform after pre-emphasis, where it is of clips, and the samples that each then has."""
        if not self._used:
            return waveform, lengths
        louder = waveform[:, 1:] - (self.options.emphasis or 0.0) * waveform[:, :-1]
        if lengths is None:
            return louder, None
        lengths = (lengths - 1).clamp(min=0)
        return louder * valid_steps(lengths, louder.shape[1]), lengths

    def _transform_all(self, frames: Tensor, fused: bool) -> Tensor:
        if torch.compiler.is_compiling():  # a traced graph has no loop whose turns depend on the length
            return self._transform(frames)
        block = _BLOCK if not frames.is_cuda else _VALUES_CUDA // self.n_fft
        block = max(1, block // max(1, len(frames)))
        return torch.cat([self._transform(piece, fused) for piece in torch.split(frames, block, dim=1)], dim=1)

    def _spectra_in(self, samples: Count) -> Count:
        """Number of spectra that are taken of clips of this many samples."""
        options = self.options
        if options.beyond_end:
            frames = (samples + options.hop // 2) // options.hop
        elif not options.centre:
            frames = (samples - options.window) // options.hop + 1
        elif options.centred_on == "start":
            frames = samples // options.hop + 1
        else:
            frames = (samples + options.hop - 1) // options.hop
        return at_least(frames, 1)

    def _frame(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        options = self.options
        count = self._spectra_in(waveform.shape[1])
        if not options.centre:
            before = 0
        elif options.centred_on == "start":  # the window in the middle of its n_fft samples, and these around i * hop
            before = self.n_fft // 2 - (self.n_fft - options.window) // 2
        else:
            before = (options.window - options.hop) // 2
        if options.edge == "reflect":
            padded = mirror_ends(waveform, lengths, before, options.window - before)
        else:
            needed = (count - 1) * options.hop + options.window
            padded = nn.functional.pad(waveform, (before, max(0, needed - before - waveform.shape[1])))
        if torch.compiler.is_exporting():
            return _frames_of_blocks(padded, options.window, options.hop, count)
        return padded.unfold(1, options.window, options.hop)[:, :count]

    def _transform(self, frames: Tensor, fused: bool = False) -> Tensor:
        options = self.options
        if options.emphasis is not None and options.emphasis_of == "frames":
            frames = frames - frames.mean(dim=2, keepdim=True)
            before = torch.cat([frames[:, :, :1], frames[:, :, :-1]], dim=2)  # before a frame's first sample: itself
            frames = frames - options.emphasis * before
        if torch.compiler.is_exporting():
            mel = self._mel_by_products(frames * self.window)
        else:
            spectrum = torch.fft.rfft(frames * self.window, n=self.n_fft)  # (batch, frames, bins)
            if fused:
                return log_bands(
                    spectrum,
                    self.filters,
                    power=options.power,
                    log=options.log,
                    floor=options.floor,
                    floor_kind=options.floor_kind,
                )
            spectrum = spectrum[..., : self._spans[-1][0].stop]  # beyond lies no filter
            squares = torch.view_as_real(spectrum).square()
            power = squares[..., 0] + squares[..., 1]
            magnitude = power.sqrt() if options.power == 1 else power  # `abs` of complex numbers takes thrice as long
            parts = [magnitude[..., bins] @ self.filters[bins, bands] for bins, bands in self._spans]
            mel = torch.cat(parts, dim=-1)  # (batch, frames, bands)
        floored = mel + options.floor if options.floor_kind == "add" else mel.clamp(min=options.floor)
        return torch.log(floored) if options.log == "ln" else 10 * torch.log10(floored)

    def _mel_by_products(self, frames: Tensor) -> Tensor:
        """Mel spectrum (batch, frames, bands) of windowed frames (batch, frames, window), without an FFT."""
        first, turn, second, filters = (part.to(frames.device) for part in fourier_products(self.n_fft, self._filters))
        batch, count, window = frames.shape
        outer, inner = first.shape[0], turn.shape[2]  # P and Q
        filled = nn.functional.pad(frames, (0, self.n_fft - window)) if window < self.n_fft else frames
        x = filled.reshape(batch * count, outer, inner)
        spectra = (x.transpose(1, 2) @ first).transpose(1, 2)  # (frames, 2 (P/2 + 1), Q)
        rows = outer // 2 + 1
        real, imaginary = spectra[:, :rows], spectra[:, rows:]
        cosine, sine = turn
        turned = torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=2)
        spectra = turned @ second  # (frames, P/2 + 1, 2 Q)
        real, imaginary = spectra[:, :, :inner], spectra[:, :, inner:]
        power = real * real + imaginary * imaginary  # the same as squares, of which ONNX makes powers
        magnitude = power.sqrt() if self.options.power == 1 else power
        return (magnitude.reshape(batch * count, filters.shape[0]) @ filters).reshape(batch, count, self.bands)

    def _cut_off(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """No value further than `top_db` below the loudest of the clip's own."""
        if self.options.top_db is None:
            return features
        own = features
        if lengths is not None:
            beyond = torch.arange(features.shape[1], device=features.device) >= self._spectra_in(lengths)[:, None]
            own = features.masked_fill(beyond[:, :, None], -math.inf)
        return torch.maximum(features, own.amax(dim=(1, 2), keepdim=True) - self.options.top_db)


def _frames_of_blocks(padded: Tensor, window: int, hop: int, count: int) -> Tensor:
    """Frames (batch, count, window), put together of blocks that never fall apart: a copy of rows, not of samples."""
    size = math.gcd(window, hop)
    needed = (count - 1) * hop + window
    blocks = padded[:, :needed].reshape(padded.shape[0], needed // size, size)
    starts = torch.arange(count, device=padded.device)[:, None] * (hop // size)
    places = starts + torch.arange(window // size, device=padded.device)
    return blocks.index_select(1, places.flatten()).reshape(padded.shape[0], count, window)


def fourier_products(
    n_fft: int, filters: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The matrices of `LogMel._mel_by_products`, for filters (bins, bands).

    w(P, p r) as (P, real and imaginary of P/2 + 1); w(N, q r) as (real and imaginary, P/2 + 1, Q); w(Q, q s) as a real
    matrix (2 Q, 2 Q) for rows of real and imaginary parts; and the filters (P/2 + 1 times Q, bands) in that order.
    """
    outer = max(size for size in range(1, math.isqrt(n_fft) + 1) if n_fft % size == 0)
    inner = n_fft // outer
    rows = np.arange(outer // 2 + 1)

    def roots(size: int, exponent: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Any:
        return np.exp(-2j * np.pi * (exponent % size) / size)

    first = roots(outer, np.outer(np.arange(outer), rows))
    turn = roots(n_fft, np.outer(rows, np.arange(inner)))
    second = roots(inner, np.outer(np.arange(inner), np.arange(inner)))
    ordered = np.zeros((len(rows), inner, filters.shape[1]))
    seen: set[int] = set()
    for r, s in np.ndindex(len(rows), inner):
        k = r + outer * s
        k = min(k, n_fft - k)
        if k not in seen:
            seen.add(k)
            ordered[r, s] = filters[k]
    parts = (
        np.concatenate([first.real, first.imag], axis=1),
        np.stack([turn.real, turn.imag]),
        np.block([[second.real, second.imag], [-second.imag, second.real]]),
        ordered.reshape(-1, filters.shape[1]),
    )
    return tuple(torch.from_numpy(part.astype(np.float32)) for part in parts)  # type: ignore[return-value]


def _spans(filters: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[tuple[slice, slice]]:
    """Lower and upper half of the bands of filters (bins, bands), each with the bins that it looks at: half the work.

    Low bands are narrow, so that most of a filter bank is zeros.
    """
    middle = filters.shape[1] // 2
    halves = [slice(0, middle), slice(middle, filters.shape[1])] if middle else [slice(0, 1)]
    found = []
    for bands in halves:
        heard = np.flatnonzero(filters[:, bands].any(axis=1)).tolist() or [0]  # a filter may lie between two bins
        found.append((slice(heard[0], heard[-1] + 1), bands))
    return found


def _window(options: LogMelOptions) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The analysis window (window,); periodic unless the name says symmetric. Kaldi's own is symmetric, and is made in
    float32 as networks were trained with it: its rounding is felt 100 dB below what is loudest in a frame.
    """
    if options.window_shape == "povey":
        hann = torch.hann_window(options.window, periodic=False, dtype=torch.float32, device="cpu")
        return np.asarray(hann.pow(_POVEY).double().numpy())
    symmetric = options.window_shape.endswith("-symmetric")
    phase = 2 * math.pi * np.arange(options.window) / (options.window - 1 if symmetric else options.window)
    edge = 0.54 if options.window_shape.startswith("hamming") else 0.5
    return np.asarray(edge - (1 - edge) * np.cos(phase))
