import math

import numpy as np
import pytest
import torch

from earmark.encoders.keras_gru import Candidate, KerasBiGRUs
from earmark.masking import backwards

LENGTHS = torch.tensor([1, 9, 4, 7])
ACTIVATIONS = {
    "linear": lambda a: a,
    "relu": lambda a: max(0.0, a),
    "tanh": math.tanh,
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
}


def hard_sigmoid(a: float) -> float:
    return min(1.0, max(0.0, 0.2 * a + 0.5))


def slow_gru(x: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray, candidate: Candidate) -> np.ndarray:
    """Keras 2.0.8's cell, unit by unit, of one clip x (steps, inputs); docs/papers/xu2018.md, section 2.3."""
    units = len(U)
    h = [0.0] * units
    out = []
    for row in x:

        def total(gate: int, unit: int, state: list[float], row: np.ndarray = row) -> float:
            column = gate * units + unit
            return float(
                b[column]
                + sum(row[i] * W[i, column] for i in range(len(row)))
                + sum(state[j] * U[j, column] for j in range(units))
            )

        z = [hard_sigmoid(total(0, unit, h)) for unit in range(units)]
        r = [hard_sigmoid(total(1, unit, h)) for unit in range(units)]
        reset = [r[j] * h[j] for j in range(units)]
        c = [ACTIVATIONS[candidate](total(2, unit, reset)) for unit in range(units)]
        h = [z[unit] * h[unit] + (1 - z[unit]) * c[unit] for unit in range(units)]
        out.append(h)
    return np.array(out)


def slow(grus: KerasBiGRUs, clip: torch.Tensor) -> np.ndarray:
    """Every GRU over one clip (steps, inputs), forwards and from the clip's end."""
    x = clip.double().numpy()
    W, U, b = (p.detach().double().numpy() for p in (grus.kernel, grus.recurrent, grus.bias[:, 0]))
    states = []
    for index, candidate in enumerate(grus.candidates):
        forward = slow_gru(x, W[2 * index], U[2 * index], b[2 * index], candidate)
        backward = slow_gru(x[::-1], W[2 * index + 1], U[2 * index + 1], b[2 * index + 1], candidate)[::-1]
        states.append(np.concatenate([forward, backward], axis=1))
    return np.stack(states)  # (gru, steps, 2 * units)


def layer(*candidates: Candidate) -> KerasBiGRUs:
    """Five inputs, three units, with biases and weights large enough to reach both ends of the hard sigmoid."""
    torch.manual_seed(0)
    grus = KerasBiGRUs(5, 3, candidates)
    torch.nn.init.normal_(grus.bias)
    torch.nn.init.normal_(grus.kernel, std=1.5)
    return grus


@torch.no_grad()
@pytest.mark.parametrize("candidates", [("linear", "sigmoid"), ("relu",), ("tanh",), ("sigmoid", "relu", "tanh")])
def test_it_is_keras_cell_written_out(candidates: tuple[Candidate, ...]) -> None:
    grus = layer(*candidates)
    x = torch.randn(4, 9, 5)
    together = grus(x, LENGTHS)
    assert together.shape == (len(candidates), 4, 9, 6)
    for row, length in enumerate(LENGTHS.tolist()):
        expected = slow(grus, x[row, :length])
        np.testing.assert_allclose(together[:, row, :length], expected, atol=2e-5, rtol=1e-5)
        assert not together[:, row, length:].any()
    np.testing.assert_allclose(grus(x)[:, 0], slow(grus, x[0]), atol=2e-5, rtol=1e-5)


def test_gradients_flow_through_open_gates_alone() -> None:
    """A gate held at one by its bias keeps the state: neither input nor recurrence moves what comes out."""
    grus = layer("linear")
    grus.bias.data[:, :, :3] = 1e3  # z = 1: h stays what it was, zero
    x = torch.randn(2, 6, 5, requires_grad=True)
    states = grus(x)
    states.sum().backward()
    assert not states.any()
    assert not x.grad.any()
    assert not grus.recurrent.grad.any()


def test_the_state_keeps_float32_inside_autocast() -> None:
    grus, x = layer("linear", "sigmoid"), torch.randn(2, 9, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = grus(x)
    torch.testing.assert_close(inside, grus(x), atol=0, rtol=0)


def test_only_valid_steps_turn_round() -> None:
    order = backwards(torch.tensor([3, 1]), 4)
    assert order.tolist() == [[2, 1, 0, 3], [0, 1, 2, 3]]
    torch.testing.assert_close(order.gather(1, order), torch.arange(4).expand(2, -1))  # twice is not at all


def test_weights_start_as_in_keras() -> None:
    grus = KerasBiGRUs(256, 128, ("linear", "sigmoid"))
    limit = math.sqrt(6 / 640)
    assert 0.99 * limit < grus.kernel.abs().max() <= limit
    assert not grus.bias.any()
    for matrix in grus.recurrent:  # one draw over the three gates: rows are orthonormal, columns are not
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(128), atol=1e-5, rtol=0)
