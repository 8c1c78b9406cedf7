"""The kernels against PyTorch's GRU, in float32; on a CPU by Triton's interpreter."""

import pytest
import torch
from torch import nn

from earmark.encoders import fused_gru
from earmark.encoders.recurrence import run_apart


@pytest.mark.parametrize("lengths", [None, [6, 2, 4]])
@pytest.mark.parametrize(("both", "layers", "batch"), [(True, 1, 3), (True, 2, 3), (False, 1, 3), (True, 1, 17)])
def test_states_and_gradients_are_those_of_pytorchs_gru(
    both: bool, layers: int, batch: int, lengths: list[int] | None, kernels_on: str
) -> None:
    torch.manual_seed(0)
    gru = nn.GRU(12, 16, layers, batch_first=True, bidirectional=both).to(kernels_on)
    for parameter in gru.parameters():
        nn.init.normal_(parameter, std=0.4)
    x = torch.randn(batch, 6, 12, device=kernels_on)
    valid = None if lengths is None else torch.tensor(lengths).repeat(6)[:batch].to(kernels_on)
    found = []
    for fused in (True, False):
        own = x.clone().requires_grad_()
        states = (
            fused_gru.run(gru, own, valid) if fused else gru(own)[0] if valid is None else run_apart(gru, own, valid)
        )
        torch.manual_seed(1)
        (states * torch.randn(states.shape, device=kernels_on)).sum().backward()
        assert own.grad is not None
        found.append([states.detach(), own.grad, *(weight.grad.clone() for weight in gru.parameters())])
        gru.zero_grad()
    near = 1e-5 if kernels_on == "cpu" else 0.05  # a GPU multiplies float32 in TF32 here
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).norm() <= near * theirs.norm() + 1e-6


def test_only_grus_that_the_kernels_know_are_run() -> None:
    x = torch.zeros(1, 3, 12)
    assert not fused_gru.runs(nn.GRU(12, 16), x)  # on a CPU


def test_a_gpu_with_little_shared_memory_keeps_to_pytorchs_gru(
    kernels_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(fused_gru, "has_shared_memory", lambda x, size: bool(sizes.append(size)))
    assert not fused_gru.runs(nn.GRU(12, 128), torch.zeros(1, 3, 12))
    assert sizes == [163_840]  # what Triton reserves for the way back of 128 units


@pytest.mark.parametrize(
    "gru", [nn.GRU(12, 24), nn.GRU(12, 256), nn.GRU(12, 16, bias=False), nn.GRU(12, 16, 2, dropout=0.5)]
)
def test_others_go_the_usual_way(gru: nn.GRU, kernels_on: str) -> None:
    assert fused_gru.runs(nn.GRU(12, 16, batch_first=True), torch.zeros(1, 3, 12))
    assert not fused_gru.runs(gru, torch.zeros(1, 3, 12))
