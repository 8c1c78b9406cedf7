"""BEATs: Chen et al. 2022, "BEATs: Audio Pre-Training with Acoustic Tokenizers", section 3.1; with steps of 40 ms as in
Schmid et al. 2025, "Effective Pre-Training of Audio Transformers for Sound Event Detection".

    log-mel (batch, frames, bands), scaled by a fixed mean and deviation
      -> patches of 16 x 16 cells, one linear layer without bias, normalisation, one linear layer to `width`
      -> plus a convolution over neighbouring patches with GELU, which tells their places; normalisation
      -> blocks with the normalisation after each part (`transformer`), a gated bias in their attention
      -> patches averaged into steps                                                  (batch, steps, width)

The front-end is Kaldi's filterbank (`features/logmel.py`). Patches form one sequence, low bands first within 16 frames;
places and distances are those in this sequence.

The bias of a block (section 3.1; Chi et al. 2022, "XLM-E", eq. 7): a number r for the distance j - i and the head, the
same in all blocks, times a factor of the query q at i, in each block its own,

    bias(i, j) = r(j - i) (g (h c - 1) + 2),        g, h = sigmoid(U q)

Distances below a quarter of `buckets` have a number each, longer ones share them, more and more up to `farthest`.

`step` frames of 16 or fewer are a step. 16: a column of patches, averaged. Fewer: the sequence of all patches of a clip
is averaged, in its order, into as many steps as the clip has, each the mean of the patches that it touches. This is
what Schmid et al. trained with 4 frames: of the 8 patches of 16 frames the lower bands stand for the earlier frames.

Differs from the paper in: U has two rows a head, each the sum of four of the published ones, and the convolution
its kernels where those have a length and a direction: the same function. Layer dropout is left out. Names of the
published tensors: `hub/beats.py`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.arrays import IntArray
from earmark.encoders.contract import Encoded
from earmark.encoders.transformer import Attention, Block, hide_beyond, start
from earmark.masking import fill_step, valid_steps
from earmark.options import Options

PATCH = 16  # frames and bands


class BEATsOptions(Options):
    """Sizes of the encoder, and the scale of what it is given; by default the authors' base model."""

    kind: Literal["beats"] = "beats"
    width: int = Field(768, gt=0)
    depth: int = Field(12, gt=0)  # blocks
    heads: int = Field(12, gt=0)  # must divide the width
    hidden: int = Field(3072, gt=0)  # units of the feed-forward parts
    patch_width: int = Field(512, gt=0)  # of a patch, before it is brought to `width`
    reach: int = Field(128, gt=1)  # patches that the convolution sees
    groups: int = Field(16, gt=0)  # of its channels; must divide the width
    buckets: int = Field(320, gt=3)  # numbers for distances, half of them for what lies before
    farthest: int = Field(800, gt=0)  # patches; all that is farther counts alike
    step: int = Field(16, gt=0)  # frames a step (see above)
    mean: float = 15.41663  # of the features: of AudioSet, as the authors have it
    deviation: float = Field(13.11164, gt=0)  # by which they are divided: twice AudioSet's
    dropout: float = Field(0.1, ge=0, lt=1)  # of what each part adds

    @model_validator(mode="after")
    def _check(self) -> Self:
        if PATCH % self.step:
            raise ValueError(f"step ({self.step}) must divide the {PATCH} frames of a patch")
        if self.width % self.groups:
            raise ValueError(f"a width of {self.width} cannot be divided evenly among {self.groups} groups")
        if self.farthest <= self.buckets // 4:
            raise ValueError(f"farthest ({self.farthest}) must be more than a quarter of buckets ({self.buckets})")
        return self


