"""Triton kernels of batch normalisation, activation and pooling over maps whose channels lie last.

A map is a matrix of cells (clip, step, band) times channels. `fused_norm` says what is computed, and calls these.
Of a gated layer the map has twice the channels: first those of the linear part, then those of the gate.

With `ragged` each clip has so many valid steps (`lengths`), and all clips `count` valid cells: what lies beyond counts
in no sum, and zero comes out of it.

With `first` there is no map: `y` is the single channel (clip, step, band) that a network's first convolution sees, and
`kernels` (16, channels) are that convolution's, nine rows of them and seven of zeros.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Sizes of maps: a kernel is compiled once for all of them, not again for those that 16 divides.
SIZES = ["cells", "made", "windows", "step_over", "steps", "bands", "out_steps", "out_bands", "all_steps", "all_bands"]


@triton.jit
def _around(x, clip, step, band, inside, steps, bands):
    """The nine neighbours of every cell of one channel, and seven zeros: (rows, 16)."""
    tap = tl.arange(0, 16)[None, :]
    t = step[:, None] + tap // 3 - 1
    f = band[:, None] + tap % 3 - 1
    there = inside & (tap < 9) & (t >= 0) & (t < steps) & (f >= 0) & (f < bands)
    return tl.load(x + (clip[:, None] * steps + t) * bands + f, mask=there, other=0.0)


@triton.jit
def _corner(row, steps, bands, down, across, high: tl.constexpr, wide: tl.constexpr):
    """First cell of a window, as its place in the map and as clip, step and band; windows are `down` x `across` a clip.

    Divisions cost more than anything else here, so there are no more than the pooling asks for.
    """
    line = row // across
    clip = (row // (across * down)).to(tl.int64)
    step = line % down * high
    band = row % across * wide
    if high == 1:
        cell = row.to(tl.int64) if wide == 1 else line.to(tl.int64) * bands + band
    else:
        cell = (clip * steps + step) * bands + band
    return cell, clip, step, band


@triton.jit
def _cells(y, taps, cell, clip, step, band, inside, steps, bands, column, width: tl.constexpr, first: tl.constexpr):
    """The map's values at these cells and channels, (rows, block) in float32."""
    if first:
        found = tl.dot(_around(y, clip, step, band, inside, steps, bands), taps)
    else:
        found = tl.load(y + cell[:, None] * width + column[None, :], mask=inside, other=0.0).to(tl.float32)
    return found


@triton.jit
def _taps(y, kernels, column, width: tl.constexpr, first: tl.constexpr):
    """The kernels of these channels, (16, block); anything where there is a map."""
    if first:  # noqa: SIM108 - a ternary of Triton wants both sides of one type
        taps = tl.load(kernels + tl.arange(0, 16)[:, None] * width + column[None, :])
    else:
        taps = column
    return taps


