"""Embeddings to clip and frame scores. Every pooling gives both (`Pooled`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from earmark.pooling.attention import AttentionOptions, TemporalAttention
from earmark.pooling.contract import Pooled
from earmark.pooling.functions import FunctionOptions, FunctionPooling

PoolingOptions = Annotated[AttentionOptions | FunctionOptions, Field(discriminator="kind")]

__all__ = [
    "AttentionOptions",
    "FunctionOptions",
    "FunctionPooling",
    "Pooled",
    "PoolingOptions",
    "TemporalAttention",
    "build_pooling",
]


def build_pooling(options: AttentionOptions | FunctionOptions, channels: int, classes: int) -> nn.Module:
    """The pooling that these options describe."""
    if isinstance(options, AttentionOptions):
        return TemporalAttention(options, channels, classes)
    return FunctionPooling(options, channels, classes)
