"""Triton kernels of a GRU: all steps of some clips in one launch, the state never leaving the processor's registers.

`fused_gru` says what is computed, and calls these. Inputs arrive projected: (batch, steps, way, 3 * units), a way being
a direction, gates in PyTorch's order: reset, update, new. Units are a power of two; `rows` clips share a program.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _place(step, length, way):
    """The step of each clip that a direction visits at its so-manieth: the backward one begins at the clip's end."""
    return tl.where(way == 0, step, length - 1 - step)


@triton.jit
def gru_forward_kernel(inputs, weights, biases, lengths, states, kept, batch,
                       steps, ways: tl.constexpr, units: tl.constexpr, rows: tl.constexpr, ragged: tl.constexpr,
                       keep: tl.constexpr):  # fmt: skip
    """States (batch, steps, way * units), and with `keep` what the way back asks for: (batch, steps, way, 4, units)."""
    way = tl.program_id(1)
    clip = tl.program_id(0) * rows + tl.arange(0, rows)
    unit = tl.arange(0, units)
    there = clip < batch
    own = weights + way * 3 * units * units + unit[None, :] * units + unit[:, None]  # (in, out)
    to_reset = tl.load(own)
    to_update = tl.load(own + units * units)
    to_new = tl.load(own + 2 * units * units)
    bias = biases + way * 3 * units + unit
    bias_reset = tl.load(bias).to(tl.float32)[None, :]
    bias_update = tl.load(bias + units).to(tl.float32)[None, :]
    bias_new = tl.load(bias + 2 * units).to(tl.float32)[None, :]
    length = tl.full((rows,), 0, tl.int32) + steps
    if ragged:
        length = tl.load(lengths + clip, mask=there, other=0).to(tl.int32)
    first = clip.to(tl.int64) * steps
    state = tl.zeros((rows, units), tl.float32)
    live = (there & (length > 0))[:, None]
    at = inputs + ((first + _place(0, length, way)) * (ways * 3 * units) + way * 3 * units)[:, None] + unit[None, :]
    reset_in = tl.load(at, mask=live, other=0.0)
    update_in = tl.load(at + units, mask=live, other=0.0)
    new_in = tl.load(at + 2 * units, mask=live, other=0.0)
    for step in range(steps):
        live = (there & (step < length))[:, None]
        place = first + _place(step, length, way)
        after = (there & (step + 1 < length))[:, None]  # the inputs of the next step are on their way during this one
        at = (first + _place(step + 1, length, way)) * (ways * 3 * units) + way * 3 * units
        at = inputs + at[:, None] + unit[None, :]
        next_reset = tl.load(at, mask=after, other=0.0)
        next_update = tl.load(at + units, mask=after, other=0.0)
        next_new = tl.load(at + 2 * units, mask=after, other=0.0)
        fed = state.to(to_reset.dtype)
        reset = tl.sigmoid(tl.dot(fed, to_reset) + reset_in.to(tl.float32) + bias_reset)
        update = tl.sigmoid(tl.dot(fed, to_update) + update_in.to(tl.float32) + bias_update)
        fed_new = tl.dot(fed, to_new) + bias_new
        new = 2 * tl.sigmoid(2 * (new_in.to(tl.float32) + reset * fed_new)) - 1  # tanh
        state = tl.where(live, new + update * (state - new), state)
        tl.store(states + (place * (ways * units) + way * units)[:, None] + unit[None, :],
                 state.to(states.dtype.element_ty), mask=live)  # fmt: skip
        if keep:
            to = kept + ((place * ways + way) * (4 * units))[:, None] + unit[None, :]
            tl.store(to, reset.to(kept.dtype.element_ty), mask=live)
            tl.store(to + units, update.to(kept.dtype.element_ty), mask=live)
            tl.store(to + 2 * units, new.to(kept.dtype.element_ty), mask=live)
            tl.store(to + 3 * units, fed_new.to(kept.dtype.element_ty), mask=live)
        reset_in, update_in, new_in = next_reset, next_update, next_new


