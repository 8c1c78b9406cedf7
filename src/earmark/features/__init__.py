"""Waveform to features: log-mel and its kin, and per-band scaling.

`FeatureOptions` is whichever front-end's options a config names by `kind` (log-mel where it names none);
`build_features` makes the module.

`logmel.py`           log-mel, in the ways of Xu 2018, PANNs, TALNet and the DCASE2017 baseline
`mfcc.py`             MFCC with derivatives, of any log-mel
`logmel_waveform.py`  log-mel and the raw samples of each hop
`embedding.py`        vectors that were computed elsewhere
`fused_mel.py`        mel bands of a spectrum in one pass on an NVIDIA GPU, by the kernel of `mel_kernels.py`
`contract.py`         what every front-end is; `mirror.py`, `scaling.py`: edges, per-band scaling
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, SerializeAsAny, Tag
from torch import nn

from earmark import plugins
from earmark.features.contract import FrontEnd
from earmark.features.embedding import Embedding, EmbeddingOptions
from earmark.features.logmel import LogMel, LogMelOptions
from earmark.features.logmel_waveform import LogMelWaveform, LogMelWaveformOptions
from earmark.features.mfcc import MFCC, MFCCOptions
from earmark.features.scaling import BandScaling


def _kind(options: Any) -> Any:
    return options.get("kind", "logmel") if isinstance(options, Mapping) else getattr(options, "kind", None)


_BuiltIn = Annotated[
    Annotated[LogMelOptions, Tag("logmel")]
    | Annotated[MFCCOptions, Tag("mfcc")]
    | Annotated[LogMelWaveformOptions, Tag("logmel-waveform")]
    | Annotated[EmbeddingOptions, Tag("embedding")],
    Discriminator(_kind),
]
FeatureOptions = Annotated[
    Annotated[_BuiltIn, Tag(plugins.BUILT_IN)]
    | Annotated[SerializeAsAny[plugins.FrontEndOptions], Tag(plugins.PLUGIN)],
    Discriminator(lambda data: plugins.where("features", data)),
]

_FRONT_ENDS: dict[type, type[nn.Module]] = {
    LogMelOptions: LogMel,
    MFCCOptions: MFCC,
    LogMelWaveformOptions: LogMelWaveform,
    EmbeddingOptions: Embedding,
}

__all__ = [
    "MFCC",
    "BandScaling",
    "Embedding",
    "EmbeddingOptions",
    "FeatureOptions",
    "FrontEnd",
    "LogMel",
    "LogMelOptions",
    "LogMelWaveform",
    "LogMelWaveformOptions",
    "MFCCOptions",
    "build_features",
    "log_mel_in",
]


def build_features(options: FeatureOptions) -> nn.Module:
    """The front-end (`FrontEnd`) that these options describe."""
    made: nn.Module = (plugins.module_of(options) or _FRONT_ENDS[type(options)])(options)
    return made


def log_mel_in(front_end: FrontEnd) -> LogMel | None:
    """The log-mel that a front-end is, or is made from; None where there is none."""
    inner = getattr(front_end, "logmel", front_end)
    return inner if isinstance(inner, LogMel) else None
