import math
from collections.abc import Callable

import pytest
import torch

from earmark.errors import ConfigError
from earmark.options import Options
from earmark.pooling import FunctionOptions, FunctionPooling, Pooled, PoolingOptions, TemporalAttention, build_pooling

KINDS = ["max", "average", "linear-softmax", "exp-softmax", "auto"]
LENGTHS = torch.tensor([9, 1, 4])


def naive(kind: str, y: list[float]) -> float:
    """Wang, Li and Metze 2019, Table 1, frame by frame; `auto` as it starts."""
    if kind == "max":
        return max(y)
    if kind in ("average", "auto"):
        return sum(y) / len(y)
    if kind == "linear-softmax":
        return sum(value * value for value in y) / sum(y)
    return sum(value * math.exp(value) for value in y) / sum(math.exp(value) for value in y)


@pytest.mark.parametrize("kind", KINDS)
def test_each_function_equals_a_plain_loop(kind: str, check_contract: Callable[[Pooled, torch.Tensor], None]) -> None:
    torch.manual_seed(0)
    pooling = FunctionPooling(FunctionOptions(kind=kind), 6, 3)
    x = 4 * torch.randn(3, 9, 6)
    pooled = pooling(x, LENGTHS)
    check_contract(pooled, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        frames = torch.sigmoid(pooling.classify(x[row, :length]))
        torch.testing.assert_close(pooled.frames[row, :length], frames)
        for column in range(3):
            expected = naive(kind, frames[:, column].tolist())
            assert pooled.clip[row, column].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_worked_numbers(kind: str) -> None:
    pooling = FunctionPooling(FunctionOptions(kind=kind), 1, 1)
    pooling.classify.weight.data.fill_(1.0)
    clip = pooling(torch.tensor([0.2, 0.8, 0.5]).logit()[None, :, None]).clip.item()
    assert clip == pytest.approx(
        {"max": 0.8, "average": 0.5, "linear-softmax": 0.62, "exp-softmax": 0.55911, "auto": 0.5}[kind], abs=1e-4
    )


@pytest.mark.parametrize(
    ("sharpness", "like"), [(0.0, "average"), (1.0, "exp-softmax"), (1000.0, "max")], ids=lambda value: str(value)
)
def test_auto_pooling_goes_from_average_to_max(sharpness: float, like: str) -> None:
    torch.manual_seed(0)
    auto, other = (FunctionPooling(FunctionOptions(kind=kind), 6, 3) for kind in ("auto", like))
    other.load_state_dict(auto.state_dict(), strict=False)
    torch.nn.init.constant_(auto.sharpness, sharpness)
    x = torch.randn(3, 9, 6)
    torch.testing.assert_close(auto(x, LENGTHS).clip, other(x, LENGTHS).clip, atol=1e-4, rtol=0)


def test_auto_pooling_learns_how_sharp_each_class_is() -> None:
    """A class whose one loud frame is right wants the max; one whose every frame must be silent wants it not."""
    pooling = FunctionPooling(FunctionOptions(kind="auto"), 2, 2)
    pooling.classify.weight.data = torch.eye(2)
    clip = pooling(torch.tensor([[[3.0, 3.0], [-3.0, -3.0]]])).clip
    (clip[0, 1] - clip[0, 0]).backward()
    assert pooling.sharpness.grad[0] < 0 < pooling.sharpness.grad[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [-200.0, -30.0, 0.0, 30.0])
def test_gradients_are_finite_when_all_frames_agree(kind: str, level: float) -> None:
    pooling = FunctionPooling(FunctionOptions(kind=kind), 2, 2)
    pooling.classify.weight.data = torch.eye(2)
    x = torch.full((3, 9, 2), level).requires_grad_()
    pooled = pooling(x, LENGTHS)
    torch.testing.assert_close(pooled.clip, torch.sigmoid(torch.full((3, 2), level)), atol=1e-6, rtol=0)
    pooled.clip.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert not x.grad[1, 1:].any()


@pytest.mark.parametrize(("kind", "expected"), [("max", [0.0, 1.0, 0.0]), ("average", [1 / 3] * 3)])
def test_max_moves_its_best_frame_and_average_all_alike(kind: str, expected: list[float]) -> None:
    pooling = FunctionPooling(FunctionOptions(kind=kind), 1, 1)
    pooling.classify.weight.data.fill_(1.0)
    x = torch.tensor([[[0.1], [2.0], [0.3]]]).requires_grad_()
    pooled = pooling(x)
    pooled.clip.sum().backward()
    slope = (pooled.frames * (1 - pooled.frames)).flatten()  # of the sigmoid
    assert (x.grad.flatten() / slope).tolist() == pytest.approx(expected)


class Choice(Options):
    pooling: PoolingOptions


def test_a_name_in_a_config_makes_the_pooling() -> None:
    for kind in KINDS:
        made = build_pooling(Choice.parse({"pooling": {"kind": kind}}, "x").pooling, 4, 2)
        assert made.options.kind == kind
    made = build_pooling(Choice.parse({"pooling": {"kind": "attention", "axis": "time"}}, "x").pooling, 4, 2)
    assert (type(made), made.options.axis) == (TemporalAttention, "time")


def test_an_unknown_pooling_is_refused_with_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"no such kind 'avarage', expected one of .*did you mean 'average'"):
        Choice.parse({"pooling": {"kind": "avarage"}}, "recipe.yaml")
