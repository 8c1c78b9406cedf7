"""A GPU: clips a second listening and learning, as it is and compiled, and the share of what the device can do.

    python -m benchmarks.speed.gpu [--device cuda] [--quick] [--write]

The gated CRNN in the sizes of Xu et al. 2018, and Cnn14, in bfloat16, batches of ten-second clips at 32 kHz: from
waveforms on the device to tags, and to the update. Operations are those of matrix products and convolutions, an update
counting three times what listening does; the peak is that of large matrix products in the same run. Then updates whose
clips are decoded from flac files by so many workers: their speed over that of updates alone is the share of time that
the device is kept busy. Without a GPU it says so and ends; `--device cpu --quick` tries the program itself.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from typing import Any

from benchmarks.speed.timing import Worker, arguments, parsed, publish, rates, spread, take_turns

NETWORKS = ("gated CRNN", "Cnn14")
JOBS = {"infer": ("waveform to tags", 1), "train": ("training step", 3)}  # operations, times those of listening


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--times", type=int, default=10, help="batches in a turn")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="that load clips")
    asked = parsed(parser)
    size = 8192
    if asked.quick:
        asked.batch, asked.times, asked.turns, asked.workers, size = 2, 1, 1, 1, 512
    name = device_name(asked.device)
    rows, fed = [], []
    with tempfile.TemporaryDirectory() as folder:
        options = {"folder": folder, "device": asked.device, "batch": asked.batch, "size": size}
        with Worker("ours.gpu:start", options, threads=os.cpu_count() or 1) as ours:

            def again(job: str, *given: Any) -> list[float]:
                """What a job came to a second, turn by turn."""
                return rates(take_turns({"ours": ours}, job, asked.turns, *given, asked.times)["ours"])

            peak = max(again("peak"))
            for network in NETWORKS:
                work = ours.do("work", network).result
                alone: list[float] = []
                for job, (said, share) in JOBS.items():
                    for compiled in (False, True):
                        speeds = again("run", job, network, compiled)
                        alone = speeds if (job, compiled) == ("train", False) else alone
                        reached = statistics.median(speeds) * share * work
                        how = "compiled" if compiled else "as it is"
                        rows.append(
                            f"| {network}, {said} | {how} | {spread(speeds)} | {reached / 1000:.1f} "
                            f"| {reached / peak:.0%} |"
                        )
                speeds = again("run", "fed", network, asked.workers)
                busy = statistics.median(speeds) / statistics.median(alone)
                fed.append(f"| {network} | {spread(speeds)} | {min(busy, 1):.0%} |")
            held = ours.do("held").result
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
        f"| training from flac files, {asked.workers} workers | clips/s | device busy |",
        "|---|---:|---:|",
        *fed,
    ]
    publish("speed-gpu", lines, asked)


def device_name(device: str) -> str:
    """What the device calls itself; the program ends where there is none."""
    import torch

    if not device.startswith("cuda"):
        return device
    if not torch.cuda.is_available():
        sys.exit("speed_gpu.py: this PyTorch sees no GPU; nothing was measured")
    return torch.cuda.get_device_name(device)


if __name__ == "__main__":
    main()
