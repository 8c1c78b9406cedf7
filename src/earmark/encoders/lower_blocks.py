"""The convolution blocks of a CRNN without what lies above them: the sound's texture, step by step.

    features (batch, frames, bands)
      -> the blocks of `crnn`, one after the other
      -> of each frame the features, and of every block but the first the mean over its bands, side by side

What lies above the blocks of a trained CRNN says which of its own labels is heard, and little else. The blocks say what
a sound is made of: so they are what a linear head for labels of another kind goes by, with few clips to learn from
(docs/results.md, "Few clips"). Names and shapes of the weights are those of the CRNN's blocks. A network of these
blocks alone is also smaller and faster than the CRNN that they come from.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

import torch
from torch import Tensor, nn

from earmark.encoders.contract import Encoded
from earmark.encoders.crnn import BlocksOptions, CRNNOptions, initialise, make_blocks
from earmark.masking import valid_steps


class LowerBlocksOptions(BlocksOptions):
    """Sizes of the blocks."""

    kind: Literal["lower-blocks"] = "lower-blocks"

    @classmethod
    def of(cls, options: CRNNOptions) -> Self:
        """The blocks of a CRNN.

        >>> LowerBlocksOptions.of(CRNNOptions(channels=(8, 16), pools=(2, 4))).channels
        (8, 16)
        """
        return cls(**{name: getattr(options, name) for name in BlocksOptions.model_fields})


class LowerBlocks(nn.Module):
    """Features and the means of all blocks but the first.

    >>> encoder = LowerBlocks(LowerBlocksOptions(channels=(8, 8, 16), pools=(2, 2, 4)), bands=64)
    >>> encoder(torch.zeros(2, 25, 64)).embeddings.shape  # 64 bands, 8 and 16 filters
    torch.Size([2, 25, 88])
    """

    reduction = Fraction(1)  # frames a step

    def __init__(self, options: LowerBlocksOptions, bands: int) -> None:
        super().__init__()
        self.blocks = make_blocks(options, bands)
        self.channels = bands + sum(options.channels[1:])
        initialise(self)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames."""
        mask = None if lengths is None else valid_steps(lengths, features.shape[1])
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        parts = [features]
        for number, block in enumerate(self.blocks):
            x = block(x, mask)
            if number:
                parts.append(x.float().mean(dim=3).transpose(1, 2))
        return Encoded(torch.cat(parts, dim=2), lengths)
