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


_POOLINGS: dict[type, type[nn.Module]] = {AttentionOptions: TemporalAttention, FunctionOptions: FunctionPooling}


def build_pooling(options: PoolingOptions, channels: int, classes: int) -> nn.Module:
    """The pooling that these options describe: embeddings and their lengths to `Pooled`."""
    return _POOLINGS[type(options)](options, channels, classes)
