import math

import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional as F

from earmark.pooling import Pooled
from earmark.training.objective import clip_loss, frame_loss


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


def test_smoothed_labels_are_a_little_less_than_sure() -> None:
    scores, targets = torch.tensor([[0.9, 0.2]]), torch.tensor([[1.0, 0.0]])
    expected = -(0.95 * math.log(0.9) + 0.05 * math.log(0.1) + 0.05 * math.log(0.2) + 0.95 * math.log(0.8)) / 2
    assert clip_loss(scores, targets, 0.1).item() == pytest.approx(expected, rel=1e-6)
    assert clip_loss(scores, targets, 0.0) == clip_loss(scores, targets)


def test_each_frame_can_have_targets_of_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    frames, targets = torch.rand(3, 6, 2, generator=generator), torch.rand(3, 6, 2, generator=generator).round()
    pooled, steps = Pooled(frames[:, 0], frames, frames), torch.tensor([6, 2, 4])
    kept = torch.cat([frames[clip, :count] for clip, count in enumerate(steps)])
    wanted = torch.cat([targets[clip, :count] for clip, count in enumerate(steps)])
    torch.testing.assert_close(frame_loss(pooled, targets, steps), F.binary_cross_entropy(kept, wanted))
    levels = pooled._replace(levels=torch.stack([frames, frames], dim=2))
    torch.testing.assert_close(frame_loss(levels, targets, steps), F.binary_cross_entropy(kept, wanted))
