"""Triton kernel of a mel spectrum: from the complex spectrum of frames to the logarithm of their bands in one pass."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["frames", "bins", "row_size"])
def mel_kernel(
    spectrum, filters, out, frames, bins, row_size, floor, bands: tl.constexpr, padded: tl.constexpr,
    power: tl.constexpr, decibels: tl.constexpr, clamp: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Bands (frame, bands) of a spectrum (frame, row_size numbers), real and imaginary parts in turns, of `bins` bins.

    `filters` are (bins, bands); a band count that is no power of two is `padded` to one.
    """
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    there = (row < frames)[:, None]
    band = tl.arange(0, padded)
    begin = spectrum + row.to(tl.int64)[:, None] * row_size
    mel = tl.zeros((rows, padded), tl.float32)
    for first in range(0, bins, block):
        part = 2 * first + tl.arange(0, 2 * block)
        x = tl.load(begin + part[None, :], mask=there & (part < 2 * bins)[None, :], other=0.0)
        loud = tl.sum(tl.reshape(x * x, (rows, block, 2)), axis=2)
        if power == 1:
            loud = tl.sqrt(loud)
        at = first + tl.arange(0, block)
        known = (at < bins)[:, None] & (band < bands)[None, :]
        heard = tl.load(filters + at[:, None] * bands + band[None, :], mask=known, other=0.0)
        mel = tl.dot(loud, heard, mel, input_precision="tf32x3")
    mel = tl.maximum(mel, floor) if clamp else mel + floor
    found = tl.log(mel)
    if decibels:
        found *= 4.342944819032518  # 10 / ln 10
    tl.store(out + row.to(tl.int64)[:, None] * bands + band[None, :], found, mask=there & (band < bands)[None, :])
