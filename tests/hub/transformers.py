"""Weights of ATST-F and BEATs by their tensors' names and shapes alone, so that others' code can be given the same.

The rule, with R = numpy.random.RandomState(zlib.crc32(name)), whose numbers NumPy never changes, all in float32: a
tensor's values, in their order, are R.standard_normal(min(size, 65,537)), again and again if there are more, times a
deviation plus a mean, which are

    strong_head.weight, predictor.weight        0.1, 0           scores that are neither all the same nor all 0 or 1
    strong_head.bias, predictor.bias            1, -2 and 1, -1
    pos_embed                                   0.5, 0
    relative_attention_bias.weight              1, 0; named as that of layer 0, for all layers share it
    grep_a                                      0.5, 1
    pos_conv.0.weight_g                         0.25, 2.5
    *.weight of one axis, *.bias                0.1, 1 and 0.1, 0
    every other tensor                          1 / sqrt(values that one output adds up), 0

The sound is faint noise with a sweep that comes and goes, noise that comes and goes, and a click every 0.2 s.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

PERIOD = 65_537  # prime, so that no two rows are alike
RULES = {  # deviation and mean, by how a name ends
    "strong_head.weight": (0.1, 0.0),
    "strong_head.bias": (1.0, -2.0),
    "predictor.weight": (0.1, 0.0),
    "predictor.bias": (1.0, -1.0),
    "pos_embed": (0.5, 0.0),
    "relative_attention_bias.weight": (1.0, 0.0),
    "grep_a": (0.5, 1.0),
    "pos_conv.0.weight_g": (0.25, 2.5),
}


def drawn(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors of a checkpoint."""
    return {name: torch.from_numpy(values(name, shape)) for name, shape in shapes.items()}


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    name = re.sub(r"layers\.\d+\.self_attn\.relative", "layers.0.self_attn.relative", name)
    random = np.random.RandomState(zlib.crc32(name.encode()))
    noise = random.standard_normal(min(math.prod(shape), PERIOD)).astype(np.float32)
    deviation, mean = next((rule for end, rule in RULES.items() if name.endswith(end)), (None, 0.0))
    if deviation is None:
        deviation, mean = (1 / math.sqrt(math.prod(shape[1:])), 0.0) if len(shape) > 1 else (0.1, 1.0)
        mean = 0.0 if name.endswith("bias") else mean
    return np.resize(np.float32(deviation) * noise + np.float32(mean), shape)


def sound(seconds: int, rate: int = 16_000) -> np.ndarray:
    """A waveform (samples,)."""
    samples = seconds * rate
    random, times = np.random.RandomState(seconds), np.arange(samples) / rate
    waveform = 0.01 * random.standard_normal(samples)
    waveform += 0.3 * np.sin(2 * np.pi * (300 + 150 * times) * times) * (np.sin(2 * np.pi * 0.7 * times) > 0.3)
    waveform += 0.2 * random.standard_normal(samples) * (np.sin(2 * np.pi * 0.43 * times + 1) > 0.5)
    waveform[::3200] += 0.8
    return waveform.astype(np.float32)