@triton.jit
def gru_backward_kernel(slopes, weights, lengths, states, kept, to_inputs, to_fed,
                        batch, steps, ways: tl.constexpr, units: tl.constexpr, rows: tl.constexpr,
                        ragged: tl.constexpr):  # fmt: skip
    """Gradients of projected inputs, and of the products of state and weights: (batch, steps, way, 3 * units)."""
    way = tl.program_id(1)
    clip = tl.program_id(0) * rows + tl.arange(0, rows)
    unit = tl.arange(0, units)
    there = clip < batch
    own = weights + way * 3 * units * units + unit[:, None] * units + unit[None, :]  # (out, in)
    of_reset = tl.load(own)
    of_update = tl.load(own + units * units)
    of_new = tl.load(own + 2 * units * units)
    length = tl.full((rows,), 0, tl.int32) + steps
    if ragged:
        length = tl.load(lengths + clip, mask=there, other=0).to(tl.int32)
    first = clip.to(tl.int64) * steps
    slope = tl.zeros((rows, units), tl.float32)
    for turn in range(steps):
        step = steps - 1 - turn
        live = (there & (step < length))[:, None]
        place = first + _place(step, length, way)
        before = first + _place(step - 1, length, way)
        at = (place * (ways * units) + way * units)[:, None] + unit[None, :]
        had = tl.load(states + (before * (ways * units) + way * units)[:, None] + unit[None, :],
                      mask=live & (step > 0), other=0.0).to(tl.float32)  # fmt: skip
        slope += tl.load(slopes + at, mask=live, other=0.0).to(tl.float32)
        saved = kept + ((place * ways + way) * (4 * units))[:, None] + unit[None, :]
        reset = tl.load(saved, mask=live, other=0.0).to(tl.float32)
        update = tl.load(saved + units, mask=live, other=0.0).to(tl.float32)
        new = tl.load(saved + 2 * units, mask=live, other=0.0).to(tl.float32)
        fed_new = tl.load(saved + 3 * units, mask=live, other=0.0).to(tl.float32)
        d_update = slope * (had - new) * update * (1 - update)
        d_new = slope * (1 - update) * (1 - new * new)
        d_reset = d_new * fed_new * reset * (1 - reset)
        d_fed = (d_new * reset).to(of_new.dtype)
        d_reset_in, d_update_in = d_reset.to(of_new.dtype), d_update.to(of_new.dtype)
        to = ((place * ways + way) * (3 * units))[:, None] + unit[None, :]
        tl.store(to_inputs + to, d_reset_in, mask=live)
        tl.store(to_inputs + to + units, d_update_in, mask=live)
        tl.store(to_inputs + to + 2 * units, d_new.to(of_new.dtype), mask=live)
        tl.store(to_fed + to, d_reset_in, mask=live)
        tl.store(to_fed + to + units, d_update_in, mask=live)
        tl.store(to_fed + to + 2 * units, d_fed, mask=live)
        passed = slope * update + tl.dot(d_reset_in, of_reset)
        passed += tl.dot(d_update_in, of_update)
        passed += tl.dot(d_fed, of_new)
        slope = tl.where(live, passed, slope)


@triton.jit
def _hard(x):
    return tl.minimum(tl.maximum(0.2 * x + 0.5, 0.0), 1.0)


@triton.jit
def _candidate(x, kind):
    """Linear, sigmoid, relu or tanh, by number."""
    smooth = tl.sigmoid(tl.where(kind == 3, 2 * x, x))
    bent = tl.where(kind == 2, tl.maximum(x, 0.0), x)
    return tl.where(kind == 1, smooth, tl.where(kind == 3, 2 * smooth - 1, bent))


@triton.jit
def _candidate_slope(c, kind):
    bent = tl.where((kind == 2) & (c <= 0), 0.0, 1.0)
    return tl.where(kind == 1, c * (1 - c), tl.where(kind == 3, 1 - c * c, bent))


@triton.jit
def _product(a, high, low):
    """Product of a and (high + low), all but exact: what bfloat16 leaves of a float32 is another bfloat16."""
    rough = a.to(high.dtype)
    rest = (a - rough.to(tl.float32)).to(high.dtype)
    return tl.dot(rough, high) + (tl.dot(rest, high) + tl.dot(rough, low))


