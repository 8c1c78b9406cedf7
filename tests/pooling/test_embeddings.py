from collections.abc import Callable

import pytest
import torch

from earmark.errors import ConfigError
from earmark.options import Options
from earmark.pooling import Pooled, PoolingOptions, build_pooling
from earmark.pooling.classifier import dense

KINDS = ["embedding-max", "embedding-average", "max-average", "embedding-attention", "single-head", "gmap"]
LENGTHS = torch.tensor([9, 1, 4])
CONVOLUTIONS = 4_682_304 + 3_840 + 128  # without the two last layers; docs/papers/hong2020.md, section 3.2
CNN10 = {
    "embedding-max": 5_219_279,
    "embedding-average": 5_219_279,
    "max-average": 5_219_279,
    "embedding-attention": 5_219_791,
    "single-head": 5_481_935,
    "gmap": 6_531_535,
}


class Choice(Options):
    pooling: PoolingOptions


def make(kind: str, channels: int = 8, classes: int = 3, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    made = build_pooling(Choice.parse({"pooling": {"kind": kind, **options}}, "x").pooling, channels, classes)
    for name, parameter in made.named_parameters():
        if name.endswith(".v"):
            torch.nn.init.normal_(parameter)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_with_the_convolutions_are_the_published_systems(kind: str) -> None:
    pooling = make(kind, channels=512, classes=527)
    assert CONVOLUTIONS + sum(parameter.numel() for parameter in pooling.parameters()) == CNN10[kind]


def bag(kind: str, h: torch.Tensor, v: torch.Tensor | None) -> torch.Tensor:
    """Table 1's rows for one clip (steps, channels), without heads."""
    if v is None:
        largest, mean = h.amax(0), h.mean(0)
        return {"embedding-max": largest, "embedding-average": mean, "max-average": largest + mean}[kind]
    w = torch.softmax(h @ v, dim=0)[:, None]
    mean = (w * h).sum(0)
    if kind == "embedding-attention":
        return mean
    return torch.cat([mean, (w * (h - mean) ** 2).sum(0).clamp(min=1e-8).sqrt()])


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS[:-1])
def test_clips_and_frames_equal_a_plain_loop_over_bags(kind: str) -> None:
    pooling, x = make(kind, hidden=16).eval(), torch.randn(3, 9, 8)
    v = pooling.bag.v[0] if hasattr(pooling.bag, "v") else None
    pooled = pooling(x, LENGTHS)

    def classify(u: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(pooling.classify(torch.relu(pooling.hidden.linear(u))))

    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(pooled.clip[row], classify(bag(kind, x[row, :length], v)))
        for step in range(length):
            torch.testing.assert_close(pooled.frames[row, step], classify(bag(kind, x[row, step : step + 1], v)))


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_the_contract_holds_for_clips_of_any_length(
    kind: str, check_contract: Callable[..., None], check_alone: Callable[..., Pooled]
) -> None:
    pooled = check_alone(make(kind).eval(), 3 * torch.randn(3, 9, 8), LENGTHS)
    check_contract(pooled, LENGTHS, over_frames=False)
    torch.testing.assert_close(pooled.frames[1, 0], pooled.clip[1])  # a clip of one frame is a one-frame bag


@torch.no_grad()
def test_the_weights_of_a_figure_are_those_of_the_heads() -> None:
    x = torch.randn(2, 9, 8)
    pooled = make("gmap").eval()(x)
    assert pooled.heads.shape == (2, 9, 4)
    torch.testing.assert_close(pooled.weights, pooled.heads.mean(2, keepdim=True).expand(2, 9, 3))
    assert make("single-head").eval()(x).heads.shape == (2, 9, 1)
    assert make("embedding-max").eval()(x).heads is None


def test_max_gives_a_frame_the_share_of_channels_it_wins() -> None:
    x = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 3.0, 1.0], [0.0, 0.0, 1.0, 0.0]]])
    assert make("embedding-max", 4).eval()(x).weights[0, :, 0].tolist() == [0.25, 0.75, 0.0]
    assert make("max-average", 4).eval()(x).weights[0, :, 0].tolist() == pytest.approx([7 / 24, 13 / 24, 4 / 24])


@torch.no_grad()
def test_one_head_without_gate_is_the_single_head() -> None:
    single, multi, x = make("single-head"), make("gmap", heads=1, gate=False), torch.randn(2, 9, 8)
    multi.load_state_dict(single.state_dict())
    torch.testing.assert_close(multi.eval()(x), single.eval()(x), atol=0, rtol=0)
    vanilla, multi = make("embedding-attention"), make("gmap", heads=1, gate=False, deviation=False)
    multi.load_state_dict(vanilla.state_dict())
    torch.testing.assert_close(multi.eval()(x), vanilla.eval()(x), atol=0, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [-3.0, 0.0, 3.0])
def test_gradients_are_finite_when_no_channel_changes(
    kind: str, level: float, check_gradients: Callable[..., None]
) -> None:
    check_gradients(make(kind), level)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_float32_even_inside_autocast(kind: str) -> None:
    pooling, x = make(kind).eval(), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x.bfloat16())
    torch.testing.assert_close(inside, pooling(x.bfloat16().float()), atol=0, rtol=0)


def test_without_a_hidden_layer_one_layer_classifies() -> None:
    shapes = {name: tuple(p.shape) for name, p in make("gmap", hidden=None, gate=False).named_parameters()}
    assert shapes == {"bag.v": (4, 2), "classify.weight": (3, 16), "classify.bias": (3,)}


def test_dropout_acts_in_training_alone() -> None:
    pooling, x = make("max-average"), torch.randn(2, 5, 8)
    assert not torch.equal(pooling(x).clip, pooling(x).clip)
    pooling.eval()
    assert torch.equal(pooling(x).clip, pooling(x).clip)


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ConfigError, match="pooling: 8 channels cannot be split into 3 heads of equal width"):
        make("gmap", heads=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "gmpa"}, "no such kind 'gmpa'.*did you mean 'gmap'"),
        ({"kind": "gmap", "haeds": 4}, "unknown key 'pooling.gmap.haeds'.*did you mean 'heads'"),
        ({"kind": "single-head", "heads": 4}, "unknown key 'pooling.single-head.heads'"),
        ({"kind": "gmap", "hidden": None, "hidden_dropout": 0.5}, "there is no hidden layer"),
    ],
)
def test_a_wrong_option_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Choice.parse({"pooling": wrong}, "recipe.yaml")


def test_layers_start_glorot_uniform() -> None:
    layer = dense(300, 500)
    limit = (6 / 800) ** 0.5
    assert 0.99 * limit < layer.weight.abs().max() <= limit
    assert not layer.bias.any()


@pytest.mark.parametrize("lengths", [LENGTHS, None])
@pytest.mark.parametrize("kind", KINDS)
def test_the_clips_alone_have_the_scores_and_gradients_of_the_whole(kind: str, lengths: torch.Tensor | None) -> None:
    pooling = make(kind, hidden=6, dropout=0.0)
    embeddings = torch.randn(3, 9, 8)
    found = []
    for call in (lambda: pooling(embeddings, lengths).clip, lambda: pooling.clip_scores(embeddings, lengths)):
        pooling.zero_grad()
        clip = call()
        clip.square().sum().backward()
        found.append([clip, *(parameter.grad.clone() for parameter in pooling.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
