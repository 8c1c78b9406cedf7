"""Waveform to features: log-mel, and per-band scaling.

`FeatureOptions` is whichever front-end's options a config names; `build_features` makes the module.
"""

from __future__ import annotations

from earmark.features.logmel import LogMel, LogMelOptions
from earmark.features.scaling import BandScaling

FeatureOptions = LogMelOptions

__all__ = ["BandScaling", "FeatureOptions", "LogMel", "LogMelOptions", "build_features"]


def build_features(options: FeatureOptions) -> LogMel:
    """The front-end that these options describe."""
    return LogMel(options)