class BEATs(nn.Module):
    """Patches of the spectrogram, then a transformer over their sequence.

    >>> options = BEATsOptions(width=16, depth=1, heads=2, hidden=16, patch_width=8)
    >>> encoder = BEATs(options, bands=128)
    >>> encoder(torch.zeros(2, 998, 128)).embeddings.shape, encoder.reduction
    (torch.Size([2, 62, 16]), Fraction(16, 1))
    """

    def __init__(self, options: BEATsOptions, bands: int) -> None:
        super().__init__()
        self.options = options
        self.channels = width = options.width
        self.reduction = Fraction(options.step)
        self.rows = bands // PATCH  # of patches
        if not self.rows:
            raise ValueError(f"beats needs at least {PATCH} bands, got {bands}")
        self.embed = nn.Linear(PATCH * PATCH, options.patch_width, bias=False)  # a patch, frame after frame
        self.embed_norm = nn.LayerNorm(options.patch_width)
        self.widen = nn.Linear(options.patch_width, width)
        self.places = nn.Conv1d(width, width, options.reach, padding=options.reach // 2, groups=options.groups)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.distances = Distances(options.buckets, options.farthest, options.heads)
        self.blocks = nn.ModuleList(
            Block(
                GatedAttention(width, options.heads),
                options.hidden,
                pre_norm=False,
                scale=(2 * options.depth) ** 0.25,
                dropout=options.dropout,
            )
            for _ in range(options.depth)
        )
        start(self)
        self._soften()

    @torch.no_grad()
    def _soften(self) -> None:
        """DeepNorm's start: smaller weights in all that is added, so that deep networks learn."""
        share = (8 * self.options.depth) ** -0.25
        for block in self.blocks:
            assert isinstance(block, Block)
            for part in (block.attention.qkv.weight[-self.channels :], block.attention.out.weight):
                part *= share
            for layer in (block.feed[0], block.feed[2]):
                layer.weight *= share

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        options = self.options
        steps = max(1, features.shape[1] // options.step)
        x = (features - options.mean) / options.deviation
        if torch.compiler.is_exporting():  # a traced clip may end within a patch
            x = nn.functional.pad(x, (0, 0, 0, PATCH - 1))
        x, filled = fill_step(x, lengths, PATCH)
        x = self._transform(self._patches(x), None if filled is None else filled // PATCH * self.rows)
        if filled is None:
            filled = torch.full((1,), max(PATCH, features.shape[1]), device=x.device)
        x = self._shares(filled, steps, x.shape[1]).to(x.dtype) @ x
        if lengths is not None:
            lengths = (lengths // options.step).clamp(min=1)
            x = x * valid_steps(lengths, steps)[:, :, None]
        return Encoded(x, lengths)

    def _patches(self, x: Tensor) -> Tensor:
        """Features (batch, frames, bands) to patches (batch, patches, width)."""
        columns = x.shape[1] // PATCH
        x = x[:, : columns * PATCH, : self.rows * PATCH]
        x = x.reshape(x.shape[0], columns, PATCH, self.rows, PATCH).transpose(2, 3)
        x = x.reshape(x.shape[0], columns * self.rows, PATCH * PATCH)
        widened: Tensor = self.dropout(self.widen(self.embed_norm(self.embed(x))))
        return widened

    def _transform(self, x: Tensor, patches: Tensor | None) -> Tensor:
        """Patches (batch, patches, width) that know of one another; `patches` (batch,) are each clip's own."""
        count = x.shape[1]
        if patches is not None:
            x = x * valid_steps(patches, count)[:, :, None]
        around = nn.functional.gelu(self.places(x.transpose(1, 2))[:, :, :count])  # an even reach gives one too many
        x = self.dropout(self.norm(x + around.transpose(1, 2)))
        mask, near = hide_beyond(patches, count), self.distances(count)
        for block in self.blocks:
            x = block(x, mask, near)
        return x

    def _shares(self, frames: Tensor, steps: int, patches: int) -> Tensor:
        """How much each patch counts in each step: (batch, steps, patches), for clips of these `frames` (batch,)."""
        own, among = frames[:, None] // PATCH * self.rows, frames[:, None] // self.options.step
        step, patch = torch.arange(steps, device=frames.device), torch.arange(patches, device=frames.device)
        first, end = step * own // among, ((step + 1) * own + among - 1) // among  # (batch, steps)
        within = (patch >= first[:, :, None]) & (patch < end[:, :, None])
        return within / within.sum(dim=2, keepdim=True).clamp(min=1)


class GatedAttention(Attention):
    """Attention whose bias for a distance is a number of the head, times a factor of the query (see above).

    >>> GatedAttention(width=8, heads=2)(torch.zeros(1, 5, 8), near=torch.zeros(2, 5, 5)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.gate = nn.Linear(width // heads, 2)  # U, the same for all heads
        self.sharpness = nn.Parameter(torch.ones(heads))  # c

    def bias(self, queries: Tensor, near: Tensor) -> Tensor:
        """Numbers `near` (heads, steps, steps) times factors of the queries (batch, heads, steps, d)."""
        g, h = torch.sigmoid(self.gate(queries)).unbind(dim=3)  # (batch, heads, steps)
        factor = g * (h * self.sharpness[:, None] - 1) + 2
        return factor[:, :, :, None] * near


class Distances(nn.Module):
    """A number r for each head and distance, distances being gathered in buckets (see above).

    >>> Distances(buckets=8, farthest=16, heads=2)(5).shape
    torch.Size([2, 5, 5])
    """

    def __init__(self, buckets: int, farthest: int, heads: int) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.zeros(buckets, heads))
        self.side, self.farthest = buckets // 2, farthest
        self.register_buffer("buckets", torch.from_numpy(bucket_of(self.side, farthest)), persistent=False)
        self.buckets: Tensor

    def forward(self, count: int) -> Tensor:
        """The numbers (heads, count, count), of the patch that attends to the patch that is attended to."""
        place = torch.arange(count, device=self.numbers.device)
        ahead = place - place[:, None]
        bucket = self.buckets[ahead.abs().clamp(max=self.farthest)] + self.side * (ahead > 0)
        return self.numbers[bucket].permute(2, 0, 1)


def bucket_of(half: int, farthest: int) -> IntArray:
    """The bucket, of `half` of them, that each distance 0 .. `farthest` falls into.

    >>> bucket_of(half=8, farthest=16).tolist()
    [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7]
    """
    single = half // 2  # distances that have a bucket of their own
    distance = np.arange(farthest + 1)
    further = np.log(np.maximum(distance, single) / single) / math.log(farthest / single) * (half - single)
    return np.where(distance < single, distance, np.minimum(single + further.astype(np.int64), half - 1))