@triton.jit
def keras_forward_kernel(
    inputs, high, low, kinds, states, kept, batch, steps, units: tl.constexpr, rows: tl.constexpr, keep: tl.constexpr
):
    """States (row, batch, steps, units) of Keras's cell, and with `keep` its gates and candidate (row, ..., 3 * units).

    Inputs are projected, (row, batch, steps, 3 * units): update, reset, candidate.
    """
    row = tl.program_id(1)
    clip = tl.program_id(0) * rows + tl.arange(0, rows)
    unit = tl.arange(0, units)
    there = (clip < batch)[:, None]
    kind = tl.load(kinds + row)
    own = row * units * 3 * units + unit[:, None] * (3 * units) + unit[None, :]  # (in, out)
    high_update, low_update = tl.load(high + own), tl.load(low + own)
    high_reset, low_reset = tl.load(high + own + units), tl.load(low + own + units)
    high_new, low_new = tl.load(high + own + 2 * units), tl.load(low + own + 2 * units)
    place = (row * batch + clip).to(tl.int64) * steps
    state = tl.zeros((rows, units), tl.float32)
    at = inputs + place[:, None] * (3 * units) + unit[None, :]
    update_in = tl.load(at, mask=there, other=0.0)
    reset_in = tl.load(at + units, mask=there, other=0.0)
    new_in = tl.load(at + 2 * units, mask=there, other=0.0)
    for step in range(steps):
        after = there & (step + 1 < steps)
        at = inputs + (place + step + 1)[:, None] * (3 * units) + unit[None, :]
        next_update = tl.load(at, mask=after, other=0.0)
        next_reset = tl.load(at + units, mask=after, other=0.0)
        next_new = tl.load(at + 2 * units, mask=after, other=0.0)
        update = _hard(update_in + _product(state, high_update, low_update))
        reset = _hard(reset_in + _product(state, high_reset, low_reset))
        new = _candidate(new_in + _product(reset * state, high_new, low_new), kind)
        state = new + update * (state - new)
        tl.store(states + (place + step)[:, None] * units + unit[None, :], state, mask=there)
        if keep:
            to = kept + (place + step)[:, None] * (3 * units) + unit[None, :]
            tl.store(to, update, mask=there)
            tl.store(to + units, reset, mask=there)
            tl.store(to + 2 * units, new, mask=there)
        update_in, reset_in, new_in = next_update, next_reset, next_new


@triton.jit
def keras_backward_kernel(
    slopes, high, low, kinds, states, kept, to_inputs, batch, steps, units: tl.constexpr, rows: tl.constexpr
):
    """Gradient of the projected inputs."""
    row = tl.program_id(1)
    clip = tl.program_id(0) * rows + tl.arange(0, rows)
    unit = tl.arange(0, units)
    there = (clip < batch)[:, None]
    kind = tl.load(kinds + row)
    own = row * units * 3 * units + unit[None, :] * (3 * units) + unit[:, None]  # (out, in)
    high_update, low_update = tl.load(high + own), tl.load(low + own)
    high_reset, low_reset = tl.load(high + own + units), tl.load(low + own + units)
    high_new, low_new = tl.load(high + own + 2 * units), tl.load(low + own + 2 * units)
    place = (row * batch + clip).to(tl.int64) * steps
    slope = tl.zeros((rows, units), tl.float32)
    at = (place + steps - 1)[:, None] * units + unit[None, :]
    had = tl.load(states + at - units, mask=there & (steps > 1), other=0.0)
    own = tl.load(slopes + at, mask=there, other=0.0)
    at = (place + steps - 1)[:, None] * (3 * units) + unit[None, :]
    update = tl.load(kept + at, mask=there, other=0.0)
    reset = tl.load(kept + at + units, mask=there, other=0.0)
    new = tl.load(kept + at + 2 * units, mask=there, other=0.0)
    for turn in range(steps):
        step = steps - 1 - turn
        before = there & (step > 0)  # what the next turn needs is on its way during this one
        at = (place + step - 1)[:, None] * units + unit[None, :]
        next_had = tl.load(states + at - units, mask=there & (step > 1), other=0.0)
        next_own = tl.load(slopes + at, mask=before, other=0.0)
        at = (place + step - 1)[:, None] * (3 * units) + unit[None, :]
        next_update = tl.load(kept + at, mask=before, other=0.0)
        next_reset = tl.load(kept + at + units, mask=before, other=0.0)
        next_new = tl.load(kept + at + 2 * units, mask=before, other=0.0)
        slope += own
        d_new = slope * (1 - update) * _candidate_slope(new, kind)
        d_update = tl.where((update > 0) & (update < 1), 0.2 * slope * (had - new), 0.0)
        seen = _product(d_new, high_new, low_new)  # of what the reset let through
        d_reset = tl.where((reset > 0) & (reset < 1), 0.2 * seen * had, 0.0)
        to = to_inputs + (place + step)[:, None] * (3 * units) + unit[None, :]
        tl.store(to, d_update, mask=there)
        tl.store(to + units, d_reset, mask=there)
        tl.store(to + 2 * units, d_new, mask=there)
        slope = slope * update + seen * reset
        slope += _product(d_update, high_update, low_update)
        slope += _product(d_reset, high_reset, low_reset)
        had, own, update, reset, new = next_had, next_own, next_update, next_reset, next_new
