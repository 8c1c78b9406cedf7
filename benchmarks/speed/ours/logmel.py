"""Our log-mel in the dialect of PANNs."""

from __future__ import annotations

import pathlib

import numpy as np
import torch

from benchmarks.speed.rivals.logmel import noise
from benchmarks.speed.worker import Jobs
from earmark.devices import tune_allocator
from earmark.features import build_features
from earmark.hub.panns import panns_network


def start(folder: str, clips: int, samples: int) -> Jobs:
    """Jobs `batch` and `one`; `apart` is the largest difference from what a rival saved, dB."""
    tune_allocator()
    front = build_features(panns_network("cnn14").features)
    waveform = torch.from_numpy(noise(clips, samples))

    @torch.inference_mode()
    def made(count: int) -> torch.Tensor:
        return front(waveform[:count])

    def apart(rival: str) -> float:
        theirs = np.load(pathlib.Path(folder) / f"{rival}.npy")
        return float(np.abs(made(len(theirs)).numpy() - theirs).max())

    return {"batch": lambda: made(clips) is None, "one": lambda: made(1) is None, "apart": apart}
