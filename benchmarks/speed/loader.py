"""Training data loading: clips a second of the loader beside clips a second of the training step it feeds.

    python -m benchmarks.speed.loader [--quick] [--write]

Synthetic clips of ten seconds at 44.1 kHz, resampled to the default recipe's 32 kHz: wav, flac and mp3 decoded anew
each time, and the packed cache, decoded once. Batches of the recipe, in this process (no workers) and with two; the
loader runs on, so that starting its workers is not counted. The step is the recipe's, two threads, precision `auto`,
and runs while nothing is loaded: with a ratio of 2, loading takes at most half of the workers' time. Three minutes.
"""

from __future__ import annotations

import statistics
import tempfile

from benchmarks.speed.timing import (
    Worker,
    arguments,
    figure,
    parsed,
    publish,
    rates,
    seconds,
    spread,
    take_turns,
    wanted_text,
)

WANTED = 2.0
SOURCES = {"wav": True, "flac": True, "mp3": False, "pack": False}  # whether the target names it


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("--clips", type=int, default=128, help="in the collection")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--batches", type=int, default=8, help="loaded in a turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--threads", type=int, default=2, help="of the training step")
    asked = parsed(parser)
    batch = 32
    if asked.quick:
        asked.clips, asked.batches, asked.seconds, asked.turns, batch = 8, 1, 2.0, 1, 4
    with tempfile.TemporaryDirectory() as folder:
        loading = {"folder": folder, "clips": asked.clips, "seconds": asked.seconds, "file_rate": 44_100}
        stepping = {"batch": batch, "seconds": asked.seconds, "classes": 17}
        with (
            Worker("ours.loader:start", loading) as loader,
            Worker("ours.loader:step", stepping, threads=asked.threads) as trainer,
        ):
            ran = "bf16" if trainer.do("bf16").result else "float32"
            steps = seconds(take_turns({"step": trainer}, "step", 2 * asked.turns)["step"])
            rows = []
            for workers in asked.workers:
                for kind, named in SOURCES.items():
                    took = take_turns({"loader": loader}, "load", asked.turns, kind, workers, asked.batches)["loader"]
                    steps += seconds(take_turns({"step": trainer}, "step", 1, warm=False)["step"])
                    rows.append((kind, workers, rates(took), WANTED if named and workers == 2 else None))
                loader.do("stop")
    speeds = [batch / each for each in steps]
    lines = [
        "## Training data loading",
        "",
        f"{asked.clips} clips of {asked.seconds:g} s at 44.1 kHz, resampled to 32 kHz; batches of the default recipe. "
        f"Its training step, {asked.threads} threads, {ran}: {spread(speeds)} clips/s. Medians of {asked.turns} runs "
        "(min-max).",
        "",
        "| source | workers | clips/s | relative to the training step | target |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, workers, loaded, wanted in rows:
        ratio = statistics.median(loaded) / statistics.median(speeds)
        name = "packed cache" if kind == "pack" else kind
        lines.append(
            f"| {name} | {workers or 'in process'} | {spread(loaded)} | **{figure(ratio)} x** "
            f"| {wanted_text(ratio, wanted)} |"
        )
    publish("speed-loader", lines, asked)


if __name__ == "__main__":
    main()
