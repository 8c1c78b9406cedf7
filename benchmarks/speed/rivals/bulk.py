"""The loop a user writes today: librosa.load, then the network, file by file; an hour in cuts of ten seconds."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import librosa
import numpy as np
import torch
from torch import nn

from benchmarks.speed.rivals import gated_crnn, panns
from benchmarks.speed.worker import Jobs


def start(folder: str, kind: str, classes: int) -> Jobs:
    """Jobs of one network; `save` leaves its weights and its tags of some files for the other side."""
    torch.manual_seed(0)
    model: nn.Module = panns.cnn14() if kind == "cnn14" else gated_crnn.made(classes).eval()
    rate = panns.AUDIO["sample_rate"] if kind == "cnn14" else gated_crnn.RATE
    score = _tags(model) if kind == "cnn14" else _clip_and_frames(model)

    def save(paths: list[str]) -> None:
        state = model.state_dict()
        torch.save({"model": state} if kind == "cnn14" else state, pathlib.Path(folder) / f"{kind}.pth")
        np.save(pathlib.Path(folder) / f"{kind}.npy", np.stack(files(paths)))

    def files(paths: list[str]) -> list[np.ndarray]:
        return [score(librosa.load(path, sr=rate)[0]) for path in paths]

    def hour(path: str) -> int:
        waveform, _ = librosa.load(path, sr=rate)
        cuts = [waveform[first : first + 10 * rate] for first in range(0, len(waveform), 10 * rate)]
        return len([score(cut) for cut in cuts if len(cut) == 10 * rate])

    return {"save": save, "files": lambda paths: len(files(paths)), "hour": hour}


def _tags(model: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    def score(waveform: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(waveform)[None])["clipwise_output"][0].numpy()

    return score


def _clip_and_frames(model: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    def score(waveform: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            clip, _ = model(torch.from_numpy(gated_crnn.log_mel(waveform))[None])
        return clip[0].numpy()

    return score
