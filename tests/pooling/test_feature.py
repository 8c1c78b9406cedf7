from collections.abc import Callable

import pytest
import torch

from earmark.pooling import FeatureAttention, FeatureAttentionOptions, Pooled

LENGTHS = torch.tensor([9, 1, 4])
EMBEDDING_NET = 256 + 128 * 1024 + 2 * 1024 * 1024 + 3 * 2 * 1024  # norm, three layers without bias, their norms


def make(channels: int = 8, classes: int = 3) -> FeatureAttention:
    torch.manual_seed(0)
    pooling = FeatureAttention(FeatureAttentionOptions(), channels, classes)
    torch.nn.init.normal_(pooling.norm.running_mean)
    torch.nn.init.uniform_(pooling.norm.running_var, 0.5, 2.0)
    return pooling


def test_parameters_with_the_embedding_net_are_the_published_system() -> None:
    assert EMBEDDING_NET + sum(parameter.numel() for parameter in make(1024, 527).parameters()) == 4_876_047


@torch.no_grad()
def test_clips_and_frames_equal_a_plain_loop_over_bags() -> None:
    pooling, x = make().eval(), torch.randn(3, 9, 8)
    pooled = pooling(x, LENGTHS)

    def score(h: torch.Tensor) -> torch.Tensor:
        g = torch.sigmoid(pooling.localise(h))
        u = sum(g[t] * pooling.value(h[t]) for t in range(len(h))) / sum(g[t] for t in range(len(h)))
        norm = (u - pooling.norm.running_mean) / torch.sqrt(pooling.norm.running_var + pooling.norm.eps)
        return torch.sigmoid(pooling.classify(torch.relu(norm * pooling.norm.weight + pooling.norm.bias)))

    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(pooled.clip[row], score(x[row, :length]))
        for step in range(length):
            torch.testing.assert_close(pooled.frames[row, step], score(x[row, step : step + 1]))


@torch.no_grad()
def test_the_contract_holds_for_clips_of_any_length(
    check_contract: Callable[..., None], check_alone: Callable[..., Pooled]
) -> None:
    check_contract(check_alone(make().eval(), 3 * torch.randn(3, 9, 8), LENGTHS), LENGTHS, over_frames=False)


@pytest.mark.parametrize("level", [-300.0, 0.0, 300.0])
def test_gradients_are_finite_when_all_is_certain(level: float, check_gradients: Callable[..., None]) -> None:
    check_gradients(make(), level)


@torch.no_grad()
def test_scores_are_float32_even_inside_autocast() -> None:
    pooling, x = make().eval(), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside, pooling(x), atol=0, rtol=0)
