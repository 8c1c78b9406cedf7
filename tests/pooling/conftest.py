from collections.abc import Callable

import pytest
import torch

from earmark.pooling import Pooled


@pytest.fixture
def check_contract() -> Callable[[Pooled, torch.Tensor], None]:
    """What every pooling must give for clips of these lengths."""

    def check(pooled: Pooled, lengths: torch.Tensor) -> None:
        valid = (torch.arange(pooled.frames.shape[1]) < lengths[:, None])[:, :, None]
        for scores in pooled[:2]:
            assert scores.dtype == torch.float32
            assert ((scores >= 0) & (scores <= 1 + 1e-6)).all()
        assert not pooled.frames.masked_fill(valid, 0).any(), "frames beyond the end"
        assert not pooled.weights.masked_fill(valid, 0).any(), "weights beyond the end"
        torch.testing.assert_close(pooled.weights.sum(1), torch.ones_like(pooled.clip), atol=1e-5, rtol=0)
        torch.testing.assert_close((pooled.frames * pooled.weights).sum(1), pooled.clip, atol=1e-6, rtol=0)

    return check
