"""What every encoder is: features (batch, frames, bands) to embeddings (batch, steps, channels).

Three more facts an encoder may state, where they are not as usual: `partial_steps`, that the frames at a clip's end
make a step although they are too few for a whole one (it has a whole `reduction` and gives ceil(n / reduction) steps);
`shift`, by how many frames the clock of its steps begins later than that of the frames; and `float32`, that bfloat16
costs it accuracy, so that only who asks for it gets it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn


class Encoded(NamedTuple):
    """What an encoder gives: embeddings (batch, steps, channels) and the valid steps of each clip (batch,) or None."""

    embeddings: Tensor
    lengths: Tensor | None


@runtime_checkable
class Encoder(Protocol):
    """A module that states its `channels` and how many frames stand behind a step (`reduction`, exact).

    A clip of n valid frames has floor(n / reduction) steps, at least one (but see `rest_of`). Its blocks by depth need
    not be stated (`depth.py`).
    """

    channels: int
    reduction: Fraction

    def __call__(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode features (batch, frames, bands) of which each clip has `lengths` (batch,) valid; None: all."""
        ...


def rest_of(encoder: Encoder) -> int:
    """Frames that may be missing from a clip's last step: it has floor((n + rest) / reduction) steps, at least one."""
    return int(encoder.reduction) - 1 if getattr(encoder, "partial_steps", False) else 0


def shift_of(encoder: Encoder) -> Fraction:
    """Frames by which the clock of the steps begins later than that of the frames (negative: earlier)."""
    return Fraction(getattr(encoder, "shift", 0))


def wants_float32(module: nn.Module) -> bool:
    """Whether this is an encoder that the precision `auto` leaves in float32."""
    return bool(getattr(module, "float32", False))
