from collections.abc import Callable

import pytest
import torch
from torch import nn

from earmark.pooling import Pooled


@pytest.fixture
def check_contract() -> Callable[..., None]:
    """What every pooling must give for clips of these lengths; `over_frames`: the clip score is a mean of frames'."""

    def check(pooled: Pooled, lengths: torch.Tensor, over_frames: bool = True) -> None:
        valid = (torch.arange(pooled.frames.shape[1]) < lengths[:, None])[:, :, None]
        for scores in pooled[:2]:
            assert scores.dtype == torch.float32
            assert ((scores >= 0) & (scores <= 1 + 1e-6)).all()
        assert not pooled.frames.masked_fill(valid, 0).any(), "frames beyond the end"
        assert not pooled.weights.masked_fill(valid, 0).any(), "weights beyond the end"
        torch.testing.assert_close(pooled.weights.sum(1), torch.ones_like(pooled.clip), atol=1e-5, rtol=0)
        if over_frames:
            torch.testing.assert_close((pooled.frames * pooled.weights).sum(1), pooled.clip, atol=1e-6, rtol=0)

    return check


@pytest.fixture
def check_alone() -> Callable[[nn.Module, torch.Tensor, torch.Tensor], Pooled]:
    """A pooling in evaluation mode gives each clip (batch, steps, channels) the same alone and beside longer ones."""

    def check(pooling: nn.Module, x: torch.Tensor, lengths: torch.Tensor) -> Pooled:
        beyond = torch.arange(x.shape[1]) >= lengths[:, None]
        together = pooling(x.masked_fill(beyond[:, :, None], 1e4), lengths)  # what lies beyond must not be looked at
        for row, length in enumerate(lengths.tolist()):
            alone = pooling(x[row : row + 1, :length])
            torch.testing.assert_close(together.clip[row], alone.clip[0], atol=1e-6, rtol=1e-5)
            for inside, outside in zip(together[1:], alone[1:], strict=True):
                if inside is not None:
                    torch.testing.assert_close(inside[row, :length], outside[0], atol=1e-6, rtol=1e-5)
                    assert not inside[row, length:].any()
        return together

    return check


@pytest.fixture
def check_gradients() -> Callable[[nn.Module, float], None]:
    """Learning from embeddings (3, 9, 8) that are all at one level goes on, and not from beyond a clip's end."""

    def check(pooling: nn.Module, level: float) -> None:
        x = torch.full((3, 9, 8), level).requires_grad_()
        pooled = pooling(x, torch.tensor([9, 1, 4]))
        (pooled.clip.sum() + pooled.frames.sum()).backward()
        assert torch.isfinite(x.grad).all()
        assert all(torch.isfinite(parameter.grad).all() for parameter in pooling.parameters())
        assert not x.grad[1, 1:].any()

    return check
