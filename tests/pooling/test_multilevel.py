from collections.abc import Callable

import pytest
import torch

from earmark.errors import ConfigError
from earmark.pooling import MultiLevelAttention, MultiLevelOptions, Pooled, build_pooling
from earmark.pooling.classifier import FrameNorm

LENGTHS = torch.tensor([9, 1, 4])
VARIANTS: list[dict[str, object]] = [
    {},
    {"shared": True, "normalise": False, "attend": "sigmoid"},
    {"levels": 4, "attend": "time"},
]
EMBEDDING_NET = 256 + 128 * 1024 + 2 * 1024 * 1024 + 3 * 2 * 1024  # norm, three layers without bias, their norms


def make(channels: int = 8, classes: int = 3, **options: object) -> MultiLevelAttention:
    torch.manual_seed(0)
    pooling = MultiLevelAttention(MultiLevelOptions(**options), channels, classes)
    for module in pooling.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return pooling


def test_parameters_of_the_shared_one_with_the_embedding_net_are_those_of_kong_2019() -> None:
    pooling = make(2 * 1024, 527, **VARIANTS[1])
    assert EMBEDDING_NET + sum(parameter.numel() for parameter in pooling.parameters()) == 3_870_959


def test_parameters_of_yu_2018_are_as_counted_by_hand() -> None:
    heads = 2 * 2 * (600 * 527 + 527 + 2 * 527)
    decide = 2 * 527 * 527 + 527 + 2 * 527
    assert sum(parameter.numel() for parameter in make(1200, 527).parameters()) == heads + decide


@torch.no_grad()
def test_clips_and_frames_equal_a_plain_loop_over_bags() -> None:
    pooling, x = make().eval(), torch.randn(3, 9, 8)
    pooled = pooling(x, LENGTHS)

    def normed(z: torch.Tensor, norm: FrameNorm) -> torch.Tensor:
        return (z - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias

    def score(h: torch.Tensor) -> torch.Tensor:
        levels = []
        for head, part in zip(pooling.heads, h.chunk(2, dim=1), strict=True):  # a2 | a3
            cla = torch.sigmoid(normed(head.classify(part), head.norms[0]))
            att = torch.softmax(normed(head.localise(part), head.norms[1]), dim=1)  # over classes
            levels.append((cla * att).sum(0) / att.sum(0))
        return torch.sigmoid(normed(pooling.decide(torch.cat(levels)), pooling.norm))

    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(pooled.clip[row], score(x[row, :length]))
        for step in range(length):
            torch.testing.assert_close(pooled.frames[row, step], score(x[row, step : step + 1]))


@torch.no_grad()
@pytest.mark.parametrize("options", VARIANTS)
def test_the_contract_holds_for_clips_of_any_length(
    options: dict[str, object], check_contract: Callable[..., None], check_alone: Callable[..., Pooled]
) -> None:
    pooled = check_alone(make(**options).eval(), 3 * torch.randn(3, 9, 8), LENGTHS)
    check_contract(pooled, LENGTHS, over_frames=False)


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("level", [-300.0, 0.0, 300.0])
def test_gradients_are_finite_when_all_is_certain(
    options: dict[str, object], level: float, check_gradients: Callable[..., None]
) -> None:
    check_gradients(make(**options), level)


@torch.no_grad()
@pytest.mark.parametrize("options", VARIANTS)
def test_scores_are_float32_even_inside_autocast(options: dict[str, object]) -> None:
    pooling, x = make(**options).eval(), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside, pooling(x), atol=0, rtol=0)


def test_channels_that_do_not_split_are_refused() -> None:
    with pytest.raises(ConfigError, match="pooling: 8 channels cannot be split into 3 levels of equal width"):
        build_pooling(MultiLevelOptions(levels=3), 8, 2)
