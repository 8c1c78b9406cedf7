"""A GPU: clips a second listening and learning, what feeds it, where an epoch's time goes; compiled last, if asked.

    python -m benchmarks.speed.gpu [--device cuda] [--compile] [--quick] [--write]

The gated CRNN in the sizes of Xu et al. 2018, and Cnn14, in bfloat16, batches of ten-second clips at 32 kHz: from
waveforms on the device to tags, and to the update. Operations are those of matrix products and convolutions, an update
counting three times what listening does; the peak is that of large matrix products in the same run. Then updates whose
clips are decoded from flac files by so many workers, read from the packed cache, or cut in the device's memory: their
speed over that of updates alone is the share of time that the device is kept busy. Then the first epoch of a training
as `earmark train --profile` sees it. Every row is printed as soon as it is there, the first half a minute after the
start; all take four minutes, what `--compile` adds not counted. Without a GPU it says so and ends; `--device cpu
--quick` tries the program itself.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from typing import Any

from benchmarks.speed.timing import Worker, arguments, parsed, publish, rates, spread, take_turns

NETWORKS = ("gated CRNN", "Cnn14")
SOURCES = {"flac": "from flac files", "pack": "from the packed cache", "device": "cut on the device"}
JOBS = {"infer": ("waveform to tags", 1), "train": ("training step", 3)}  # operations, times those of listening


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--times", type=int, default=10, help="batches in a turn")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="that load clips")
    parser.add_argument("--compile", action="store_true", help="measure compiled networks too, last: minutes more")
    asked = parsed(parser)
    size, steps = 8192, 60
    if asked.quick:
        asked.batch, asked.times, asked.turns, asked.workers, size, steps = 2, 1, 1, 1, 512, 2
    name = device_name(asked.device)
    began = time.perf_counter()
    rows, fed, told = [], [], []

    def add(place: list[str], row: str) -> None:
        """Keep a row, and print it at once."""
        place.append(row)
        print(f"{time.perf_counter() - began:6.1f} s  {row}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        options = {"folder": folder, "device": asked.device, "batch": asked.batch, "size": size}
        with Worker("ours.gpu:start", options, threads=os.cpu_count() or 1) as ours:

            def again(job: str, *given: Any) -> list[float]:
                """What a job came to a second, turn by turn."""
                return rates(take_turns({"ours": ours}, job, asked.turns, *given, asked.times)["ours"])

            peak = max(again("peak"))
            print(f"{time.perf_counter() - began:6.1f} s  peak {peak / 1000:.1f} TFLOP/s", file=sys.stderr, flush=True)
            work = {network: ours.do("work", network).result for network in NETWORKS}
            alone: dict[str, list[float]] = {}

            def alone_on_the_device(network: str, job: str, compiled: bool) -> None:
                said, share = JOBS[job]
                speeds = again("run", job, network, compiled)
                if (job, compiled) == ("train", False):
                    alone[network] = speeds
                reached = statistics.median(speeds) * share * work[network]
                how = "compiled" if compiled else "as it is"
                add(
                    rows,
                    f"| {network}, {said} | {how} | {spread(speeds)} | {reached / 1000:.1f} | {reached / peak:.0%} |",
                )

            for network, job in itertools.product(NETWORKS, JOBS):
                alone_on_the_device(network, job, compiled=False)
            for network, (source, said) in itertools.product(NETWORKS, SOURCES.items()):
                speeds = again("run", source, network, asked.workers)
                busy = statistics.median(speeds) / statistics.median(alone[network])
                add(fed, f"| {network}, {said} | {spread(speeds)} | {min(busy, 1):.0%} |")
            for hold in (False, True):
                kept = "cut on the device" if hold else "from the packed cache"
                for line in ours.do("epoch", NETWORKS[0], hold, steps).result:
                    add(told, f"- {kept}: {line}")
            held = ours.do("held").result
            for network, job in itertools.product(NETWORKS, JOBS if asked.compile else ()):
                alone_on_the_device(network, job, compiled=True)
    lines = [
        "## GPU",
        "",
        f"{name}, bf16, batches of {asked.batch} clips of 10 s; medians of {asked.turns} runs of {asked.times} "
        f"batches (min-max). Large matrix products: {peak / 1000:.1f} TFLOP/s. Memory of the device at most: "
        f"{held:.0f} MB.",
        "",
        "| job | network | clips/s | TFLOP/s | of the peak |",
        "|---|---|---:|---:|---:|",
        *rows,
        "",
        f"| training, {asked.workers} workers | clips/s | of updates alone |",
        "|---|---:|---:|",
        *fed,
        "",
        f"The first {steps} updates of a training of the {NETWORKS[0]}:",
        "",
        *told,
    ]
    publish("speed-gpu", lines, asked)


def device_name(device: str) -> str:
    """What the device calls itself; the program ends where there is none."""
    import torch

    if not device.startswith("cuda"):
        return device
    if not torch.cuda.is_available():
        sys.exit("benchmarks.speed.gpu: this PyTorch sees no GPU; nothing was measured")
    return torch.cuda.get_device_name(device)


if __name__ == "__main__":
    main()
