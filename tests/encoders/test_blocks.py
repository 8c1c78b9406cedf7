import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from earmark.encoders.blocks import Conv, ConvBlock, GatedConv, MaxPool


def settled(module: nn.Module) -> nn.Module:
    """The module in evaluation mode, with batch statistics, shifts and scales that are not the defaults."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight.data, part.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (part.bias.data, part.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return module.eval()


def folded(conv: Conv) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a convolution with its batch normalisation folded in by hand."""
    norm = conv.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


@torch.no_grad()
def test_the_gated_unit_is_equation_2() -> None:
    unit = settled(GatedConv(3, 4))
    (W, b), (V, c) = folded(unit.linear), folded(unit.gate)
    X = torch.randn(2, 3, 10, 8)
    Y = F.conv2d(X, W, b, padding=1) * torch.sigmoid(F.conv2d(X, V, c, padding=1))
    torch.testing.assert_close(unit(X), Y, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_convolution_is_its_sum_written_out() -> None:
    conv = settled(Conv(2, 1, "relu"))
    W, b = folded(conv)
    x = torch.randn(1, 2, 5, 4)
    padded = F.pad(x, (1, 1, 1, 1))
    found = conv(x)
    for t, f in itertools.product(range(5), range(4)):
        value = (padded[0, :, t : t + 3, f : f + 3] * W[0]).sum() + b[0]
        assert found[0, 0, t, f].item() == pytest.approx(max(0.0, value.item()), abs=1e-5)


@torch.no_grad()
def test_linear_passes_what_relu_cuts() -> None:
    linear, relu = settled(Conv(2, 3, "linear")), settled(Conv(2, 3, "relu"))
    relu.load_state_dict(linear.state_dict())
    x = torch.randn(1, 2, 5, 4)
    assert linear(x).min() < 0
    torch.testing.assert_close(relu(x), linear(x).clamp(min=0))


@pytest.mark.parametrize("activation", ["glu", "relu", "linear"])
@pytest.mark.parametrize("pool_kind", ["max", "average"])
def test_a_block_pools_as_it_is_told(activation: str, pool_kind: str) -> None:
    block = ConvBlock(1, 4, 2, activation=activation, pool=(1, 3), pool_kind=pool_kind, dropout=0.0).eval()
    assert block(torch.randn(2, 1, 11, 8)).shape == (2, 4, 11, 2)
    assert len(block.layers) == 2


@torch.no_grad()
@pytest.mark.parametrize("activation", ["glu", "relu", "linear"])
def test_a_second_convolution_does_not_hear_the_shift_beyond_the_end(activation: str) -> None:
    """Batch normalisation makes padding non-zero; it must be zero again before the next layer looks sideways."""
    block = settled(ConvBlock(2, 4, 3, activation=activation, pool=(1, 2), pool_kind="max", dropout=0.0))
    x = torch.randn(1, 2, 6, 8)
    longer = F.pad(x, (0, 0, 0, 5))
    mask = torch.arange(11)[None] < 6
    torch.testing.assert_close(block(longer, mask)[:, :, :6], block(x), atol=1e-6, rtol=0)


def test_dropout_acts_in_training_alone() -> None:
    block = ConvBlock(1, 4, 1, activation="linear", pool=(1, 1), pool_kind="max", dropout=0.5)
    x = torch.randn(4, 1, 20, 8)
    assert (block(x) == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (block.eval()(x) == 0).float().mean().item() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 2), (3, 4), (1, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_largest_is_the_same_with_and_without_gradients(size: tuple[int, int], dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 7, 9).to(dtype).to(memory_format=torch.channels_last)
    pool = MaxPool(size)
    learning = pool(x)
    with torch.no_grad():
        listening = pool(x)
    slow = [
        [
            x[:, :, size[0] * i : size[0] * (i + 1), size[1] * j : size[1] * (j + 1)].amax(dim=(2, 3))
            for j in range(9 // size[1])
        ]
        for i in range(7 // size[0])
    ]
    torch.testing.assert_close(listening, torch.stack([torch.stack(row, -1) for row in slow], -2), rtol=0, atol=0)
    torch.testing.assert_close(learning, listening, rtol=0, atol=0)
