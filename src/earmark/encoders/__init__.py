"""Features to embeddings. Every encoder states its `channels` and, as an exact fraction, its time `reduction`.

`EncoderOptions` is whichever encoder's options a config names by `kind`; `build_encoder` makes the module.
"""

from __future__ import annotations

from torch import nn

from earmark.encoders.contract import Encoded, Encoder
from earmark.encoders.crnn import CRNN, CRNNOptions

EncoderOptions = CRNNOptions

_ENCODERS: dict[type, type[nn.Module]] = {CRNNOptions: CRNN}

__all__ = ["CRNN", "CRNNOptions", "Encoded", "Encoder", "EncoderOptions", "build_encoder"]


def build_encoder(options: EncoderOptions, bands: int) -> nn.Module:
    """The encoder (`Encoder`) that these options describe, for features of so many bands."""
    return _ENCODERS[type(options)](options, bands)
