"""Embeddings to clip and frame scores. Every pooling gives both (`Pooled`).

`PoolingOptions` is whichever pooling's options a config names by `kind`; `build_pooling` makes the module. A plain name
pools the probabilities of frames, a name with `embedding-` the embeddings before the classifier:

    over frame probabilities  max, average, linear-softmax, exp-softmax, auto (`functions`), `attention` (Xu 2018),
                              decision-attention (`kong2019`), levels (`levels`, Chou 2017)
    over embeddings           embedding-max, embedding-average, max-average, embedding-attention, single-head
                              (`embeddings`), gmap (`gmap`, Hong 2020), feature-attention (`kong2019`)
    over both                 multi-level-attention (`multilevel`, Yu 2018)

`contract` says what every pooling returns; `classifier` has the layers around them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, SerializeAsAny, Tag
from torch import nn

from earmark import plugins
from earmark.errors import ConfigError
from earmark.pooling.attention import AttentionOptions, TemporalAttention
from earmark.pooling.contract import Pooled
from earmark.pooling.embeddings import EmbeddingPooling, EmbeddingPoolingOptions, GMAPOptions
from earmark.pooling.functions import FunctionOptions, FunctionPooling
from earmark.pooling.gmap import GatedMultiHeadAttention
from earmark.pooling.kong2019 import (
    DecisionAttention,
    DecisionAttentionOptions,
    FeatureAttention,
    FeatureAttentionOptions,
)
from earmark.pooling.levels import LevelsOptions, LevelsPooling
from earmark.pooling.multilevel import MultiLevelAttention, MultiLevelOptions

_BuiltIn = Annotated[
    AttentionOptions
    | FunctionOptions
    | DecisionAttentionOptions
    | EmbeddingPoolingOptions
    | GMAPOptions
    | FeatureAttentionOptions
    | LevelsOptions
    | MultiLevelOptions,
    Field(discriminator="kind"),
]
PoolingOptions = Annotated[
    Annotated[_BuiltIn, Tag(plugins.BUILT_IN)] | Annotated[SerializeAsAny[plugins.PoolingOptions], Tag(plugins.PLUGIN)],
    Discriminator(lambda data: plugins.where("pooling", data)),
]

__all__ = [
    "AttentionOptions",
    "DecisionAttention",
    "DecisionAttentionOptions",
    "EmbeddingPooling",
    "EmbeddingPoolingOptions",
    "FeatureAttention",
    "FeatureAttentionOptions",
    "FunctionOptions",
    "FunctionPooling",
    "GMAPOptions",
    "GatedMultiHeadAttention",
    "LevelsOptions",
    "LevelsPooling",
    "MultiLevelAttention",
    "MultiLevelOptions",
    "Pooled",
    "PoolingOptions",
    "TemporalAttention",
    "build_pooling",
]


_POOLINGS: dict[type, type[nn.Module]] = {
    AttentionOptions: TemporalAttention,
    FunctionOptions: FunctionPooling,
    DecisionAttentionOptions: DecisionAttention,
    EmbeddingPoolingOptions: EmbeddingPooling,
    GMAPOptions: EmbeddingPooling,
    FeatureAttentionOptions: FeatureAttention,
    LevelsOptions: LevelsPooling,
    MultiLevelOptions: MultiLevelAttention,
}


def build_pooling(options: PoolingOptions, channels: int, classes: int) -> nn.Module:
    """The pooling that these options describe: embeddings and their lengths to `Pooled`.

    `ConfigError` if it does not fit an encoder with that number of channels.
    """
    try:
        made: nn.Module = (plugins.module_of(options) or _POOLINGS[type(options)])(options, channels, classes)
        return made
    except ValueError as error:
        raise ConfigError(f"pooling: {error}") from error
