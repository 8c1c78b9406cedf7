from collections.abc import Callable

import pytest
import torch
from torch import nn

from earmark.encoders import ResNet, ResNetOptions

SMALL = {"blocks": (1, 2, 1, 1), "width": 2}


def test_parameters_are_those_of_resnet_50_on_one_channel() -> None:
    """25,557,032 in the published network, less the classifier of 1000 classes and two channels of the first layer."""
    with torch.device("meta"):
        encoder = ResNet(ResNetOptions(), bands=64)
    expected = 25_557_032 - (2048 * 1000 + 1000) - 2 * 64 * 49
    assert sum(p.numel() for p in encoder.parameters()) == expected
    assert round(expected / 1e6, 2) == 23.50
    assert encoder.channels == 2048


@torch.no_grad()
@pytest.mark.parametrize(
    ("frames", "stride", "steps"), [(400, 1, 25), (415, 1, 25), (5, 1, 1), (400, 2, 12), (1056, 2, 33)]
)
def test_whole_steps_are_kept(frames: int, stride: int, steps: int) -> None:
    encoder = ResNet(ResNetOptions(**SMALL, stem_stride=stride), bands=16).eval()
    assert encoder.reduction == 16 * stride
    assert encoder(torch.randn(1, frames, 16)).embeddings.shape == (1, steps, 64)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(stride: int, check_alone: Callable[..., object]) -> None:
    encoder = ResNet(ResNetOptions(**SMALL, stem_stride=stride), bands=16)
    check_alone(encoder, 16, [1, 40, 100, 16, 33, 32, 64])
    check_alone(encoder, 16, [1, 9])  # both shorter than a step


@torch.no_grad()
def test_a_block_adds_to_what_came_in(warm_up: Callable[..., nn.Module]) -> None:
    encoder = warm_up(ResNet(ResNetOptions(**SMALL), bands=16))
    block = encoder.blocks[2]  # the second of its stage: nothing to fit
    assert block.short is None
    nn.init.zeros_(block.norm3.weight)
    nn.init.zeros_(block.norm3.bias)
    x = torch.randn(2, 16, 8, 4)
    torch.testing.assert_close(block(x)[0], x.relu())


def test_it_learns_with_clips_of_different_lengths() -> None:
    encoder = ResNet(ResNetOptions(**SMALL), bands=16).to(memory_format=torch.channels_last)
    encoder(torch.randn(3, 64, 16), torch.tensor([64, 40, 3])).embeddings.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
