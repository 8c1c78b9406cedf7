"""Our Cnn14 and Cnn10 with the weights of `rivals/panns.py`, and the convolutions they are measured against."""

from __future__ import annotations

import pathlib
import time
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.ours.listening import PRECISIONS, apart, hear, in_training, opened, update
from benchmarks.speed.rivals.panns import noise, tags
from benchmarks.speed.worker import Jobs
from earmark.data.batches import Batch
from earmark.devices import tune_allocator
from earmark.hub.importing import import_checkpoint
from earmark.models.network import Network

WIDTHS = (1, 64, 128, 256, 512, 1024, 2048)
STEPS, BANDS = 1001, 64  # before the first block; halved after each but the last


def start(folder: str, name: str, batch: int, samples: int) -> Jobs:
    """Jobs from waveforms on, in both precisions."""
    tune_allocator()
    place = pathlib.Path(folder)
    directory = place / "model"
    import_checkpoint(place / f"{name}.pth", directory, "cnn14" if name == "cnn14" else "cnn10")
    listening = {precision: opened(directory, precision) for precision in PRECISIONS}
    waveform, targets = noise(batch, samples), tags(batch)
    training: dict[str, Any] = {}

    def check(precision: str) -> float:
        return apart([torch.load(place / "scores.pt")], [hear(listening[precision], waveform).clip])

    def infer(precision: str) -> None:
        hear(listening[precision], waveform)

    def train(precision: str) -> float:
        if precision not in training:
            training[precision] = in_training(Network.from_pretrained(directory).train())
        lengths = torch.full((batch,), samples)
        module, optimiser = training[precision]
        heard = Batch(waveform, lengths, targets, list(range(batch)), whole=True)
        return float(update(module, optimiser, heard, precision == "bf16"))

    def work() -> float:
        """Billion operations of the convolutions in a clip."""
        network = Network.from_pretrained(directory)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(waveform[:1])
        counts = counter.get_flop_counts()["Global"]
        return sum(count for kind, count in counts.items() if "convolution" in str(kind)) / 1e9

    def peak(precision: str) -> list[float]:
        return convolution_peak(torch.bfloat16 if precision == "bf16" else torch.float32, samples)

    return {
        "check": check,
        "work": work,
        "peak": peak,
        **{f"infer {precision}": lambda precision=precision: infer(precision) for precision in PRECISIONS},
        **{f"train {precision}": lambda precision=precision: train(precision) for precision in PRECISIONS},
    }


@torch.inference_mode()
def convolution_peak(dtype: torch.dtype, samples: int) -> list[float]:
    """Billion operations a second of Cnn14's convolutions alone, channels last: of the fastest, and of all together."""
    speeds, operations, taken = [], 0.0, 0.0
    for number, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
        steps, bands = max(4, round(STEPS * samples / 320_000) >> number), BANDS >> min(number, 5)
        for channels in (inputs, outputs):
            x = torch.randn(2, channels, steps, bands).to(dtype).to(memory_format=torch.channels_last)
            conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=False).to(dtype)
            conv = conv.to(memory_format=torch.channels_last)
            work = 2 * 9 * channels * outputs * steps * bands * len(x) / 1e9
            best = min(_seconds(conv, x) for _ in range(4))
            if bands >= 8:  # of fewer, much of what is counted is padding, which is skipped
                speeds.append(work / best)
            operations, taken = operations + work, taken + best
    return [max(speeds), operations / taken]


def _seconds(conv: nn.Conv2d, x: torch.Tensor) -> float:
    begin = time.perf_counter()
    conv(x)
    return time.perf_counter() - begin
