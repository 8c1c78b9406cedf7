"""Triton kernels of batch normalisation, activation and pooling over maps whose channels lie last.

A map is a matrix of cells (clip, step, band) times channels. `fused_norm` says what is computed, and calls these.
Of a gated layer the map has twice the channels: first those of the linear part, then those of the gate.
"""

from __future__ import annotations

import triton
import triton.language as tl

LINEAR, RELU, GLU = 0, 1, 2


@triton.jit
def sums_kernel(y, shift, parts, cells, step, width: tl.constexpr, rows: tl.constexpr,
                block: tl.constexpr):  # fmt: skip
    """Sums and sums of squares of y - shift, channel by channel, over every so-many blocks of cells."""
    column = tl.program_id(1) * block + tl.arange(0, block)
    offset = tl.load(shift + column)[None, :]
    total = tl.zeros((rows, block), tl.float32)
    squares = tl.zeros((rows, block), tl.float32)
    for first in range(tl.program_id(0) * rows, cells, step):
        row = first + tl.arange(0, rows)
        at = row.to(tl.int64)[:, None] * width + column[None, :]
        inside = (row < cells)[:, None]
        x = tl.where(inside, tl.load(y + at, mask=inside, other=0.0).to(tl.float32) - offset, 0.0)
        total += x
        squares += x * x
    out = parts + tl.program_id(0) * 2 * width + column
    tl.store(out, tl.sum(total, 0))
    tl.store(out + width, tl.sum(squares, 0))


@triton.jit
def statistics_kernel(parts, count, cells, momentum, running_mean, running_var,
                      mean, variance, width: tl.constexpr, rows: tl.constexpr,
                      block: tl.constexpr):  # fmt: skip
    """Mean and variance of every channel from `count` partial sums about the running mean, which is updated too."""
    column = tl.program_id(0) * block + tl.arange(0, block)
    total = tl.zeros((rows, block), tl.float32)
    squares = tl.zeros((rows, block), tl.float32)
    for first in range(0, count, rows):
        row = first + tl.arange(0, rows)
        at = parts + row[:, None] * (2 * width) + column[None, :]
        inside = (row < count)[:, None]
        total += tl.load(at, mask=inside, other=0.0)
        squares += tl.load(at + width, mask=inside, other=0.0)
    apart = tl.sum(total, 0) / cells
    var = tl.maximum(tl.sum(squares, 0) / cells - apart * apart, 0.0)
    before = tl.load(running_mean + column)
    now = before + apart
    tl.store(mean + column, now)
    tl.store(variance + column, var)
    tl.store(running_mean + column, before + momentum * apart)
    unbiased = var * (cells / tl.maximum(cells - 1.0, 1.0))
    former = tl.load(running_var + column)
    tl.store(running_var + column, former + momentum * (unbiased - former))


@triton.jit
def _normed(y, at, inside, mean, root):
    return (tl.load(y + at, mask=inside, other=0.0).to(tl.float32) - mean) * root


