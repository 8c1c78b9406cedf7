"""The PANNs architectures as their authors wrote them, with random weights: what ours are compared with.

Cnn14 and Cnn14_DecisionLevelMax come from the package `panns-inference`; the rest is put together here from modules
of torch and torchlibrosa after the published description.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import pytest
import torch
from torch import nn

stft = pytest.importorskip("torchlibrosa.stft", reason="torchlibrosa is not installed")


@cache
def _models() -> Any:
    """`panns_inference.models` without the package around it, which downloads a table when it is imported."""
    package = importlib.util.find_spec("panns_inference")
    if package is None:
        pytest.skip("panns-inference is not installed")
    bare = importlib.util.module_from_spec(package)  # made, and not run
    sys.modules[package.name] = bare
    try:
        return importlib.import_module("panns_inference.models")
    finally:
        del sys.modules[package.name]


AUDIO = {"sample_rate": 32_000, "window_size": 1024, "hop_size": 320, "mel_bins": 64, "fmin": 50, "fmax": 14_000}
AUDIO_16K = {**AUDIO, "sample_rate": 16_000, "window_size": 512, "hop_size": 160, "fmax": 8_000}


def front_end(module: nn.Module, audio: dict[str, int]) -> None:
    window = audio["window_size"]
    module.spectrogram_extractor = stft.Spectrogram(
        n_fft=window, hop_length=audio["hop_size"], win_length=window, freeze_parameters=True
    )
    module.logmel_extractor = stft.LogmelFilterBank(
        *(audio["sample_rate"], window, audio["mel_bins"], audio["fmin"], audio["fmax"]),
        ref=1.0,
        amin=1e-10,
        top_db=None,
        freeze_parameters=True,
    )
    module.bn0 = nn.BatchNorm2d(64)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor, pool: tuple[int, int] = (2, 2)) -> torch.Tensor:
        x = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return nn.functional.avg_pool2d(x, pool)


class Trunk(nn.Module):
    """Log-mel, `bn0` and so many blocks, in evaluation: (batch, samples) to (batch, channels, steps)."""

    def __init__(self, widths: tuple[int, ...], audio: dict[str, int] = AUDIO) -> None:
        super().__init__()
        front_end(self, audio)
        for number, (inputs, outputs) in enumerate(zip((1, *widths[:-1]), widths, strict=True), 1):
            self.add_module(f"conv_block{number}", Block(inputs, outputs))
        self.blocks = len(widths)

    def logmel(self, waveform: torch.Tensor) -> torch.Tensor:
        x = self.logmel_extractor(self.spectrogram_extractor(waveform))
        return self.bn0(x.transpose(1, 3)).transpose(1, 3)

    def embed(self, waveform: torch.Tensor) -> torch.Tensor:
        x = self.logmel(waveform)
        for number in range(1, self.blocks + 1):
            x = getattr(self, f"conv_block{number}")(x, (1, 1) if number == 6 else (2, 2))
        return x.mean(dim=3)


class Cnn10(Trunk):
    def __init__(self) -> None:
        super().__init__((64, 128, 256, 512))
        self.fc1, self.fc_audioset = nn.Linear(512, 512), nn.Linear(512, 527)

    def forward(self, waveform: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.embed(waveform)
        x = x.amax(dim=2) + x.mean(dim=2)
        return {"clipwise_output": self.fc_audioset(self.fc1(x).relu()).sigmoid()}


class Att(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.att, self.cla = nn.Conv1d(2048, 527, 1), nn.Conv1d(2048, 527, 1)
        self.bn_att = nn.BatchNorm1d(527)


class DecisionAtt(Trunk):
    def __init__(self) -> None:
        super().__init__((64, 128, 256, 512, 1024, 2048))
        self.fc1 = nn.Linear(2048, 2048)
        self.att_block = Att()

    def forward(self, waveform: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.embed(waveform)
        x = nn.functional.max_pool1d(x, 3, 1, 1) + nn.functional.avg_pool1d(x, 3, 1, 1)
        x = self.fc1(x.transpose(1, 2)).relu().transpose(1, 2)
        weights = self.att_block.att(x).clamp(-10, 10).softmax(dim=2)
        segments = self.att_block.cla(x).sigmoid()
        return {"clipwise_output": (weights * segments).sum(dim=2), "segments": segments.transpose(1, 2)}


class PreWav(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=2, dilation=2, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm1d(outputs), nn.BatchNorm1d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return nn.functional.max_pool1d(x, 4)


class Wavegram(Trunk):
    def __init__(self) -> None:
        super().__init__((64, 128, 256, 512, 1024, 2048))
        self.conv_block2 = Block(128, 128)
        self.pre_conv0 = nn.Conv1d(1, 64, 11, stride=5, padding=5, bias=False)
        self.pre_bn0 = nn.BatchNorm1d(64)
        self.pre_block1, self.pre_block2, self.pre_block3 = PreWav(64, 64), PreWav(64, 128), PreWav(128, 128)
        self.pre_block4 = Block(4, 64)
        self.fc1, self.fc_audioset = nn.Linear(2048, 2048), nn.Linear(2048, 527)

    def forward(self, waveform: torch.Tensor) -> dict[str, torch.Tensor]:
        a = self.pre_bn0(self.pre_conv0(waveform[:, None])).relu()
        a = self.pre_block3(self.pre_block2(self.pre_block1(a)))
        a = a.reshape(len(a), -1, 32, a.shape[-1]).transpose(2, 3)
        a = self.pre_block4(a, (2, 1))
        x = torch.cat([self.conv_block1(self.logmel(waveform)), a], dim=1)
        for number in range(2, 7):
            x = getattr(self, f"conv_block{number}")(x, (1, 1) if number == 6 else (2, 2))
        x = x.mean(dim=3)
        x = x.amax(dim=2) + x.mean(dim=2)
        return {"clipwise_output": self.fc_audioset(self.fc1(x).relu()).sigmoid()}


@contextmanager
def without_initial_weights() -> Iterator[None]:
    """Networks made within are filled by the caller: drawing eighty million numbers first takes seconds."""
    drawn = ("kaiming_uniform_", "xavier_uniform_")
    with mock.patch.multiple(nn.init, **{name: lambda tensor, *_, **__: tensor for name in drawn}):
        yield


def reference(name: str, seed: int = 0) -> nn.Module:
    """The network of a checkpoint in evaluation mode, as if trained: outputs spread, statistics not those at birth."""
    torch.manual_seed(seed)
    made: nn.Module
    with without_initial_weights():
        if name == "cnn10":
            made = Cnn10()
        elif name == "cnn14-decision-att":
            made = DecisionAtt()
        elif name == "wavegram-logmel-cnn14":
            made = Wavegram()
        else:
            kind = "Cnn14_DecisionLevelMax" if name == "cnn14-decision-max" else "Cnn14"
            made = getattr(_models(), kind)(**(AUDIO_16K if name == "cnn14-16k" else AUDIO), classes_num=527)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
        elif isinstance(module, nn.Conv2d | nn.Conv1d | nn.Linear) and module.weight.requires_grad:
            deviation = (2 / module.weight[0].numel()) ** 0.5  # keeps the loudness of what passes
            nn.init.uniform_(module.weight, -deviation * 3**0.5, deviation * 3**0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
    made.bn0.running_mean.normal_(-30, 5)  # decibels
    made.bn0.running_var.uniform_(200, 400)
    return made.eval()
