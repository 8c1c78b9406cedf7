"""Waveform to features: log-mel and its kin, and per-band scaling.

`FeatureOptions` is whichever front-end's options a config names by `kind`; `build_features` makes the module.
"""

from __future__ import annotations

from torch import nn

from earmark.features.contract import FrontEnd
from earmark.features.logmel import LogMel, LogMelOptions
from earmark.features.scaling import BandScaling

FeatureOptions = LogMelOptions

_FRONT_ENDS: dict[type, type[nn.Module]] = {LogMelOptions: LogMel}

__all__ = ["BandScaling", "FeatureOptions", "FrontEnd", "LogMel", "LogMelOptions", "build_features"]


def build_features(options: FeatureOptions) -> nn.Module:
    """The front-end (`FrontEnd`) that these options describe."""
    return _FRONT_ENDS[type(options)](options)