@triton.jit
def forward_kernel(y, mean, variance, weight, bias, out, made, steps,
                   bands, out_steps, out_bands, eps, channels: tl.constexpr, kind: tl.constexpr,
                   high: tl.constexpr, wide: tl.constexpr, average: tl.constexpr, rows: tl.constexpr,
                   block: tl.constexpr):  # fmt: skip
    """Normalise, activate and pool `high` x `wide` cells to one; `made` cells come out."""
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * block + tl.arange(0, block)
    inside = (row < made)[:, None]
    band = row % out_bands * wide
    step = row // out_bands % out_steps * high
    corner = ((row // (out_bands * out_steps)).to(tl.int64) * steps + step) * bands + band
    mean_a = tl.load(mean + column)[None, :]
    scale_a = (tl.load(weight + column) * tl.rsqrt(tl.load(variance + column) + eps))[None, :]
    bias_a = tl.load(bias + column)[None, :]
    if kind == 2:
        mean_b = tl.load(mean + channels + column)[None, :]
        scale_b = (tl.load(weight + channels + column) * tl.rsqrt(tl.load(variance + channels + column) + eps))[None, :]
        bias_b = tl.load(bias + channels + column)[None, :]
    pooled = tl.zeros((rows, block), tl.float32)
    for i in tl.static_range(high):
        for j in tl.static_range(wide):
            at = (corner + i * bands + j)[:, None] * width + column[None, :]
            value = _normed(y, at, inside, mean_a, scale_a) + bias_a
            if kind == 1:
                value = tl.maximum(value, 0.0)
            if kind == 2:
                value *= tl.sigmoid(_normed(y, at + channels, inside, mean_b, scale_b) + bias_b)
            if average:
                pooled += value
            elif i == 0 and j == 0:
                pooled = value
            else:
                pooled = tl.maximum(pooled, value)
    if average:
        pooled = pooled / (high * wide)
    to = row.to(tl.int64)[:, None] * channels + column[None, :]
    tl.store(out + to, pooled.to(out.dtype.element_ty), mask=inside)


@triton.jit
def slopes_kernel(y, slope, mean, variance, weight, bias, parts, made,
                  step_over, steps, bands, out_steps, out_bands, eps,
                  channels: tl.constexpr, kind: tl.constexpr, high: tl.constexpr, wide: tl.constexpr,
                  average: tl.constexpr, rows: tl.constexpr, block: tl.constexpr):  # fmt: skip
    """Of what comes back of each normalised value: its sum and its sum times the value, channel by channel.

    Parts are (program, 2, width): the sums, then the sums of products.
    """
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    column = tl.program_id(1) * block + tl.arange(0, block)
    mean_a = tl.load(mean + column)[None, :]
    root_a = tl.rsqrt(tl.load(variance + column) + eps)[None, :]
    weight_a = tl.load(weight + column)[None, :]
    bias_a = tl.load(bias + column)[None, :]
    sum_a = tl.zeros((rows, block), tl.float32)
    dot_a = tl.zeros((rows, block), tl.float32)
    if kind == 2:
        mean_b = tl.load(mean + channels + column)[None, :]
        root_b = tl.rsqrt(tl.load(variance + channels + column) + eps)[None, :]
        weight_b = tl.load(weight + channels + column)[None, :]
        bias_b = tl.load(bias + channels + column)[None, :]
        sum_b = tl.zeros((rows, block), tl.float32)
        dot_b = tl.zeros((rows, block), tl.float32)
    for first in range(tl.program_id(0) * rows, made, step_over):
        row = first + tl.arange(0, rows)
        inside = (row < made)[:, None]
        band = row % out_bands * wide
        step = row // out_bands % out_steps * high
        corner = ((row // (out_bands * out_steps)).to(tl.int64) * steps + step) * bands + band
        back = tl.load(slope + row.to(tl.int64)[:, None] * channels + column[None, :], mask=inside, other=0.0)
        back = back.to(tl.float32)
        best = tl.full((rows, block), float("-inf"), tl.float32)
        norm_a = tl.zeros((rows, block), tl.float32)
        norm_b = tl.zeros((rows, block), tl.float32)
        for i in tl.static_range(high):
            for j in tl.static_range(wide):
                at = (corner + i * bands + j)[:, None] * width + column[None, :]
                a = _normed(y, at, inside, mean_a, root_a)
                value = a * weight_a + bias_a
                if kind == 2:
                    b = _normed(y, at + channels, inside, mean_b, root_b)
                    value *= tl.sigmoid(b * weight_b + bias_b)
                if average:  # of a layer without a gate
                    own = back / (high * wide)
                    if kind == 1:
                        own = tl.where(value > 0, own, 0.0)
                    sum_a += own
                    dot_a += own * a
                else:
                    better = value > best
                    best = tl.where(better, value, best)
                    norm_a = tl.where(better, a, norm_a)
                    if kind == 2:
                        norm_b = tl.where(better, b, norm_b)
        if not average:
            if kind == 2:
                gate = tl.sigmoid(norm_b * weight_b + bias_b)
                of_b = back * (norm_a * weight_a + bias_a) * gate * (1 - gate)
                sum_b += of_b
                dot_b += of_b * norm_b
                back *= gate
            if kind == 1:
                back = tl.where(best > 0, back, 0.0)
            sum_a += back
            dot_a += back * norm_a
    to = parts + tl.program_id(0) * 2 * width + column
    tl.store(to, tl.sum(sum_a, 0))
    tl.store(to + width, tl.sum(dot_a, 0))
    if kind == 2:
        tl.store(to + channels, tl.sum(sum_b, 0))
        tl.store(to + width + channels, tl.sum(dot_b, 0))


@triton.jit
def backward_kernel(y, slope, mean, variance, weight, bias, sums, back_to,
                    windows, steps, bands, out_steps, out_bands, all_steps,
                    all_bands, cells, eps, channels: tl.constexpr, kind: tl.constexpr,
                    high: tl.constexpr, wide: tl.constexpr, average: tl.constexpr, rows: tl.constexpr,
                    block: tl.constexpr):  # fmt: skip
    """Gradient of the map, window by window, also of the cells that pooling left over: `all_steps`, `all_bands`."""
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * block + tl.arange(0, block)
    w = row % all_bands
    h = row // all_bands % all_steps
    clip = (row // (all_bands * all_steps)).to(tl.int64)
    there = row < windows
    taught = (there & (w < out_bands) & (h < out_steps))[:, None]
    corner = (clip * steps + h * high) * bands + w * wide
    place = (clip * out_steps + h) * out_bands + w
    back = tl.load(slope + place[:, None] * channels + column[None, :], mask=taught, other=0.0).to(tl.float32)
    mean_a = tl.load(mean + column)[None, :]
    root_a = tl.rsqrt(tl.load(variance + column) + eps)[None, :]
    weight_a = tl.load(weight + column)[None, :]
    bias_a = tl.load(bias + column)[None, :]
    sum_a = (tl.load(sums + column) / cells)[None, :]
    dot_a = (tl.load(sums + width + column) / cells)[None, :]
    if kind == 2:
        mean_b = tl.load(mean + channels + column)[None, :]
        root_b = tl.rsqrt(tl.load(variance + channels + column) + eps)[None, :]
        weight_b = tl.load(weight + channels + column)[None, :]
        bias_b = tl.load(bias + channels + column)[None, :]
        sum_b = (tl.load(sums + channels + column) / cells)[None, :]
        dot_b = (tl.load(sums + width + channels + column) / cells)[None, :]
    best = tl.full((rows, block), float("-inf"), tl.float32)
    chosen = tl.zeros((rows, block), tl.int32)
    if not average:
        for i in tl.static_range(high):
            for j in tl.static_range(wide):
                at = (corner + i * bands + j)[:, None] * width + column[None, :]
                value = _normed(y, at, taught, mean_a, root_a) * weight_a + bias_a
                if kind == 2:
                    value *= tl.sigmoid(_normed(y, at + channels, taught, mean_b, root_b) * weight_b + bias_b)
                better = value > best
                best = tl.where(better, value, best)
                chosen = tl.where(better, i * wide + j, chosen)
    for i in tl.static_range(high):
        for j in tl.static_range(wide):
            inside = (there & (h * high + i < steps) & (w * wide + j < bands))[:, None]
            at = (corner + i * bands + j)[:, None] * width + column[None, :]
            own = back / (high * wide) if average else tl.where(chosen == i * wide + j, back, 0.0)
            a = _normed(y, at, inside, mean_a, root_a)
            value = a * weight_a + bias_a
            if kind == 1:
                own = tl.where(value > 0, own, 0.0)
            if kind == 2:
                b = _normed(y, at + channels, inside, mean_b, root_b)
                gate = tl.sigmoid(b * weight_b + bias_b)
                of_b = own * value * gate * (1 - gate)
                own *= gate
                result = weight_b * root_b * (of_b - sum_b - b * dot_b)
                tl.store(back_to + at + channels, result.to(back_to.dtype.element_ty), mask=inside)
            result = weight_a * root_a * (own - sum_a - a * dot_a)
            tl.store(back_to + at, result.to(back_to.dtype.element_ty), mask=inside)
