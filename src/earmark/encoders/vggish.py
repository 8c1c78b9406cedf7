"""A network of the shape of VGGish (Hershey et al. 2017), which computed AudioSet's released embeddings.

    features (batch, frames, 64) -> patches of 96 frames, each by itself
      -> convolutions 3 x 3 with ReLU: 64, 128, 256 x 2, 512 x 2, the maximum of 2 x 2 after each width
      -> dense 4096 with ReLU, twice, then 128                                (batch, patches, 128)
      -> with `head`, an `embedding-net` on top                               (batch, patches, head's channels)

It has 72,141,184 parameters, and learns little from few clips: its weights are for the user to supply. Its features are
{kind: logmel, rate: 16000, window: 400, n_fft: 512, hop: 160, bands: 64, fmin: 125, fmax: 7500, mel_scale: htk,
power: 1, density: false, floor: 0.01, centre: false} without scaling of bands (docs/papers/hong2020.md, section 5.1).
Names of its weights, as the original's variables: `convs` conv1, conv2, conv3_1, conv3_2, conv4_1, conv4_2 and `dense`
fc1_1, fc1_2, fc2 in this order; values are flattened before the first dense layer in the original's order (time, bands,
channels).

Frames after the last whole patch are dropped; a clip shorter than a patch is filled up to it with silence.

Differs from the original in: the 128 values are as the last layer gives them (`rectify` for the copies that put a ReLU
after it), without the principal components and bytes of the released ones; mel filters are triangles over frequency,
there over mel.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.blocks import MaxPool
from earmark.encoders.cnn import xavier
from earmark.encoders.contract import Encoded
from earmark.encoders.embedding_net import EmbeddingNet, EmbeddingNetOptions
from earmark.masking import valid_steps
from earmark.options import Options

SILENCE = math.log(0.01)  # of every band


class VGGishOptions(Options):
    """Sizes of the encoder; by default VGGish."""

    kind: Literal["vggish"] = "vggish"
    patch: int = Field(96, gt=0)  # frames
    convs: tuple[tuple[int, ...], ...] = Field(((64,), (128,), (256, 256), (512, 512)), min_length=1)  # filters
    units: tuple[int, ...] = (4096, 4096)  # of the dense layers before the last
    values: int = Field(128, gt=0)  # of an embedding
    rectify: bool = False  # ReLU after the last layer
    head: EmbeddingNetOptions | None = None  # on top of the embeddings


class VGGish(nn.Module):
    """Patches of log-mel to embeddings. `ValueError` when pooling leaves nothing of a patch.

    >>> options = VGGishOptions(convs=((4,), (8, 8)), units=(16,), values=12)
    >>> VGGish(options, bands=64)(torch.zeros(2, 998, 64)).embeddings.shape
    torch.Size([2, 10, 12])
    """

    def __init__(self, options: VGGishOptions, bands: int) -> None:
        super().__init__()
        self.options = options
        self.reduction = Fraction(options.patch)
        left = (options.patch >> len(options.convs)) * (bands >> len(options.convs))
        if not left:
            raise ValueError(f"a patch of {options.patch} x {bands} is too small for {len(options.convs)} poolings")
        widths = [1, *(width for group in options.convs for width in group)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        sizes = [left * widths[-1], *options.units, options.values]
        self.pool = MaxPool((2, 2))
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        xavier(self)
        self.head = None if options.head is None else EmbeddingNet(options.head, options.values)
        self.channels = options.values if self.head is None else self.head.channels

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode log-mel (batch, frames, bands) with `lengths` (batch,) valid frames."""
        size = self.options.patch
        if lengths is not None:
            valid = valid_steps(lengths, features.shape[1])[:, :, None]
            features = features.masked_fill(~valid, SILENCE)
            lengths = (lengths // size).clamp(min=1)
        missing = max(0, size - features.shape[1])
        features = nn.functional.pad(features, (0, 0, 0, missing), value=SILENCE)
        batch, count = features.shape[0], features.shape[1] // size
        patches = features[:, : count * size].reshape(batch * count, 1, size, features.shape[2])
        embeddings = self._embed(patches).reshape(batch, count, self.options.values)
        return Encoded(embeddings, lengths) if self.head is None else self.head(embeddings, lengths)

    def _embed(self, patches: Tensor) -> Tensor:
        """Patches (patches, 1, frames, bands) to (patches, values)."""
        x = patches.to(memory_format=torch.channels_last)
        layers = iter(self.convs)
        for group in self.options.convs:
            for _ in group:
                x = torch.relu(next(layers)(x))
            x = self.pool(x)
        x = x.permute(0, 2, 3, 1).flatten(1)  # (patches, time * bands * channels)
        for number, layer in enumerate(self.dense, 1):
            x = layer(x)
            if number < len(self.dense) or self.options.rectify:
                x = torch.relu(x)
        return x
