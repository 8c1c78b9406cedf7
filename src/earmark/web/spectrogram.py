"""The picture of a recording: a log-frequency spectrogram kept on disk, and tiles of it drawn on demand.

    file -> blocks -> frames of `WINDOW` s every `HOP` s -> power -> `BANDS` bands -> decibels as bytes, (frames, bands)
    (frames, bands)[from:to] -> the largest of the frames of a pixel -> PNG with a palette

One byte a band and frame: 58 MB an hour, in a file that is mapped into memory, so that a recording of many hours takes
no more memory than a short one. Bands lie evenly on the mel scale from `LOWEST` Hz to half of the sample rate. The
PNG is written with zlib alone (Portable Network Graphics, second edition, W3C 2003: colour type 3).
"""

from __future__ import annotations

import itertools
import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.arrays import DoubleArray, FloatArray
from earmark.audio import Source, read_blocks

WINDOW, HOP = 0.032, 0.010  # seconds
BANDS = 160
LOWEST, HIGHEST = 40.0, 24_000.0  # Hz
FLOOR, CEILING = -110.0, -20.0  # decibels below a full-scale sine: what the bytes 0 and 255 stand for
_CLOSE = 1e-6  # frames: a time this near to a frame's centre is that
_AT_ONCE = 2048  # frames whose spectra are computed together
_ANCHORS = ((0, 4, 14), (38, 18, 82), (112, 31, 108), (184, 55, 84), (238, 105, 52), (252, 180, 66), (253, 247, 195))
_LEAST = 80  # levels from darkest to brightest at least: 28 dB
WIDEST, TALLEST = 4096, 2048  # pixels of a tile

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """`levels` (frames, bands) bytes, low bands first; frame i is centred on i * `hop` seconds."""

    levels: Bytes
    hop: float  # seconds
    edges: DoubleArray  # (bands + 1,) Hz
    span: tuple[int, int] = (0, 255)  # the levels drawn darkest and brightest


