"""Features to embeddings. Every encoder states its `channels` and, as an exact fraction, its time `reduction`.

`EncoderOptions` is whichever encoder's options a config names by `kind`; `build_encoder` makes the module.

`contract`                what every encoder is; `depth`: its blocks in order
`crnn`, `xu2018`          Xu et al. 2018: in free sizes, and exactly; `keras_gru`, `torch_gru`, `recurrence`: GRUs
`lower_blocks`            the blocks of a CRNN, for a linear head
`cnn`, `wavegram`         Kong et al. 2020
`atst`, `beats`           transformers over spectrograms, of `transformer` blocks
`yamnet`                  Google's YAMNet (Howard et al. 2017, MobileNetV1)
`resnet`, `vggish`, `segment_cnn`, `frame_cnn`, `mlp`, `embedding_net`   the systems that the papers compare with
`mobilenet`, `dymn`       MobileNetV3 of Schmid et al. 2023 and 2025, and with kernels that depend on the clip
`blocks`, `dynamic`       convolution blocks: plain, gated, frequency-dynamic
`fused_norm`, `fused_gru`, `fused_keras_gru`   what lies between convolutions, and GRUs, in few launches on an NVIDIA
                          GPU, by the Triton kernels of `norm_kernels` and `gru_kernels`
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, SerializeAsAny, Tag
from torch import nn

from earmark import plugins
from earmark.encoders.atst import ATST, ATSTOptions
from earmark.encoders.beats import BEATs, BEATsOptions
from earmark.encoders.cnn import CNN, CNNOptions
from earmark.encoders.contract import Encoded, Encoder
from earmark.encoders.crnn import CRNN, CRNNOptions
from earmark.encoders.depth import Block, blocks_in_order
from earmark.encoders.dymn import DynamicMobileNet, DynamicMobileNetOptions
from earmark.encoders.embedding_net import EmbeddingNet, EmbeddingNetOptions
from earmark.encoders.frame_cnn import FrameCNN, FrameCNNOptions
from earmark.encoders.lower_blocks import LowerBlocks, LowerBlocksOptions
from earmark.encoders.mlp import MLP, MLPOptions
from earmark.encoders.mobilenet import MobileNet, MobileNetOptions
from earmark.encoders.resnet import ResNet, ResNetOptions
from earmark.encoders.segment_cnn import SegmentCNN, SegmentCNNOptions
from earmark.encoders.vggish import VGGish, VGGishOptions
from earmark.encoders.wavegram import Wavegram, WavegramOptions
from earmark.encoders.xu2018 import Xu2018, Xu2018Options
from earmark.encoders.yamnet import YAMNet, YAMNetOptions

_BuiltIn = Annotated[
    CRNNOptions
    | LowerBlocksOptions
    | Xu2018Options
    | CNNOptions
    | MLPOptions
    | FrameCNNOptions
    | SegmentCNNOptions
    | WavegramOptions
    | ResNetOptions
    | EmbeddingNetOptions
    | VGGishOptions
    | MobileNetOptions
    | DynamicMobileNetOptions
    | ATSTOptions
    | BEATsOptions
    | YAMNetOptions,
    Field(discriminator="kind"),
]
EncoderOptions = Annotated[
    Annotated[_BuiltIn, Tag(plugins.BUILT_IN)] | Annotated[SerializeAsAny[plugins.EncoderOptions], Tag(plugins.PLUGIN)],
    Discriminator(lambda data: plugins.where("encoder", data)),
]

_ENCODERS: dict[type, type[nn.Module]] = {
    CRNNOptions: CRNN,
    LowerBlocksOptions: LowerBlocks,
    Xu2018Options: Xu2018,
    CNNOptions: CNN,
    MLPOptions: MLP,
    FrameCNNOptions: FrameCNN,
    SegmentCNNOptions: SegmentCNN,
    WavegramOptions: Wavegram,
    ResNetOptions: ResNet,
    EmbeddingNetOptions: EmbeddingNet,
    VGGishOptions: VGGish,
    MobileNetOptions: MobileNet,
    DynamicMobileNetOptions: DynamicMobileNet,
    ATSTOptions: ATST,
    BEATsOptions: BEATs,
    YAMNetOptions: YAMNet,
}

__all__ = [
    "ATST",
    "CNN",
    "CRNN",
    "MLP",
    "ATSTOptions",
    "BEATs",
    "BEATsOptions",
    "Block",
    "CNNOptions",
    "CRNNOptions",
    "DynamicMobileNet",
    "DynamicMobileNetOptions",
    "EmbeddingNet",
    "EmbeddingNetOptions",
    "Encoded",
    "Encoder",
    "EncoderOptions",
    "FrameCNN",
    "FrameCNNOptions",
    "LowerBlocks",
    "LowerBlocksOptions",
    "MLPOptions",
    "MobileNet",
    "MobileNetOptions",
    "ResNet",
    "ResNetOptions",
    "SegmentCNN",
    "SegmentCNNOptions",
    "VGGish",
    "VGGishOptions",
    "Wavegram",
    "WavegramOptions",
    "Xu2018",
    "Xu2018Options",
    "YAMNet",
    "YAMNetOptions",
    "blocks_in_order",
    "build_encoder",
]


def build_encoder(options: EncoderOptions, bands: int) -> nn.Module:
    """The encoder (`Encoder`) that these options describe, for features with `bands` bands."""
    made: nn.Module = (plugins.module_of(options) or _ENCODERS[type(options)])(options, bands)
    return made
