import math

import pytest
import torch
from torch import Tensor, nn

from earmark.encoders.transformer import HIDDEN, Attention, Block, hide_beyond, hide_others, start


def made(attention: Attention) -> Attention:
    torch.manual_seed(0)
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.5)
    return attention


def textbook(attention: Attention, x: Tensor, mask: Tensor) -> Tensor:
    """Head by head and step by step, of one clip (steps, width), `mask` (steps, steps)."""
    width = x.shape[1]
    size = width // attention.heads
    parts = x @ attention.qkv.weight.T
    if attention.qkv.bias is not None:
        parts = parts + attention.qkv.bias
    queries, keys, values = parts.split(width, dim=1)
    out = torch.zeros_like(x)
    for head in range(attention.heads):
        part = slice(head * size, (head + 1) * size)
        for step in range(len(x)):
            logits = torch.stack([queries[step, part] @ keys[other, part] for other in range(len(x))]) / math.sqrt(size)
            weights = (logits + mask[step]).softmax(0)
            out[step, part] = sum(weight * value for weight, value in zip(weights, values[:, part], strict=True))
    return attention.out(out)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_attention_is_the_textbooks(bias: bool) -> None:
    attention = made(Attention(width=12, heads=3, bias=bias))
    x, mask = torch.randn(2, 7, 12), torch.randn(7, 7)
    found = attention(x, mask[None, None])
    for row, clip in zip(found, x, strict=True):
        torch.testing.assert_close(row, textbook(attention, clip, mask), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(attention(x)[0], textbook(attention, x[0], torch.zeros(7, 7)), atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pre_norm", [True, False])
def test_normalisation_stands_before_or_after_each_part(pre_norm: bool) -> None:
    block = Block(made(Attention(8, 2)), 16, pre_norm=pre_norm, scale=1.7).eval()
    x = torch.randn(1, 5, 8)
    before, after = block.attention_norm, block.feed_norm
    if pre_norm:
        between = 1.7 * x + block.attention(before(x))
        expected = 1.7 * between + block.feed(after(between))
    else:
        between = before(1.7 * x + block.attention(x))
        expected = after(1.7 * between + block.feed(between))
    torch.testing.assert_close(block(x), expected)


@torch.no_grad()
def test_what_is_hidden_is_not_attended_to() -> None:
    block = Block(made(Attention(8, 2)), 16, pre_norm=True).eval()
    x, other = torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    lengths = torch.tensor([6, 4])
    changed = torch.where((torch.arange(6) < lengths[:, None])[:, :, None], x, other)
    mask = hide_beyond(lengths, 6)
    torch.testing.assert_close(block(x, mask)[1, :4], block(changed, mask)[1, :4])
    torch.testing.assert_close(block(x, mask)[1, :4], block(x[1:, :4])[0], atol=1e-6, rtol=1e-5)
    assert hide_beyond(None, 6) is None


@torch.no_grad()
def test_stretches_do_not_know_of_one_another() -> None:
    attention = made(Attention(8, 2))
    x = torch.randn(1, 7, 8)
    found = attention(x, hide_others(7, 3, x.device)[None, None])
    for begin in (0, 3, 6):
        torch.testing.assert_close(
            found[:, begin : begin + 3], attention(x[:, begin : begin + 3]), atol=1e-6, rtol=1e-5
        )


def test_a_step_that_may_attend_to_nothing_stays_a_number() -> None:
    attention = made(Attention(8, 2))
    assert attention(torch.randn(1, 3, 8), torch.full((1, 1, 3, 3), HIDDEN)).isfinite().all()


def test_weights_start_glorot_and_biases_at_zero() -> None:
    attention = Attention(32, 4)
    start(attention)
    assert 0.5 * math.sqrt(6 / 64) < attention.out.weight.abs().max() <= math.sqrt(6 / 64)
    assert not attention.qkv.bias.any()


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="a width of 10 cannot be divided evenly among 3 heads"):
        Attention(10, 3)
