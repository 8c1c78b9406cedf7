"""A small map's convolution as a matrix product is the convolution."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from earmark.encoders.small_maps import conv_3x3, pays


@pytest.mark.parametrize(
    ("dtype", "inputs", "cells"), [(torch.float32, 1024, (31, 2)), (torch.bfloat16, 512, (62, 4))]
)
@pytest.mark.parametrize("bias", [True, False])
def test_the_product_gives_what_the_convolution_gives(dtype, inputs, cells, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, 24, 3, padding=1, bias=bias).to(memory_format=torch.channels_last)
    x = torch.randn(3, inputs, *cells).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = conv(x)
        typed, given = conv.to(dtype), x.to(dtype)
        assert pays(given, typed.weight)
        found = conv_3x3(typed, given)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert (found.float() - wanted).abs().max() < (1e-5 if dtype == torch.float32 else 0.05)


@pytest.mark.parametrize("shape", [(1, 1024, 65, 1), (2, 512, 4, 4), (1, 64, 2, 2)])
def test_what_is_large_or_narrow_stays_a_convolution(shape):
    conv = nn.Conv2d(shape[1], 4, 3, padding=1)
    x = torch.randn(shape)
    with torch.inference_mode():
        assert not pays(x, conv.weight)
        assert torch.equal(conv_3x3(conv, x), conv(x))


def test_gradients_flow_through_the_convolution():
    conv = nn.Conv2d(1024, 4, 3, padding=1)
    x = torch.randn(1, 1024, 4, 2, requires_grad=True)
    assert not pays(x, conv.weight)
    conv_3x3(conv, x).sum().backward()
    assert x.grad is not None and conv.weight.grad is not None
