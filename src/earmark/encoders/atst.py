"""ATST-Frame: Li, Shao and Li 2024, "Self-supervised Audio Teacher-Student Transformer for Both Clip-level and Frame-
level Tasks", section III; with a head for frames as in Schmid et al. 2025, "Effective Pre-Training of Audio
Transformers for Sound Event Detection".

    log-mel in dB (batch, frames, bands), cut to `least` .. `most`, `low` .. `high` brought to -1 .. 1
      -> every four frames, all bands at once, one linear layer             (batch, steps, width)
      -> plus a learned embedding of the step's place
      -> blocks with the normalisation before each part (`transformer`)
      -> normalisation                                                      (batch, steps, width)

The front-end is log-mel (`features/logmel.py`, "ATST-Frame"): a step of four frames is 40 ms.

There are embeddings for `places` steps, ten seconds, and the authors' network takes no more: their program cuts a
recording into pieces of ten seconds, filled with silence. Here a longer clip falls into stretches of `places` steps,
each of which attends to itself alone; what is shorter is not filled, and scores as it would beside longer ones.

Differs from the paper in: what it needs for pre-training alone is left out (the embedding of masked steps, stochastic
depth). Names of the published tensors: `hub/atst.py`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.encoders.contract import Encoded
from earmark.encoders.transformer import Attention, Block, hide_beyond, hide_others, start
from earmark.masking import fill_step, valid_steps
from earmark.options import Options


class ATSTOptions(Options):
    """Sizes of the encoder, and of what it is given; by default the authors' base model."""

    kind: Literal["atst"] = "atst"
    width: int = Field(768, gt=0)
    depth: int = Field(12, gt=0)  # blocks
    heads: int = Field(12, gt=0)  # must divide the width
    hidden: int = Field(3072, gt=0)  # units of the feed-forward parts
    frames: int = Field(4, gt=0)  # a step
    places: int = Field(250, gt=0)  # steps that have an embedding of their place
    least: float = -50.0  # dB: what lies below counts as this
    most: float = 80.0  # dB
    low: float = -79.6482  # dB that become -1: the least and the largest value of the authors' training data
    high: float = 50.6842  # dB that become 1
    dropout: float = Field(0.0, ge=0, lt=1)  # of what each part adds

    @model_validator(mode="after")
    def _check(self) -> Self:
        for low, high in (("least", "most"), ("low", "high")):
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low} ({getattr(self, low)}) must be below {high} ({getattr(self, high)})")
        return self


class ATST(nn.Module):
    """Groups of frames, then a transformer over time.

    >>> options = ATSTOptions(width=8, depth=1, heads=2, hidden=16)
    >>> encoder = ATST(options, bands=64)
    >>> encoder(torch.zeros(2, 1001, 64)).embeddings.shape, encoder.reduction
    (torch.Size([2, 250, 8]), Fraction(4, 1))
    """

    def __init__(self, options: ATSTOptions, bands: int) -> None:
        super().__init__()
        self.options = options
        self.channels = options.width
        self.reduction = Fraction(options.frames)
        self.embed = nn.Linear(options.frames * bands, options.width)  # a group, frame after frame
        self.places = nn.Parameter(torch.zeros(options.places, options.width))
        self.blocks = nn.ModuleList(
            Block(
                Attention(options.width, options.heads, bias=False),
                options.hidden,
                pre_norm=True,
                eps=1e-6,
                dropout=options.dropout,
            )
            for _ in range(options.depth)
        )
        self.norm = nn.LayerNorm(options.width, 1e-6)
        start(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        options = self.options
        x = features.clamp(options.least, options.most)
        x = (x - options.low) / (options.high - options.low) * 2 - 1
        x, lengths = fill_step(x, lengths, options.frames)
        steps = x.shape[1] // options.frames
        lengths = None if lengths is None else lengths // options.frames
        x = x[:, : steps * options.frames].reshape(x.shape[0], steps, -1)
        x = self.embed(x) + self.places[torch.arange(steps, device=x.device) % options.places]
        mask = self._mask(lengths, steps, x.device)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        if lengths is not None:
            x = x * valid_steps(lengths, steps)[:, :, None]
        return Encoded(x, lengths)

    def _mask(self, lengths: Tensor | None, steps: int, device: torch.device) -> Tensor | None:
        beyond = hide_beyond(lengths, steps)
        if not torch.compiler.is_exporting() and steps <= self.options.places:  # a traced clip may have any length
            return beyond
        others = hide_others(steps, self.options.places, device)[None, None]
        return others if beyond is None else others + beyond
