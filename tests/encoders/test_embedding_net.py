from collections.abc import Callable

import pytest
import torch
from torch import nn

from earmark.encoders import EmbeddingNet, EmbeddingNetOptions
from earmark.errors import ConfigError


def test_parameters_are_as_counted_by_hand() -> None:
    """docs/papers/hong2020.md, section 5.3: 2,774,799 with one linear layer of 1024 to 527 classes on top."""
    encoder = EmbeddingNet(EmbeddingNetOptions(), bands=128)
    assert sum(p.numel() for p in encoder.parameters()) + 1024 * 527 + 527 == 2_774_799


@torch.no_grad()
def test_it_is_what_the_equations_say(warm_up: Callable[..., nn.Module]) -> None:
    options = EmbeddingNetOptions(units=(5, 6, 7), levels=(2, 3), bias=True)
    encoder = warm_up(EmbeddingNet(options, bands=4))
    assert encoder.channels == 13

    def norm(layer: nn.Module, value: torch.Tensor) -> torch.Tensor:
        return (value - layer.running_mean) / (layer.running_var + layer.eps).sqrt() * layer.weight + layer.bias

    x = torch.randn(4)
    a, levels = norm(encoder.bn0, x), []
    for layer in encoder.layers:
        a = norm(layer.norm, layer.dense.weight @ a + layer.dense.bias).relu()
        levels.append(a)
    found = encoder(x[None, None]).embeddings[0, 0]
    torch.testing.assert_close(found, torch.cat(levels[1:]), atol=1e-5, rtol=1e-5)


def test_without_normalisation_it_is_a_plain_perceptron() -> None:
    options = EmbeddingNetOptions(units=(400,), norm=False, input_norm=False, bias=True, dropout=0.0)
    encoder = EmbeddingNet(options, bands=16)
    assert sum(p.numel() for p in encoder.parameters()) == 400 * 17
    dense = encoder.layers[0].dense
    x = torch.randn(2, 3, 16)
    torch.testing.assert_close(encoder(x).embeddings, dense(x).relu())
    assert 0.9 < dense.weight.abs().max() / (6 / 16) ** 0.5 <= 1


def test_a_clip_beside_longer_ones_is_encoded_as_alone(check_alone: Callable[..., object]) -> None:
    check_alone(EmbeddingNet(EmbeddingNetOptions(units=(5, 6), levels=(1, 2)), bands=4), 4, [10, 1, 3, 7])


@torch.no_grad()
def test_statistics_are_those_of_valid_vectors_alone() -> None:
    encoder = EmbeddingNet(EmbeddingNetOptions(units=(3,)), bands=4)
    x = 2 + torch.randn(2, 10, 4)
    loud = x.clone()
    loud[1, 3:] = 1e6
    encoder(loud, torch.tensor([10, 3]))
    torch.testing.assert_close(encoder.bn0.running_mean, 0.1 * torch.cat([x[0], x[1, :3]]).mean(0))
    assert encoder.layers[0].norm.running_mean.abs().max() < 10


@pytest.mark.parametrize("level", [0, 4])
def test_a_level_that_is_not_there_is_refused(level: int) -> None:
    with pytest.raises(ConfigError, match=f"levels contains {level}, expected layers 1 to 3"):
        EmbeddingNetOptions.parse({"levels": [level]}, "encoder")