@triton.jit
def _valid(there, lengths, clip, step, high: tl.constexpr, ragged: tl.constexpr):
    """Which rows lie before their clips' ends, where a step is `high` steps of the lengths: (rows, 1)."""
    if ragged:
        there = there & (step < tl.load(lengths + clip, mask=there, other=0) // high)
    return there[:, None]


@triton.jit(do_not_specialize=SIZES)
def sums_kernel(
    y, kernels, shift, parts, lengths, cells, step_over, steps, bands, width: tl.constexpr, first: tl.constexpr,
    ragged: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Sums and sums of squares of y - shift, channel by channel, over every n-th block of cells."""
    column = tl.program_id(1) * block + tl.arange(0, block)
    offset = tl.load(shift + column)[None, :]
    taps = _taps(y, kernels, column, width, first)
    total = tl.zeros((rows, block), tl.float32)
    squares = tl.zeros((rows, block), tl.float32)
    for begin in range(tl.program_id(0) * rows, cells, step_over):
        row = begin + tl.arange(0, rows)
        cell, clip, step, band = _corner(row, steps, bands, steps, bands, 1, 1)
        inside = _valid(row < cells, lengths, clip, step, 1, ragged)
        x = _cells(y, taps, cell, clip, step, band, inside, steps, bands, column, width, first)
        x = tl.where(inside, x - offset, 0.0)
        total += x
        squares += x * x
    out = parts + tl.program_id(0) * 2 * width + column
    tl.store(out, tl.sum(total, 0))
    tl.store(out + width, tl.sum(squares, 0))


@triton.jit
def statistics_kernel(
    parts, programs, count, momentum, running_mean, running_var, mean, variance, width: tl.constexpr,
    rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Mean and variance of every channel from `programs` partial sums about the running mean, which is updated too."""
    column = tl.program_id(0) * block + tl.arange(0, block)
    total = tl.zeros((rows, block), tl.float32)
    squares = tl.zeros((rows, block), tl.float32)
    cells = tl.maximum(tl.load(count), 1.0)
    for begin in range(0, programs, rows):
        row = begin + tl.arange(0, rows)
        at = parts + row[:, None] * (2 * width) + column[None, :]
        inside = (row < programs)[:, None]
        total += tl.load(at, mask=inside, other=0.0)
        squares += tl.load(at + width, mask=inside, other=0.0)
    apart = tl.sum(total, 0) / cells
    var = tl.maximum(tl.sum(squares, 0) / cells - apart * apart, 0.0)
    before = tl.load(running_mean + column)
    tl.store(mean + column, before + apart)
    tl.store(variance + column, var)
    tl.store(running_mean + column, before + momentum * apart)
    unbiased = var * (cells / tl.maximum(cells - 1.0, 1.0))
    former = tl.load(running_var + column)
    tl.store(running_var + column, former + momentum * (unbiased - former))


@triton.jit(do_not_specialize=SIZES)
def forward_kernel(
    y, kernels, mean, variance, weight, bias, out, lengths, made, step_over, steps, bands, out_steps, out_bands, eps,
    channels: tl.constexpr, kind: tl.constexpr, high: tl.constexpr, wide: tl.constexpr, average: tl.constexpr,
    first: tl.constexpr, ragged: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Normalise, activate and pool `high` x `wide` cells to one; `made` cells come out."""
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    column = tl.program_id(1) * block + tl.arange(0, block)
    gate = column + (channels if kind == 2 else 0)
    taps_a = _taps(y, kernels, column, width, first)
    taps_b = _taps(y, kernels, gate, width, first)
    scale_a = (tl.load(weight + column) * tl.rsqrt(tl.load(variance + column) + eps))[None, :]
    scale_b = (tl.load(weight + gate) * tl.rsqrt(tl.load(variance + gate) + eps))[None, :]
    shift_a = tl.load(bias + column)[None, :] - tl.load(mean + column)[None, :] * scale_a
    shift_b = tl.load(bias + gate)[None, :] - tl.load(mean + gate)[None, :] * scale_b
    for begin in range(tl.program_id(0) * rows, made, step_over):
        row = begin + tl.arange(0, rows)
        inside = (row < made)[:, None]
        cell, clip, step, band = _corner(row, steps, bands, out_steps, out_bands, high, wide)
        pooled = tl.zeros((rows, block), tl.float32)
        for i in tl.static_range(high):
            for j in tl.static_range(wide):
                at = cell + i * bands + j
                value = _cells(y, taps_a, at, clip, step + i, band + j, inside, steps, bands, column, width, first)
                value = value * scale_a + shift_a
                if kind == 1:
                    value = tl.maximum(value, 0.0)
                if kind == 2:
                    other = _cells(y, taps_b, at, clip, step + i, band + j, inside, steps, bands, gate, width, first)
                    value *= tl.sigmoid(other * scale_b + shift_b)
                if average:
                    pooled += value
                elif i == 0 and j == 0:
                    pooled = value
                else:
                    pooled = tl.maximum(pooled, value)
        if average:
            pooled = pooled / (high * wide)
        if ragged:
            pooled = tl.where(
                _valid(row < made, lengths, clip, row // out_bands % out_steps, high, ragged), pooled, 0.0
            )
        to = row.to(tl.int64)[:, None] * channels + column[None, :]
        tl.store(out + to, pooled.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=SIZES)
def slopes_kernel(
    y, kernels, slope, mean, variance, weight, bias, parts, lengths, made, step_over, steps, bands, out_steps,
    out_bands, eps, channels: tl.constexpr, kind: tl.constexpr, high: tl.constexpr, wide: tl.constexpr,
    average: tl.constexpr, first: tl.constexpr, ragged: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Of what comes back of each normalised value: its sum and its sum times the value, channel by channel.

    Parts are (program, 2, width): the sums, then the sums of products.
    """
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    column = tl.program_id(1) * block + tl.arange(0, block)
    gate = column + (channels if kind == 2 else 0)
    taps_a = _taps(y, kernels, column, width, first)
    taps_b = _taps(y, kernels, gate, width, first)
    mean_a, mean_b = tl.load(mean + column)[None, :], tl.load(mean + gate)[None, :]
    root_a = tl.rsqrt(tl.load(variance + column) + eps)[None, :]
    root_b = tl.rsqrt(tl.load(variance + gate) + eps)[None, :]
    weight_a, weight_b = tl.load(weight + column)[None, :], tl.load(weight + gate)[None, :]
    bias_a, bias_b = tl.load(bias + column)[None, :], tl.load(bias + gate)[None, :]
    sum_a = tl.zeros((rows, block), tl.float32)
    dot_a = tl.zeros((rows, block), tl.float32)
    sum_b = tl.zeros((rows, block), tl.float32)
    dot_b = tl.zeros((rows, block), tl.float32)
    for begin in range(tl.program_id(0) * rows, made, step_over):
        row = begin + tl.arange(0, rows)
        cell, clip, step, band = _corner(row, steps, bands, out_steps, out_bands, high, wide)
        inside = _valid(row < made, lengths, clip, row // out_bands % out_steps, high, ragged)
        back = tl.load(slope + row.to(tl.int64)[:, None] * channels + column[None, :], mask=inside, other=0.0)
        back = back.to(tl.float32)
        best = tl.full((rows, block), float("-inf"), tl.float32)
        norm_a = tl.zeros((rows, block), tl.float32)
        norm_b = tl.zeros((rows, block), tl.float32)
        for i in tl.static_range(high):
            for j in tl.static_range(wide):
                at = cell + i * bands + j
                a = _cells(y, taps_a, at, clip, step + i, band + j, inside, steps, bands, column, width, first)
                a = (a - mean_a) * root_a
                value = a * weight_a + bias_a
                if kind == 2:
                    b = _cells(y, taps_b, at, clip, step + i, band + j, inside, steps, bands, gate, width, first)
                    b = (b - mean_b) * root_b
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
                open_b = tl.sigmoid(norm_b * weight_b + bias_b)
                of_b = back * (norm_a * weight_a + bias_a) * open_b * (1 - open_b)
                sum_b += of_b
                dot_b += of_b * norm_b
                back *= open_b
            if kind == 1:
                back = tl.where(best > 0, back, 0.0)
            sum_a += back
            dot_a += back * norm_a
    to = parts + tl.program_id(0) * 2 * width
    tl.store(to + column, tl.sum(sum_a, 0))
    tl.store(to + width + column, tl.sum(dot_a, 0))
    if kind == 2:
        tl.store(to + gate, tl.sum(sum_b, 0))
        tl.store(to + width + gate, tl.sum(dot_b, 0))


@triton.jit(do_not_specialize=SIZES)
def backward_kernel(
    y, kernels, slope, mean, variance, weight, bias, sums, back_to, to_input, lengths, windows, step_over, steps,
    bands, out_steps, out_bands, all_steps, all_bands, count, eps, channels: tl.constexpr, kind: tl.constexpr,
    high: tl.constexpr, wide: tl.constexpr, average: tl.constexpr, first: tl.constexpr, ragged: tl.constexpr,
    through: tl.constexpr, rows: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Gradient of the map, window by window, also of the cells that pooling left over: `all_steps`, `all_bands`.

    With `first` the gradient of the kernels instead, in parts (program, 16, width), and if it goes `through` what each
    cell gives back to its nine neighbours: `to_input` (cells, 16).
    """
    width: tl.constexpr = 2 * channels if kind == 2 else channels
    column = tl.program_id(1) * block + tl.arange(0, block)
    gate = column + (channels if kind == 2 else 0)
    tap = tl.arange(0, 16)
    taps_a = _taps(y, kernels, column, width, first)
    taps_b = _taps(y, kernels, gate, width, first)
    mean_a, mean_b = tl.load(mean + column)[None, :], tl.load(mean + gate)[None, :]
    root_a = tl.rsqrt(tl.load(variance + column) + eps)[None, :]
    root_b = tl.rsqrt(tl.load(variance + gate) + eps)[None, :]
    weight_a, weight_b = tl.load(weight + column)[None, :], tl.load(weight + gate)[None, :]
    bias_a, bias_b = tl.load(bias + column)[None, :], tl.load(bias + gate)[None, :]
    cells = tl.maximum(tl.load(count), 1.0)
    sum_a, sum_b = (tl.load(sums + column) / cells)[None, :], (tl.load(sums + gate) / cells)[None, :]
    dot_a, dot_b = (tl.load(sums + width + column) / cells)[None, :], (tl.load(sums + width + gate) / cells)[None, :]
    of_taps_a = tl.zeros((16, block), tl.float32)
    of_taps_b = tl.zeros((16, block), tl.float32)
    for begin in range(tl.program_id(0) * rows, windows, step_over):
        row = begin + tl.arange(0, rows)
        there = row < windows
        corner, clip, above, left = _corner(row, steps, bands, all_steps, all_bands, high, wide)
        w = row % all_bands
        h = row // all_bands % all_steps
        if high == 1:
            place = row.to(tl.int64) if wide == 1 else (row // all_bands).to(tl.int64) * out_bands + w
        else:
            place = (clip * out_steps + h) * out_bands + w
        taught = there
        if wide > 1:
            taught = taught & (w < out_bands)
        if high > 1:
            taught = taught & (h < out_steps)
        taught = _valid(taught, lengths, clip, h, high, ragged)
        back = tl.load(slope + place[:, None] * channels + column[None, :], mask=taught, other=0.0).to(tl.float32)
        best = tl.full((rows, block), float("-inf"), tl.float32)
        chosen = tl.zeros((rows, block), tl.int32)
        if not average and high * wide > 1:
            for i in tl.static_range(high):
                for j in tl.static_range(wide):
                    step, band, at = above + i, left + j, corner + i * bands + j
                    value = _cells(y, taps_a, at, clip, step, band, taught, steps, bands, column, width, first)
                    value = (value - mean_a) * root_a * weight_a + bias_a
                    if kind == 2:
                        b = _cells(y, taps_b, at, clip, step, band, taught, steps, bands, gate, width, first)
                        value *= tl.sigmoid((b - mean_b) * root_b * weight_b + bias_b)
                    better = value > best
                    best = tl.where(better, value, best)
                    chosen = tl.where(better, i * wide + j, chosen)
        for i in tl.static_range(high):
            for j in tl.static_range(wide):
                step, band, cell = above + i, left + j, corner + i * bands + j
                within = there
                if wide > 1:
                    within = within & (band < bands)
                if high > 1:
                    within = within & (step < steps)
                inside = within[:, None]
                valid = _valid(within, lengths, clip, step, 1, ragged)
                own = back / (high * wide) if average else tl.where(chosen == i * wide + j, back, 0.0)
                a = _cells(y, taps_a, cell, clip, step, band, inside, steps, bands, column, width, first)
                a = (a - mean_a) * root_a
                value = a * weight_a + bias_a
                if kind == 1:
                    own = tl.where(value > 0, own, 0.0)
                if kind == 2:
                    b = _cells(y, taps_b, cell, clip, step, band, inside, steps, bands, gate, width, first)
                    b = (b - mean_b) * root_b
                    open_b = tl.sigmoid(b * weight_b + bias_b)
                    of_b = own * value * open_b * (1 - open_b)
                    own *= open_b
                    of_b = weight_b * root_b * (of_b - sum_b - b * dot_b)
                    of_b = tl.where(valid, of_b, 0.0)
                of_a = tl.where(valid, weight_a * root_a * (own - sum_a - a * dot_a), 0.0)
                if first:
                    of_a = of_a.to(y.dtype.element_ty)
                    patch = tl.trans(_around(y, clip, step, band, inside, steps, bands))
                    of_taps_a += tl.dot(patch, of_a)
                    if kind == 2:
                        of_b = of_b.to(y.dtype.element_ty)
                        of_taps_b += tl.dot(patch, of_b)
                    if through:
                        passed = tl.dot(of_a, tl.trans(taps_a))
                        if kind == 2:
                            passed += tl.dot(of_b, tl.trans(taps_b))
                        tl.store(
                            to_input + cell[:, None] * 16 + tap[None, :], passed.to(y.dtype.element_ty), mask=inside
                        )
                else:
                    at = back_to + cell[:, None] * width
                    tl.store(at + column[None, :], of_a.to(y.dtype.element_ty), mask=inside)
                    if kind == 2:
                        tl.store(at + gate[None, :], of_b.to(y.dtype.element_ty), mask=inside)
    if first:
        at = back_to + (tl.program_id(0) * 16 + tap)[:, None] * width
        tl.store(at + column[None, :], of_taps_a)
        if kind == 2:
            tl.store(at + gate[None, :], of_taps_b)


@triton.jit
def gather_kernel(to_input, out, cells, steps, bands, rows: tl.constexpr):
    """The gradient of a single channel: of every cell, what its nine neighbours give back to it."""
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    band = row % bands
    step = row // bands % steps
    total = tl.zeros((rows,), tl.float32)
    for i in tl.static_range(3):
        for j in tl.static_range(3):
            t, f = step + 1 - i, band + 1 - j
            there = (row < cells) & (t >= 0) & (t < steps) & (f >= 0) & (f < bands)
            at = (row.to(tl.int64) + (1 - i) * bands + 1 - j) * 16 + i * 3 + j
            total += tl.load(to_input + at, mask=there, other=0.0).to(tl.float32)
    tl.store(out + row, total, mask=row < cells)
