"""Recurrence in both directions is what packing gives."""

import pytest
import torch

from earmark.encoders.recurrence import recur, run_apart


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_directions_apart_are_what_packing_gives(layers: int, bidirectional: bool) -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(6, 5, layers, batch_first=True, bidirectional=bidirectional)
    lengths = torch.tensor([9, 1, 4])
    x = torch.randn(3, 9, 6, requires_grad=True)
    packed, apart = recur(gru, x, lengths), run_apart(gru, x, lengths)
    torch.testing.assert_close(apart, packed)
    theirs, ours = (torch.autograd.grad(out.square().sum(), [x, *gru.parameters()]) for out in (packed, apart))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
