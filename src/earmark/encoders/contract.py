"""What every encoder is: features (batch, frames, bands) to embeddings (batch, steps, channels)."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Encoded(NamedTuple):
    """What an encoder gives: embeddings (batch, steps, channels) and the valid steps of each clip (batch,) or None."""

    embeddings: Tensor
    lengths: Tensor | None


@runtime_checkable
class Encoder(Protocol):
    """A module that states its `channels` and how many frames stand behind a step (`reduction`, exact).

    A clip of n valid frames has floor(n / reduction) steps, at least one. Its blocks by depth need not be stated
    (`depth.py`).
    """

    channels: int
    reduction: Fraction

    def __call__(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) of which each clip has `lengths` (batch,) valid; None: all."""
        ...