def measure(source: Source, file: Path, stop: threading.Event | None = None) -> Spectrogram:
    """The spectrogram of a recording, its levels in `file`. `AudioError` where it cannot be read.

    It ends where it is when `stop` is set.
    """
    with read_blocks(source) as blocks, open(file, "wb") as out:
        rate = blocks.rate
        size, hop = max(16, round(WINDOW * rate)), max(1, round(HOP * rate))
        top = min(HIGHEST, rate / 2)
        edges = band_edges(top)
        weights, window = band_weights(edges, size, rate), np.hanning(size + 1)[:-1].astype(np.float32)
        held = np.zeros(size // 2, np.float32)  # frame 0 is centred on 0
        count, seen = 0, np.zeros(256, np.int64)  # frames; how often each level occurs
        for block in blocks:
            if stop is not None and stop.is_set():
                break
            held = np.concatenate([held, block])
            whole = max(0, (len(held) - size) // hop + 1)
            made = _levels(held, whole, size, hop, window, weights)
            seen += np.bincount(made.ravel(), minlength=256)
            out.write(made.tobytes())
            held, count = held[whole * hop :], count + whole
        held = np.concatenate([held, np.zeros(size, np.float32)])
        rest = max(1 if not count else 0, (len(held) - size) // hop)
        made = _levels(held, rest, size, hop, window, weights)
        seen += np.bincount(made.ravel(), minlength=256)
        out.write(made.tobytes())
        count += rest
    levels = np.memmap(file, np.uint8, "r", shape=(count, BANDS))
    return Spectrogram(levels, hop / rate, edges, contrast(seen))


def contrast(seen: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The levels to draw darkest and brightest, from how often each of the 256 occurs: noise dark, peaks bright.

    >>> contrast(np.bincount([40] * 90 + [200] * 10, minlength=256))
    (40, 200)
    """
    share = np.cumsum(seen) / max(1, int(seen.sum()))
    low, high = int(np.searchsorted(share, 0.2)), int(np.searchsorted(share, 0.999))
    low = min(low, 255 - _LEAST)
    return low, max(high, low + _LEAST)


def _levels(samples: FloatArray, frames: int, size: int, hop: int, window: FloatArray, weights: FloatArray) -> Bytes:
    """Decibels as bytes (frames, bands) of the first `frames` frames of samples."""
    made = np.zeros((frames, BANDS), np.uint8)
    views = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop] if len(samples) >= size else None
    for first in range(0, frames if views is not None else 0, _AT_ONCE):
        assert views is not None
        part = views[first : min(frames, first + _AT_ONCE)] * window  # (frames, size)
        power = np.abs(np.fft.rfft(part, axis=1).astype(np.complex64)) ** 2 * np.float32(4 / window.sum() ** 2)
        decibels = 10 * np.log10(power @ weights + np.float32(1e-12))  # (frames, bands)
        scaled = (decibels - FLOOR) * (255 / (CEILING - FLOOR))
        made[first : first + len(part)] = np.clip(np.round(scaled), 0, 255)
    return made


def band_edges(top: float) -> DoubleArray:
    """Edges (bands + 1,) in Hz, evenly on the mel scale."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (min(LOWEST, top / 4), top))
    edges: DoubleArray = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    return edges


def band_weights(edges: DoubleArray, size: int, rate: int) -> FloatArray:
    """Weights (bins, bands): the mean of the bins within a band, or the two around it where it holds none."""
    bins = np.arange(size // 2 + 1) * rate / size
    weights = np.zeros((len(bins), len(edges) - 1), np.float32)
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        within = np.flatnonzero((bins >= low) & (bins < high))
        if len(within):
            weights[within, band] = 1 / len(within)
            continue
        place = (low + high) / 2 * size / rate
        below = min(int(place), len(bins) - 2)
        weights[below : below + 2, band] = 1 - (place - below), place - below
    return weights


def tile(spectrogram: Spectrogram, begin: float, end: float, width: int, height: int) -> bytes:
    """A PNG of `width` x `height` pixels, low frequencies at the foot, of the seconds from `begin` to `end`.

    What lies outside the recording is drawn as silence.
    """
    levels = spectrogram.levels
    # A pixel shows the frames whose centres lie in it; where there are none, the nearest one.
    places = np.linspace(begin, end, width + 1) / spectrogram.hop
    edges = np.ceil(places - _CLOSE).astype(np.int64)
    nearest = np.floor((places[:-1] + places[1:]) / 2 + 0.5).astype(np.int64)
    first = np.where(edges[1:] > edges[:-1], edges[:-1], nearest)
    last = np.maximum(edges[1:], first + 1)  # exclusive
    columns = np.zeros((width, levels.shape[1]), np.uint8)
    inside = np.flatnonzero((last > 0) & (first < len(levels)))
    if len(inside):
        one, two = max(0, int(first[inside[0]])), min(len(levels), int(last[inside[-1]]))
        columns[inside] = _largest(levels[one:two], first[inside] - one, last[inside] - one)
    rows = np.minimum((np.arange(height)[::-1] + 0.5) * levels.shape[1] / height, levels.shape[1] - 1).astype(np.int64)
    return png(np.ascontiguousarray(columns[:, rows].T), palette(spectrogram.span))


def _largest(levels: Bytes, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Bytes:
    """The largest level of frames first .. last - 1, for each pixel; (pixels, bands)."""
    first, last = np.clip(first, 0, len(levels) - 1), np.clip(last, 1, len(levels))
    if (last - first).max() == 1:
        return np.asarray(levels[first])
    spans = zip(first.tolist(), last.tolist(), strict=True)
    return np.stack([levels[begin:end].max(axis=0) for begin, end in spans])  # ten times as fast as `reduceat`


def palette(span: tuple[int, int] = (0, 255)) -> Bytes:
    """Colours (256, 3): dark up to the first level of `span`, then brighter up to the second."""
    places, anchors = np.linspace(*span, len(_ANCHORS)), np.array(_ANCHORS, np.float64)
    colours = [np.interp(np.arange(256), places, anchors[:, channel]) for channel in range(3)]
    return np.round(np.stack(colours, axis=1)).astype(np.uint8)


def png(pixels: Bytes, colours: Bytes) -> bytes:
    """An image (height, width) of places in `colours` (256, 3) as a PNG."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), _chunk(b"PLTE", colours.tobytes())]
    parts += [_chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def forget(file: Path) -> None:
    """Remove the file of a spectrogram, where there is one."""
    if file.exists():
        os.unlink(file)
