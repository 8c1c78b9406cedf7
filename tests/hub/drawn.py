"""Weights of a checkpoint by its tensors' names and shapes alone, so that others' code can be given the same.

The rule, with R = numpy.random.RandomState(zlib.crc32(name)), whose numbers NumPy never changes, all in float32:

    *.running_var                  R.uniform(0.5, 1.5)
    *.running_mean, *.bias         0.1 R.standard_normal()
    *.num_batches_tracked          0
    *.lambdas, *.init_v            1, 1, 0.5, 0.5 and 1, 0, 0, 0: constants, not weights
    *.weight of one axis           R.uniform(0.8, 1.2)
    every other tensor             loud sqrt(2 / fan) R.standard_normal()

`fan` is how many values an output adds up: the product of all axes but the first; of kernels that are mixed,
(1, 1, k, values), it is values by the outputs of the normalisation that follows. `loud` is 1, and

    2, or 3 where the name has proj_conv      for kernels that are mixed: the mean of several is smaller than each
    0.2                                       for what depends on the context: residuals, coef_net, conv_f, conv_t
    `spread`                                  for the last layer (strong_head, classifier.5)

so that no activation dies out, or explodes, and scores are neither all the same nor all 0 or 1.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

CONSTANTS = {"lambdas": (1.0, 1.0, 0.5, 0.5), "init_v": (1.0, 0.0, 0.0, 0.0)}
CONTEXT = ("residuals.", "coef_net.", "conv_f.", "conv_t.")
LAST = ("strong_head.", "classifier.5.")
SPREAD = {  # of each checkpoint
    **{"frame-mn/06": 0.015, "frame-mn/10": 0.015},
    **{"efficientat/mn04": 0.05, "efficientat/mn10": 0.01, "efficientat/dymn10": 0.5},
}


def draw(shapes: Mapping[str, tuple[int, ...]], spread: float = 1.0) -> dict[str, Tensor]:
    """The tensors of a checkpoint."""
    return {name: torch.from_numpy(_draw(name, shape, shapes, spread)).reshape(shape) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]], spread: float) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(name.encode()))
    leaf = name.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(1, np.int64)
    if leaf in CONSTANTS:
        return np.array(CONSTANTS[leaf], np.float32)
    if leaf == "running_var":
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if leaf in ("running_mean", "bias"):
        return (0.1 * random.standard_normal(shape)).astype(np.float32)
    if leaf == "weight" and len(shape) == 1:
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    mixed = len(shape) == 4 and shape[:2] == (1, 1) and name.endswith("_conv.weight")
    fan = shape[3] // shapes[name.replace("_conv.", "_norm.")][0] if mixed else math.prod(shape[1:])
    if mixed:
        loud = 3.0 if "proj_conv" in name else 2.0
    elif any(part in name for part in CONTEXT):
        loud = 0.2
    else:
        loud = spread if any(part in name for part in LAST) else 1.0
    return (loud * math.sqrt(2 / fan) * random.standard_normal(shape)).astype(np.float32)


def sound(samples: int, rate: int) -> np.ndarray:
    """A waveform (samples,) with something to hear: noise that swells, and a tone that comes and goes."""
    random = np.random.RandomState(samples)
    times = np.arange(samples) / rate  # seconds
    noise = 0.1 * random.standard_normal(samples) * np.exp(np.sin(2.1 * times))
    tone = 0.1 * np.sin(2 * np.pi * (300 + 40 * times) * times) * (np.sin(3.3 * times) > 0.2)
    return (noise + tone).astype(np.float32)
