"""Transformer blocks, and the masks that keep clips of a batch, and stretches of a clip, apart.

Vaswani et al. 2017, "Attention Is All You Need". With q, k and v linear in x, cut into heads of d channels,

    attention(x) = softmax(q k' / sqrt(d) + bias) v,  the heads side by side, then a linear layer

A block is attention and a feed-forward part of two linear layers with a GELU between. Where the normalisation stands
differs (`pre_norm`):

    before:  a x + part(norm(x))         ATST-Frame, as in vision transformers, with a = 1
    after:   norm(a x + part(x))         BEATs, with a from DeepNorm (Wang et al. 2022)

Masks are added to the logits: zero where a step may be attended to, and `HIDDEN` where it may not. That is finite, so
a step beyond a clip's end, which nothing is attended to from, stays a number.

Differs from the papers in: q, k and v come from one layer of three times the width, which is the same function. Weights
start Glorot-uniform, biases zero. Nothing is dropped except for what the parts add (`dropout`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earmark.masking import valid_steps

HIDDEN = -1e9  # added to a logit: its weight is zero in any precision


class Attention(nn.Module):
    """Self-attention with `heads` heads.

    >>> Attention(width=8, heads=2, bias=False)(torch.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(self, width: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be divided evenly among {heads} heads")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, near: Tensor | None = None) -> Tensor:
        """Map (batch, steps, width); `mask` is added to the logits (batch, heads, steps, steps).

        `near`, of their shape, is what a kind of attention makes of its own (`bias`).
        """
        split = self.qkv(x).unflatten(2, (3, self.heads, -1))  # (batch, steps, 3, heads, d)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # (batch, heads, steps, d) each
        if near is not None:
            bias = self.bias(queries, near)
            mask = bias if mask is None else bias + mask
        mask = None if mask is None else mask.to(queries.dtype)
        if torch.compiler.is_exporting():  # an ONNX file has the products one by one
            logits = queries @ keys.transpose(2, 3) / queries.shape[3] ** 0.5
            heads = (logits if mask is None else logits + mask).softmax(dim=3) @ values
        else:
            heads = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        out: Tensor = self.out(heads.transpose(1, 2).reshape(x.shape))
        return out

    def bias(self, queries: Tensor, near: Tensor) -> Tensor:
        """What is added to the logits for the distance of two steps; `queries` (batch, heads, steps, d)."""
        return near


class Block(nn.Module):
    """Attention and a feed-forward part of `hidden` units, each added to `scale` times its input (see above)."""

    def __init__(
        self,
        attention: Attention,
        hidden: int,
        *,
        pre_norm: bool,
        scale: float = 1.0,
        eps: float = 1e-5,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = attention.out.out_features
        self.pre_norm, self.scale = pre_norm, scale
        self.attention = attention
        self.attention_norm, self.feed_norm = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, near: Tensor | None = None) -> Tensor:
        """Map (batch, steps, width); `mask` and `near` as the attention takes them."""
        if self.pre_norm:
            x = self.scale * x + self.dropout(self.attention(self.attention_norm(x), mask, near))
            out: Tensor = self.scale * x + self.dropout(self.feed(self.feed_norm(x)))
            return out
        x = self.attention_norm(self.scale * x + self.dropout(self.attention(x, mask, near)))
        out = self.feed_norm(self.scale * x + self.dropout(self.feed(x)))
        return out


def hide_beyond(lengths: Tensor | None, steps: int) -> Tensor | None:
    """The mask (batch, 1, 1, steps) that hides what lies beyond each clip's end; None where nothing does.

    >>> hide_beyond(torch.tensor([1, 2]), 2).eq(0).squeeze().tolist()
    [[True, False], [True, True]]
    """
    return None if lengths is None else _hidden(~valid_steps(lengths, steps))[:, None, None]


def hide_others(steps: int, stretch: int, device: torch.device) -> Tensor:
    """The mask (steps, steps) that hides from each step what does not lie in its own stretch of `stretch` steps.

    >>> hide_others(3, 2, torch.device("cpu")).eq(0).tolist()
    [[True, True, False], [True, True, False], [False, False, True]]
    """
    part = torch.arange(steps, device=device) // stretch
    return _hidden(part[:, None] != part)


def start(module: nn.Module) -> None:
    """Glorot-uniform matrices, zero biases; normalisations start as they are."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


def _hidden(where: Tensor) -> Tensor:
    return torch.zeros(where.shape, device=where.device).masked_fill(where, HIDDEN)
