"""Heads for a frozen encoder: the first, and further ones for the same clips, whose embeddings are kept.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.second_head               panns/cnn14, 60 clips: about three minutes
    OMP_NUM_THREADS=1 python -m benchmarks.speed.second_head --write       and the table goes into docs/benchmarks.md

The network is that of panns/cnn14 with random weights: what it costs does not depend on them. Clips are ten seconds of
noise with tones at 32 kHz. Each row is a whole `earmark train --from panns/cnn14 --freeze encoder` in a process that is
warm: decoding, the head, its ranking and operating point on a fifth of the clips, the model written. The cache is empty
before the first row.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from benchmarks.sections import machine, replace_section
from earmark import api
from earmark.decisions import named_point
from earmark.hub.panns import panns_network
from earmark.models.directory import write_model
from earmark.models.network import ModelOptions, Network

RATE, SECONDS = 32_000, 10.0
TONES = {"alarm": 2_000.0, "hum": 150.0, "horn": 400.0, "whistle": 4_000.0}  # Hz
ROWS = (
    ("the first head", ()),
    ("the same again", ()),
    ("another seed", ()),
    ("another pooling", ("network.pooling={kind: attention}",)),
    ("without keeping anything (`--cache off`)", ()),
)


def make_clips(folder: Path, clips: int) -> Path:
    """A table of clips and their audio."""
    (folder / "audio").mkdir(parents=True)
    rows = ["filename,event_labels,split"]
    times = np.arange(round(SECONDS * RATE)) / RATE
    for number in range(clips):
        random = np.random.default_rng(number)
        label = list(TONES)[number % len(TONES)]
        sound = 0.02 * random.standard_normal(len(times)) + 0.1 * np.sin(2 * np.pi * TONES[label] * times)
        soundfile.write(folder / "audio" / f"{number:04d}.flac", sound, RATE)
        rows.append(f"{number:04d}.flac,{label},{'valid' if number % 20 < 4 else 'train'}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder / "clips.csv"


def make_model(folder: Path, name: str) -> Path:
    """A model of that architecture with random weights."""
    torch.manual_seed(0)
    network = Network(ModelOptions(labels=("a", "b"), **dict(panns_network(name)))).eval()
    write_model(network, folder, named_point("default", network.labels))
    return folder


def measure(table: Path, model: Path, output: Path, number: int) -> tuple[float, float]:
    """Seconds, and seconds of processor time, of one training."""
    name, changes = ROWS[number]
    begin, used = time.monotonic(), time.process_time()
    api.train(
        table,
        output,
        start_from=str(model),
        freeze="encoder",
        changes=changes,
        seed=1 if "seed" in name else 0,
        cache="off" if "off" in name else "auto",
        device="cpu",
        precision="float32",
    )
    return time.monotonic() - begin, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--clips", type=int, default=60, help="number of clips")
    parser.add_argument("--model", default="cnn14", help="which of panns/*")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["EARMARK_CACHE"] = f"{place}/cache"
        table, model = make_clips(Path(place) / "data", asked.clips), make_model(Path(place) / asked.model, asked.model)
        found = [measure(table, model, Path(place) / f"out-{number}", number) for number in range(len(ROWS))]
        kept = sum(path.stat().st_size for path in Path(place, "cache").rglob("*.npy"))
    lines = [
        "## A second head for the same clips",
        "",
        f"`earmark train DATA --from panns/{asked.model} --freeze encoder` on {asked.clips} clips of "
        f"{SECONDS:.0f} s, one thread, random weights. What the encoder gives takes {kept / 1e6:.0f} MB in the cache.",
        "",
        "| training | seconds | CPU s |",
        "|---|---:|---:|",
        *(f"| {name} | {wall:.1f} | {used:.1f} |" for (name, _), (wall, used) in zip(ROWS, found, strict=True)),
        "",
        f"Command: `OMP_NUM_THREADS=1 python -m benchmarks.speed.second_head --write`. {machine()}",
    ]
    text = "\n".join(lines)
    print(text)
    if asked.write:
        replace_section("benchmarks.md", "second-head", text, title="# Benchmarks")


if __name__ == "__main__":
    main()
