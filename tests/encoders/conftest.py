from collections.abc import Callable

import pytest
import torch
from torch import nn

from earmark.encoders import Encoded
from earmark.encoders.contract import rest_of


@torch.no_grad()
def _warm_up(module: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for tensor, low, high in (
                (layer.running_mean, -0.5, 0.5),
                (layer.running_var, 0.5, 2.0),
                (layer.weight, 0.5, 1.5),
                (layer.bias, -0.5, 0.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return module.eval()


@pytest.fixture
def warm_up() -> Callable[..., nn.Module]:
    """Give every normalisation something to scale and shift by, as training would; then evaluation mode."""
    return _warm_up


@pytest.fixture
def check_alone() -> Callable[..., Encoded]:
    """An encoder gives each clip of random features the same alone and beside longer ones, by its own reduction."""

    @torch.no_grad()
    def check(encoder: nn.Module, bands: int, lengths: list[int]) -> Encoded:
        _warm_up(encoder)
        batch = torch.randn(len(lengths), max(lengths), bands, generator=torch.Generator().manual_seed(1))
        for row, length in zip(batch, lengths, strict=True):
            row[length:] = 0
        together = encoder(batch, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            steps = max(1, (length + rest_of(encoder)) // int(encoder.reduction))
            alone, alone_lengths = encoder(batch[row : row + 1, :length])
            assert alone_lengths is None
            assert alone.shape == (1, steps, encoder.channels)
            assert together.lengths[row] == steps
            torch.testing.assert_close(together.embeddings[row, :steps], alone[0], atol=1e-5, rtol=1e-5)
        return together

    return check
