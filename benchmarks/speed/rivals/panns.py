"""Cnn14 of the package `panns-inference`, and Cnn10 as PANNs' own code has it, both at their defaults."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import sys
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed.worker import Jobs

AUDIO = {"sample_rate": 32_000, "window_size": 1024, "hop_size": 320, "mel_bins": 64, "fmin": 50, "fmax": 14_000}
CLASSES = 527


def models() -> Any:
    """`panns_inference.models` without the package around it, which downloads a table when it is imported."""
    package = importlib.util.find_spec("panns_inference")
    if package is None:
        raise ModuleNotFoundError("panns_inference", name="panns-inference")
    bare = importlib.util.module_from_spec(package)  # made, and not run
    sys.modules[package.name] = bare
    try:
        return importlib.import_module("panns_inference.models")
    finally:
        del sys.modules[package.name]


def cnn14() -> nn.Module:
    return grown(models().Cnn14(**AUDIO, classes_num=CLASSES))


class Cnn10(nn.Module):
    """Four blocks of two convolutions, the sum of largest and mean over time, two linear layers."""

    def __init__(self) -> None:
        from torchlibrosa.stft import LogmelFilterBank, Spectrogram

        super().__init__()
        self.spectrogram_extractor = Spectrogram(n_fft=1024, hop_length=320, win_length=1024, freeze_parameters=True)
        self.logmel_extractor = LogmelFilterBank(
            sr=32_000, n_fft=1024, n_mels=64, fmin=50, fmax=14_000, ref=1.0, amin=1e-10, top_db=None
        )
        self.bn0 = nn.BatchNorm2d(64)
        block = models().ConvBlock
        for number, (inputs, outputs) in enumerate(((1, 64), (64, 128), (128, 256), (256, 512)), 1):
            self.add_module(f"conv_block{number}", block(inputs, outputs))
        self.fc1, self.fc_audioset = nn.Linear(512, 512), nn.Linear(512, CLASSES)

    def forward(self, waveform: Tensor) -> dict[str, Tensor]:
        x = self.logmel_extractor(self.spectrogram_extractor(waveform))
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for number in range(1, 5):
            x = getattr(self, f"conv_block{number}")(x, pool_size=(2, 2), pool_type="avg")
            x = nn.functional.dropout(x, 0.2, self.training)
        x = x.mean(dim=3)
        x = x.max(dim=2).values + x.mean(dim=2)
        x = nn.functional.dropout(x, 0.5, self.training)
        x = torch.relu(self.fc1(x))
        return {"clipwise_output": torch.sigmoid(self.fc_audioset(x))}


def grown(model: nn.Module) -> nn.Module:
    """As if trained: statistics not those at birth, outputs that spread."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    model.bn0.running_mean.normal_(-30, 5)  # decibels
    model.bn0.running_var.uniform_(200, 400)
    return model.eval()


def noise(batch: int, samples: int) -> Tensor:
    """Waveforms (batch, samples), the same on both sides."""
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


def tags(batch: int) -> Tensor:
    return (torch.rand(batch, CLASSES, generator=torch.Generator().manual_seed(3)) < 0.01).float()


def start(folder: str, name: str, batch: int, samples: int) -> Jobs:
    """Jobs from waveforms on; `save` leaves a checkpoint and scores for the other side."""
    torch.manual_seed(0)
    model = cnn14() if name == "cnn14" else grown(Cnn10())
    waveform, targets = noise(batch, samples), tags(batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def save() -> None:
        torch.save({"model": model.state_dict()}, pathlib.Path(folder) / f"{name}.pth")
        with torch.no_grad():
            torch.save(model.eval()(waveform)["clipwise_output"], pathlib.Path(folder) / "scores.pt")

    def infer() -> None:
        model.eval()
        with torch.no_grad():
            model(waveform)

    def train() -> float:
        model.train()
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(waveform)["clipwise_output"], targets)
        loss.backward()
        optimiser.step()
        return loss.item()

    return {"save": save, "infer": infer, "train": train}
