"""The kernels against the loop over steps; on a CPU by Triton's interpreter."""

import pytest
import torch
from torch import nn

from earmark.encoders import fused_keras_gru, fused_norm
from earmark.encoders.keras_gru import KerasBiGRUs


@pytest.mark.parametrize("lengths", [None, [7, 2, 5]])
def test_states_and_gradients_are_those_of_the_loop(
    lengths: list[int] | None, kernels_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to what two bfloat16 numbers leave of a float32: 2^-16 of a product."""
    torch.manual_seed(0)
    grus = KerasBiGRUs(12, 16, ("linear", "sigmoid", "relu", "tanh")).to(kernels_on)
    for parameter in grus.parameters():
        nn.init.normal_(parameter, std=0.3)
    x = torch.randn(3, 7, 12, device=kernels_on)
    valid = None if lengths is None else torch.tensor(lengths, device=kernels_on)
    found = []
    for fused in (True, False):
        monkeypatch.setattr(fused_norm, "usable", lambda x, fused=fused: fused)
        own = x.clone().requires_grad_()
        states = grus(own, valid)
        torch.manual_seed(1)
        (states * torch.randn(states.shape, device=kernels_on)).sum().backward()
        assert own.grad is not None
        found.append([states.detach(), own.grad, *(weight.grad.clone() for weight in grus.parameters())])
        grus.zero_grad()
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).norm() <= 3e-4 * theirs.norm()


def test_a_gpu_with_little_shared_memory_keeps_to_the_loop(kernels_on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(fused_keras_gru, "has_shared_memory", lambda x, size: bool(sizes.append(size)))
    assert not fused_keras_gru.runs(torch.zeros(1, 3, 12), units=128)
    assert sizes == [204_800]  # what Triton reserves for 128 units


def test_a_cpu_keeps_to_the_loop() -> None:
    assert not fused_keras_gru.runs(torch.zeros(1, 3, 12), units=16)
