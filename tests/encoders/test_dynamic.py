from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from earmark.encoders import CRNN, CRNNOptions
from earmark.encoders.blocks import Conv, DynamicConv, make_conv
from earmark.encoders.dynamic import DynamicConv2d
from earmark.models.fast import fold, pack


def slowly(layer: DynamicConv2d, x: torch.Tensor) -> torch.Tensor:
    """One clip, one band at a time: mix the kernels, then convolve with what came out."""
    kernels = layer.conv.weight.view(layer.basis, -1, *layer.conv.weight.shape[1:])  # (basis, outputs, inputs, 3, 3)
    hidden = F.relu(layer.norm(F.conv1d(x.mean(dim=2), layer.hidden.weight, padding=1)))
    scores = F.conv1d(hidden, layer.mix.weight, layer.mix.bias) / 31
    clips = []
    for clip, wanted in zip(x, scores, strict=True):
        bands = []
        for band in range(x.shape[3]):
            mix = torch.exp(wanted[:, band]) / torch.exp(wanted[:, band]).sum()
            own = sum(share * kernel for share, kernel in zip(mix, kernels, strict=True))
            bands.append(F.conv2d(clip[None], own, padding=1)[0, :, :, band])
        clips.append(torch.stack(bands, dim=2))
    return torch.stack(clips)


def sharpened(module: nn.Module) -> nn.Module:
    """With mixtures far from even, which temperature would keep them from for long."""
    for part in module.modules():
        if isinstance(part, DynamicConv2d):
            nn.init.normal_(part.mix.weight, std=200)
            nn.init.normal_(part.mix.bias, std=20)
    return module


@torch.no_grad()
def test_every_band_is_filtered_by_the_kernel_it_mixes(warm_up: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    layer = warm_up(sharpened(DynamicConv2d(6, 5, basis=3)))
    x = torch.randn(2, 6, 11, 8)
    assert layer.weights(x).std(dim=2).max() > 0.1  # bands do differ
    torch.testing.assert_close(layer(x), slowly(layer, x), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_one_kernel_to_mix_is_a_plain_convolution() -> None:
    layer = DynamicConv2d(6, 5, basis=1).eval()
    x = torch.randn(2, 6, 11, 8)
    torch.testing.assert_close(layer(x), layer.conv(x))


@torch.no_grad()
def test_what_a_band_has_in_it_decides_its_kernel_and_no_other(warm_up: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    layer = warm_up(sharpened(DynamicConv2d(6, 5, basis=4)))
    x = torch.randn(1, 6, 9, 16)
    more = x.clone()
    more[..., 4:7] += 1
    changed = (layer.weights(more) - layer.weights(x)).abs().amax(dim=(0, 1)) > 1e-6
    assert changed[3:8].any()
    assert not changed[:3].any()
    assert not changed[8:].any()


def test_at_the_start_all_kernels_count_nearly_alike_and_all_learn() -> None:
    layer = DynamicConv2d(8, 4, basis=4)
    x = torch.randn(3, 8, 10, 12)
    assert layer.weights(x).sub(0.25).abs().max() < 0.05
    layer(x).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in layer.parameters())


@pytest.mark.parametrize("activation", ["glu", "relu"])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(activation: str, check_alone: Callable[..., object]) -> None:
    torch.manual_seed(0)
    options = CRNNOptions(channels=(4, 6), pools=(2, 4), last=10, units=5, activation=activation, basis_kernels=3)
    check_alone(sharpened(CRNN(options, bands=16)), 16, [1, 9, 30, 2])


def test_the_first_convolution_stays_plain() -> None:
    encoder = CRNN(CRNNOptions(channels=(4, 6), pools=(2, 4), last=10, units=5, basis_kernels=3), bands=16)
    kinds = [type(layer.linear) for block in encoder.blocks for layer in block.layers]
    assert kinds == [Conv, DynamicConv, DynamicConv, DynamicConv]
    assert type(make_conv(4, 4, "relu", 1)) is Conv


@torch.no_grad()
def test_made_ready_for_listening_it_says_the_same(warm_up: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    options = CRNNOptions(channels=(4, 6), pools=(2, 4), last=10, units=5, basis_kernels=3)
    encoder = warm_up(sharpened(CRNN(options, bands=16)))
    x = torch.randn(2, 20, 16)
    plain = encoder(x).embeddings
    torch.testing.assert_close(pack(fold(encoder))(x).embeddings, plain, atol=1e-5, rtol=1e-5)
