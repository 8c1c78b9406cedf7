"""Features to embeddings. Every encoder states its `channels` and, as an exact fraction, its time `reduction`."""

from __future__ import annotations

from earmark.encoders.crnn import CRNN, CRNNOptions, Encoded

EncoderOptions = CRNNOptions

__all__ = ["CRNN", "CRNNOptions", "Encoded", "EncoderOptions", "build_encoder"]


def build_encoder(options: EncoderOptions, bands: int) -> CRNN:
    """The encoder that these options describe, for features of so many bands."""
    return CRNN(options, bands)
