import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional as F

from earmark.training.objective import clip_loss


def test_it_is_the_mean_binary_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, targets = torch.rand(20, 5, generator=generator), torch.rand(20, 5, generator=generator)
    torch.testing.assert_close(clip_loss(scores, targets), F.binary_cross_entropy(scores, targets))
    hard = (targets > 0.5).float()
    theirs = sum(log_loss(hard[:, k], scores[:, k], labels=[0, 1]) for k in range(5)) / 5
    assert clip_loss(scores, hard).item() == pytest.approx(theirs, rel=1e-5)


def test_certain_and_wrong_costs_much_but_not_everything() -> None:
    scores = torch.tensor([[0.0, 1.0, 1.0000004]]).requires_grad_()
    loss = clip_loss(scores, torch.tensor([[1.0, 0.0, 1.0]]))
    assert loss.item() == pytest.approx(2 * 16.1 / 3, rel=0.02)  # -ln 1e-7 = 16.1
    loss.backward()
    assert torch.isfinite(scores.grad).all()


def test_it_is_float32_even_of_bfloat16_scores() -> None:
    assert clip_loss(torch.full((2, 2), 0.5, dtype=torch.bfloat16), torch.ones(2, 2)).dtype == torch.float32
