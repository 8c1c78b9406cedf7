from collections.abc import Callable

import pytest
import torch

from earmark.pooling import (
    AttentionOptions,
    DecisionAttention,
    DecisionAttentionOptions,
    FeatureAttention,
    FeatureAttentionOptions,
    Pooled,
    TemporalAttention,
)

KINDS = ["sigmoid", "time", "class"]
LENGTHS = torch.tensor([9, 1, 4])
EMBEDDING_NET = 256 + 128 * 1024 + 2 * 1024 * 1024 + 3 * 2 * 1024  # norm, three layers without bias, their norms


def make(attend: str = "sigmoid", channels: int = 8, classes: int = 3, **options: object) -> DecisionAttention:
    torch.manual_seed(0)
    return DecisionAttention(DecisionAttentionOptions(attend=attend, **options), channels, classes)


def test_parameters_with_the_embedding_net_are_the_published_system() -> None:
    pooling = make(channels=1024, classes=527)
    assert EMBEDDING_NET + sum(parameter.numel() for parameter in pooling.parameters()) == 3_314_974


@torch.no_grad()
@pytest.mark.parametrize("attend", KINDS)
def test_it_equals_a_plain_loop(attend: str, check_contract: Callable[..., None]) -> None:
    pooling, x = make(attend, hidden=6), 3 * torch.randn(3, 9, 8)
    pooled = pooling(x, LENGTHS)
    check_contract(pooled, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        hidden = torch.relu(pooling.hidden.linear(x[row, :length]))
        cla, att = torch.sigmoid(pooling.head.classify(hidden)), pooling.head.localise(hidden)
        g = {"sigmoid": att.sigmoid(), "time": att.exp(), "class": att.softmax(1)}[attend]
        torch.testing.assert_close(pooled.frames[row, :length], cla)
        torch.testing.assert_close(pooled.clip[row], (g * cla).sum(0) / g.sum(0))


def test_worked_numbers() -> None:
    """One class; frames 0.9 and 0.3, g 0.8 and 0.2 by itself, odds 4 to 1/4 over time, one class alone."""
    for attend, expected in (("sigmoid", 0.78), ("time", (4 * 0.9 + 0.25 * 0.3) / 4.25), ("class", 0.6)):
        pooling = make(attend, channels=2, classes=1)
        pooling.head.classify.weight.data = torch.tensor([[1.0, 0.0]])
        pooling.head.localise.weight.data = torch.tensor([[0.0, 1.0]])
        pooled = pooling(torch.tensor([[[0.9, 0.8], [0.3, 0.2]]]).logit())
        assert pooled.clip.item() == pytest.approx(expected, abs=1e-6)


def test_over_time_no_logit_passes_the_limit() -> None:
    pooling = make("time", channels=1, classes=1)
    pooling.head.localise.weight.data.fill_(1.0)
    ratio = [pooling(torch.tensor([[[far], [0.0]]])).weights[0, 0].item() for far in (10.0, 1000.0)]
    assert ratio[0] == ratio[1] < 1


@torch.no_grad()
def test_over_classes_it_is_the_attention_of_xu_2018() -> None:
    pooling, x = make("class"), torch.randn(2, 9, 8)
    other = TemporalAttention(AttentionOptions(axis="class"), 8, 3)
    other.load_state_dict(pooling.head.state_dict())
    torch.testing.assert_close(pooling(x), other(x))


@torch.no_grad()
@pytest.mark.parametrize("attend", KINDS)
def test_a_clip_scores_alone_what_it_scores_beside_longer_ones(attend: str, check_alone: Callable[..., Pooled]) -> None:
    check_alone(make(attend).eval(), 3 * torch.randn(3, 9, 8), LENGTHS)


@pytest.mark.parametrize("attend", KINDS)
@pytest.mark.parametrize("level", [-300.0, 0.0, 300.0])
def test_gradients_are_finite_when_all_is_certain(attend: str, level: float) -> None:
    pooling = make(attend)
    x = torch.full((3, 9, 8), level).requires_grad_()
    pooling(x, LENGTHS).clip.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in pooling.parameters())
    assert not x.grad[1, 1:].any()


@torch.no_grad()
@pytest.mark.parametrize("attend", KINDS)
def test_scores_are_float32_even_inside_autocast(attend: str) -> None:
    pooling, x = make(attend, hidden=6).eval(), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside, pooling(x), atol=0, rtol=0)


def test_it_starts_as_the_code_it_comes_from() -> None:
    limits = {"sigmoid": (6 / 300) ** 0.5, "time": (6 / 500) ** 0.5}
    for attend, limit in limits.items():
        head = make(attend, channels=300, classes=200).head
        assert 0.99 * limit < head.classify.weight.abs().max() <= limit
        assert not head.localise.bias.any()


def make_features(channels: int = 8, classes: int = 3) -> FeatureAttention:
    torch.manual_seed(0)
    pooling = FeatureAttention(FeatureAttentionOptions(), channels, classes)
    torch.nn.init.normal_(pooling.norm.running_mean)
    torch.nn.init.uniform_(pooling.norm.running_var, 0.5, 2.0)
    return pooling


def test_parameters_of_feature_attention_are_the_published_system() -> None:
    assert EMBEDDING_NET + sum(parameter.numel() for parameter in make_features(1024, 527).parameters()) == 4_876_047


@torch.no_grad()
def test_clips_and_frames_of_feature_attention_equal_a_plain_loop_over_bags() -> None:
    pooling, x = make_features().eval(), torch.randn(3, 9, 8)
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
def test_the_contract_of_feature_attention_holds_for_clips_of_any_length(
    check_contract: Callable[..., None], check_alone: Callable[..., Pooled]
) -> None:
    check_contract(check_alone(make_features().eval(), 3 * torch.randn(3, 9, 8), LENGTHS), LENGTHS, over_frames=False)


@pytest.mark.parametrize("level", [-300.0, 0.0, 300.0])
def test_gradients_of_feature_attention_are_finite(level: float, check_gradients: Callable[..., None]) -> None:
    check_gradients(make_features(), level)


@torch.no_grad()
def test_scores_of_feature_attention_are_float32_even_inside_autocast() -> None:
    pooling, x = make_features().eval(), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside, pooling(x), atol=0, rtol=0)
