"""The gated CRNN of Xu et al. 2018 as one writes it down from the paper: the rival of `ours/gated_crnn.py`.

Two convolutions a gate, channels first, float32, optimiser and allocator at their defaults. Three blocks of two gated
layers of 64 filters with pooling over bands by 2, a convolution of 256, a bidirectional GRU of 128 units, two heads.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.worker import Jobs

RATE, WINDOW, HOP, BANDS = 16_000, 1024, 664, 64


class Gated(nn.Module):
    """Linear part times sigmoid of the gate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.linear_norm = nn.BatchNorm2d(outputs)
        self.gate = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.gate_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_norm(self.linear(x)) * torch.sigmoid(self.gate_norm(self.gate(x)))


class GatedCRNN(nn.Module):
    """Features (batch, frames, bands) to clip (batch, classes) and frame (batch, frames, classes) probabilities."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs in (1, 64, 64):
            blocks += [Gated(inputs, 64), Gated(64, 64), nn.MaxPool2d((1, 2))]
        self.blocks = nn.Sequential(*blocks)
        self.conv = nn.Conv2d(64, 256, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(256)
        self.gru = nn.GRU(256, 128, batch_first=True, bidirectional=True)
        self.classify = nn.Linear(256, classes)
        self.attend = nn.Linear(256, classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(features.unsqueeze(1))
        x = torch.relu(self.norm(self.conv(x)))
        x = x.max(dim=3).values.transpose(1, 2)
        x, _ = self.gru(x)
        frames = torch.sigmoid(self.classify(x))
        weights = torch.softmax(self.attend(x), dim=2).clamp(min=1e-7)
        return (frames * weights).sum(dim=1) / weights.sum(dim=1), frames


def made(classes: int) -> GatedCRNN:
    """With random weights, and batch statistics that are not those at birth."""
    torch.manual_seed(0)
    model = GatedCRNN(classes)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


def start(folder: str, batch: int, frames: int, classes: int) -> Jobs:
    """Jobs on features alone; leaves weights and scores in `folder` for the other side to compare with."""
    model = made(classes)
    random = torch.Generator().manual_seed(1)
    features = torch.randn(batch, frames, BANDS, generator=random)
    targets = (torch.rand(batch, classes, generator=random) < 0.1).float()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def save() -> None:
        torch.save(model.state_dict(), pathlib.Path(folder) / "weights.pt")
        with torch.no_grad():
            torch.save(model.eval()(features), pathlib.Path(folder) / "scores.pt")

    def infer() -> None:
        model.eval()
        with torch.no_grad():
            model(features)

    def train() -> float:
        model.train()
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(features)[0], targets)
        loss.backward()
        optimiser.step()
        return loss.item()

    return {"save": save, "infer": infer, "train": train}


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """Waveform (samples,) at 16 kHz to log-mel (frames, bands), 240 frames for ten seconds."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=waveform, sr=RATE, n_fft=WINDOW, hop_length=HOP, window="hamming", center=False, power=1, n_mels=BANDS
    )
    return np.log(mel + 1e-8).T.astype(np.float32)
