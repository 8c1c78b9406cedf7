from collections.abc import Callable
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from earmark.encoders import DynamicMobileNet, DynamicMobileNetOptions, Encoded
from earmark.encoders.dymn import Context, ContextMaker, DynamicConv, DynamicReLU, weighed

SMALL = DynamicMobileNetOptions(width=0.1, kernels=3, blocks=5)


def test_a_clip_is_the_same_alone_and_beside_longer_ones(check_alone: Callable[..., Encoded]) -> None:
    encoder = DynamicMobileNet(SMALL, bands=64)
    together = check_alone(encoder, 64, [50, 9, 1, 33])
    for embeddings, steps in zip(together.embeddings, together.lengths, strict=True):
        assert not embeddings[steps:].any()


def mixed_by_hand(conv: DynamicConv, x: Tensor, context: Tensor) -> Tensor:
    """Each clip under its own kernels, one after the other, then the normalisation."""
    outputs = []
    for clip, vector in zip(x, context, strict=True):
        logits = [float(row @ vector + bias) for row, bias in zip(conv.attend.weight, conv.attend.bias, strict=True)]
        shares = torch.tensor(logits).exp() / sum(torch.tensor(logits).exp())
        kernel = sum(share * values for share, values in zip(shares, conv.kernels, strict=True))
        groups = len(clip) if conv.depthwise else 1
        kernel = kernel.view(conv.outputs, len(clip) // groups, conv.size, conv.size).transpose(2, 3)
        outputs.append(nn.functional.conv2d(clip[None], kernel, None, conv.stride, conv.size // 2, groups=groups))
    return conv.norm(torch.cat(outputs))


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("size", "stride", "depthwise"), [(1, 1, False), (3, 1, True), (5, 2, True)])
def test_kernels_are_mixed_for_each_clip(
    warm_up: Callable[..., nn.Module], batch: int, size: int, stride: int, depthwise: bool
) -> None:
    torch.manual_seed(0)
    outputs = 8 if depthwise else 6
    conv = warm_up(DynamicConv(8, outputs, size, context=5, count=4, stride=stride, depthwise=depthwise))
    x, context = torch.randn(batch, 8, 9, 7), torch.randn(batch, 5)
    expected = mixed_by_hand(conv, x, context)
    torch.testing.assert_close(conv(x, context, None), expected, atol=1e-5, rtol=1e-5)
    with mock.patch("torch.compiler.is_exporting", return_value=True):
        torch.testing.assert_close(conv(x, context, None), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_larger_of_two_lines() -> None:
    lines = DynamicReLU(2, context=3)
    x, context = torch.randn(2, 2, 4, 5), torch.randn(2, 3)
    made = lines(x, context)
    t = (2 * torch.sigmoid(lines.coefficients(context)) - 1).view(2, 2, 4)
    for clip in range(2):
        for channel in range(2):
            a, b, c, d = t[clip, channel].tolist()
            values = x[clip, channel]
            expected = torch.maximum(values * (1 + a) + 0.5 * c, values * b + 0.5 * d)
            torch.testing.assert_close(made[clip, channel], expected)
    nn.init.zeros_(lines.coefficients.weight)
    nn.init.zeros_(lines.coefficients.bias)
    torch.testing.assert_close(lines(x, context), x.clamp(min=0))  # where the context says nothing: a ReLU


@torch.no_grad()
def test_the_context_is_a_mean_over_bands_and_steps(warm_up: Callable[..., nn.Module]) -> None:
    maker = warm_up(ContextMaker(4, context=6, inner=8, stride=2))
    x = torch.randn(1, 4, 10, 6)
    context = maker(x, None)
    assert context.vector.shape == (1, 6)
    assert context.bands.shape == (1, 8, 1, 3)
    assert context.steps.shape == (1, 8, 5, 1)
    turned = maker(x.flip(2), None)  # what is averaged has no order
    torch.testing.assert_close(turned.vector, context.vector)
    torch.testing.assert_close(turned.bands, context.bands)


def test_coordinate_attention_weighs_bands_and_steps_apart() -> None:
    known = Context(torch.zeros(1, 1), torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0], [100.0]]]]))
    with torch.no_grad():
        assert weighed(torch.ones(1, 1, 2, 2), known)[0, 0].tolist() == [[0.25, 0.25], [0.5, 0.5]]


def test_it_learns_with_padded_clips_as_without() -> None:
    """The statistics of a padded clip are those of the clip alone."""
    clip = torch.randn(1, 32, 64)
    alone, padded = (DynamicMobileNet(SMALL, bands=64).train() for _ in range(2))
    padded.load_state_dict(alone.state_dict())
    alone(clip)
    padded(nn.functional.pad(clip, (0, 0, 0, 32)), torch.tensor([32]))
    theirs = dict(padded.named_buffers())
    for name, buffer in alone.named_buffers():
        torch.testing.assert_close(buffer, theirs[name], atol=1e-4, rtol=1e-3)
