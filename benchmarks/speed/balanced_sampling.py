"""Class-balanced draws from a training set as large as AudioSet: time a draw, and memory.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.balanced_sampling            2,000,000 clips, 527 classes: about 20 s
    OMP_NUM_THREADS=1 python -m benchmarks.speed.balanced_sampling --write    and the table goes into docs/benchmarks.md

Synthetic labels: class sizes fall from a million to sixty as AudioSet's do (log-normal), about two labels a clip, kept
as lists (`Targets`). Memory is what is allocated beyond those lists, at its peak, measured in a pass of its own (being
traced slows the draws); time is processor time on one thread, of batches one after another from a step far into the
training.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark.data.balance import BalancedStream
from earmark.data.targets import Targets

CLIPS, CLASSES, LABELS = 2_000_000, 527, 4_000_000
LARGEST, SMALLEST = 1_000_000, 60
STEP = 100_000  # batches drawn before those that are timed


def make() -> Targets:
    """Labels of all clips, each clip's distinct."""
    random = np.random.default_rng(527)
    sizes = np.sort(np.exp(random.normal(0.0, 1.4, CLASSES)))[::-1]
    sizes = np.clip(sizes * LABELS / sizes.sum(), SMALLEST, LARGEST).astype(int)
    sizes[0] = LARGEST
    clips = np.concatenate([random.choice(CLIPS, size, replace=False, shuffle=False) for size in sizes])
    columns = np.repeat(np.arange(CLASSES, dtype=np.int32), sizes)
    order = np.argsort(clips, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(clips, minlength=CLIPS))])
    return Targets(first, columns[order], CLASSES)


def measure(targets: Targets, max_ratio: float | None, size: int, batches: int) -> tuple[float, float, float]:
    """Microseconds a draw once warm, seconds until the first batch, peak megabytes."""
    begin = time.process_time()
    stream = BalancedStream(targets, max_ratio, seed=0)
    stream.batch(STEP, size)
    ready = time.process_time() - begin
    for step in range(STEP - 3000 // size - 1, STEP):  # every class's shuffle is there
        stream.batch(step, size)
    begin = time.process_time()
    for step in range(STEP, STEP + batches):
        stream.batch(step, size)
    draw = (time.process_time() - begin) / (batches * size)
    del stream
    tracemalloc.start()
    stream = BalancedStream(targets, max_ratio, seed=0)
    for step in range(STEP, STEP + 20_000 // size):
        stream.batch(step, size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return draw * 1e6, ready, peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    asked = parser.parse_args()
    targets = make()
    held = (targets.first.nbytes + targets.columns.nbytes) / 1e6
    lines = [
        "## Class-balanced sampling of two million clips",
        "",
        f"{CLIPS:,} clips, {CLASSES} classes of {SMALLEST} to {LARGEST:,} clips, {len(targets.columns) / CLIPS:.1f} "
        f"labels a clip, kept as lists ({held:.0f} MB; a table would take {CLIPS * CLASSES / 1e6:,.0f} MB).",
        "",
        "| classes drawn | batch | microseconds per draw | seconds until the first batch | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, ratio in {"uniform": 1.0, "at most 5 : 1": 5.0, "as in the data": None}.items():
        for size, batches in ((32, 5_000), (500, 500)):
            draw, ready, peak = measure(targets, ratio, size, batches)
            lines.append(f"| {name} | {size} | {draw:.2f} | {ready:.2f} | {peak:.0f} |")
    lines += [
        "",
        f"Command: `OMP_NUM_THREADS=1 python -m benchmarks.speed.balanced_sampling --write`. {machine()}",
    ]
    text = "\n".join(lines)
    print(text)
    if asked.write:
        replace_section("benchmarks.md", "balanced-sampling", text, title="# Benchmarks")


if __name__ == "__main__":
    main()
