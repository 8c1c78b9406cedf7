"""Trainings that note what each step of each process is given: `python ranks_script.py OUT METHOD...`.

By one process, then by two, for each method of balancing. Lightning runs this script again in the second process.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from earmark.encoders import CRNNOptions
from earmark.features import LogMelOptions
from earmark.models.network import ModelOptions, Network
from earmark.training.loop import ClipSet, Machine, fit
from earmark.training.options import TrainingOptions

RATE = 8_000


class Noise:
    """Clips of 0.3 to 0.6 s, all different."""

    def __init__(self, clips: int) -> None:
        rng = np.random.default_rng(0)
        self.targets = rng.random((clips, 2)) < (0.6, 0.2)
        self.clips = [0.1 * rng.standard_normal(2_400 + 300 * (n % 9), np.float32) for n in range(clips)]

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        return len(self.clips[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> Any:
        return self.clips[index][start : None if length is None else start + length]


class Noting(lightning.Callback):
    """Keeps (step, clip, its samples as a digest, its targets) of every row."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, str, list[float]]] = []

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        for row, length, targets, clip in zip(*batch[:4], strict=True):
            cut = hashlib.sha256(row[:length].numpy().tobytes()).hexdigest()
            self.rows.append((trainer.global_step, clip, cut, targets.tolist()))


def train(out: Path, processes: int, method: str) -> None:
    """A training; what this process was given is written to OUT/METHOD-PROCESSES/seen-RANK.json."""
    torch.manual_seed(0)
    encoder = CRNNOptions(channels=(2,), pools=(2,), convs=1, last=4, units=2)
    features = LogMelOptions(rate=RATE, window=512, hop=320, bands=8)
    network = Network(ModelOptions(labels=("tone", "burst"), features=features, encoder=encoder))
    options = TrainingOptions(
        **{"epochs": 2, "steps_per_epoch": 4, "batch_size": 6, "clip_seconds": 0.4}, balance={"method": method}
    )
    clips, noting = Noise(25), Noting()
    folder = out / f"{method}-{processes}"
    folder.mkdir(exist_ok=True)
    machine = Machine(precision="float32", processes=processes)
    fit(network, ClipSet(clips, clips.targets), None, options, folder, seed=3, machine=machine, progress=[noting])
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    (folder / f"seen-{rank}.json").write_text(json.dumps(noting.rows))


def main() -> None:
    out, methods = Path(sys.argv[1]), sys.argv[2:]
    if "LOCAL_RANK" not in os.environ:  # set once there are several processes
        for method in methods:
            train(out, 1, method)
    for method in methods:
        train(out, 2, method)


if __name__ == "__main__":
    main()
