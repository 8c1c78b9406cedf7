from collections.abc import Callable

import pytest
import torch

from earmark.pooling import LevelsOptions, LevelsPooling, Pooled
from earmark.training.objective import frame_loss

LENGTHS = torch.tensor([12, 1, 7])


def test_every_depth_has_a_classifier_and_the_deepest_has_the_word(
    check_contract: Callable[[Pooled, torch.Tensor], None],
) -> None:
    torch.manual_seed(0)
    pooling = LevelsPooling(LevelsOptions(levels=2), channels=8, classes=3)
    x = torch.randn(3, 12, 8)
    pooled = pooling(x, LENGTHS)
    check_contract(pooled, LENGTHS)
    assert pooled.levels is not None
    for row, length in enumerate(LENGTHS.tolist()):
        for level, part in enumerate((x[row, :length, :4], x[row, :length, 4:])):
            expected = torch.sigmoid(pooling.classify[level](part))
            torch.testing.assert_close(pooled.levels[row, :length, level], expected)
        torch.testing.assert_close(pooled.frames[row, :length], expected)
        torch.testing.assert_close(pooled.clip[row], expected.mean(0))
        assert not pooled.levels[row, length:].any()
        torch.testing.assert_close(pooled.clip[row], pooling(x[row : row + 1, :length]).clip[0])


def test_frame_supervision_teaches_every_depth() -> None:
    pooling = LevelsPooling(LevelsOptions(levels=4), channels=8, classes=3)
    frame_loss(pooling(torch.randn(3, 12, 8), LENGTHS), torch.ones(3, 3), LENGTHS).backward()
    assert all(p.grad is not None and p.grad.any() for p in pooling.parameters())
    pooling.zero_grad()
    pooling(torch.randn(3, 12, 8)).clip.sum().backward()
    assert [bool(linear.weight.grad.any()) for linear in pooling.classify] == [False, False, False, True]


def test_scores_are_float32_even_inside_autocast() -> None:
    pooling, x = LevelsPooling(LevelsOptions(levels=2), 8, 3), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside.clip, pooling(x).clip, atol=0, rtol=0)


def test_channels_that_cannot_be_shared_out_are_refused() -> None:
    with pytest.raises(ValueError, match="10 channels cannot be divided evenly among 4 levels"):
        LevelsPooling(LevelsOptions(), channels=10, classes=3)
