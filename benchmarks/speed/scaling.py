"""Cost against work: time and memory of `earmark detect` on more and more files, and on longer and longer recordings.

    python -m benchmarks.speed.scaling [--quick] [--whole] [--write]

10, 100 and 1,000 files of ten seconds, and recordings of 1 min, 10 min and 1 h; with --whole 10,000 files and 10 h as
well. A model of the default recipe with random weights, 16 kHz wav. Through the times goes the straight line (start
and cost a unit) with the least relative errors; memory must not grow. At the end, how long `earmark --help` and
`import earmark` take. One thread; 3 minutes, with --whole 25.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speed.timing import ROOT, SOURCE, Worker, arguments, figure, line_fit, parsed, publish, spread

FILES, MANY_FILES = (10, 100, 1_000), 10_000
MINUTES, MANY_MINUTES = (1.0, 10.0, 60.0), 600.0
WANTED_HELP = 0.3  # s


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    name: str
    work: float
    seconds: float
    memory: float  # MB at most


def main() -> None:
    parser = arguments(__doc__, turns=7)
    parser.add_argument("--whole", action="store_true", help="10,000 files and a recording of 10 h as well")
    parser.add_argument("--threads", type=int, default=1)
    asked = parsed(parser)
    from earmark.devices import resolve_precision

    precision = resolve_precision("auto")  # asked for by name, so that all runs are alike
    files = FILES + ((MANY_FILES,) if asked.whole else ())
    minutes = MINUTES + ((MANY_MINUTES,) if asked.whole else ())
    if asked.quick:
        files, minutes, asked.turns = (2, 8), (0.1, 0.5), 1
    with (
        tempfile.TemporaryDirectory() as folder,
        Worker("ours.scaling:start", {"folder": folder, "classes": 20}) as make,
    ):
        model = make.do("model").result
        many = [
            detect(f"{count:,} files", count, make.do("files", count, 10.0).result, model, asked.threads, precision)
            for count in files
        ]
        long = [
            detect(f"{length:g} min", length, make.do("long", 60 * length).result, model, asked.threads, precision)
            for length in minutes
        ]
    lines = [
        "## Cost against work",
        "",
        f"`earmark detect`, a model of the default recipe with 20 labels in {precision}, 16 kHz wav; {asked.threads} "
        "thread(s); the process from beginning to end.",
        "",
        *costs(many, "file"),
        *costs(long, "minute"),
        *start_up(asked.turns),
    ]
    publish("speed-scaling", lines, asked)


def detect(name: str, work: float, sounds: str, model: str, threads: int, precision: str) -> Cost:
    """One run in a process of its own."""
    began = time.perf_counter()
    words = ["detect", sounds, "-m", model, "-o", f"{sounds}.csv", "-q", "--precision", precision]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.ours.command", *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(threads),
    )
    return Cost(name, work, time.perf_counter() - began, float(done.stdout.splitlines()[-1]))


def environment(threads: int) -> dict[str, str]:
    paths = [str(SOURCE), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(paths)}


def costs(found: Sequence[Cost], unit: str) -> list[str]:
    """A table of runs with the line through them."""
    start, each, error = line_fit([cost.work for cost in found], [cost.seconds for cost in found])
    memory = [cost.memory for cost in found]
    return [
        "| work | time | fitted time | peak memory |",
        "|---|---:|---:|---:|",
        *(
            f"| {cost.name} | {figure(cost.seconds)} s | {figure(start + each * cost.work)} s | {cost.memory:.0f} MB |"
            for cost in found
        ),
        "",
        f"Fitted line: {figure(start)} s + {figure(1000 * each)} ms per {unit}; every time is within {error:.0%} of "
        f"it. Memory grows by {max(memory) - memory[0]:.0f} MB while the work grows "
        f"{found[-1].work / found[0].work:,.0f} times.",
        "",
    ]


def start_up(turns: int) -> list[str]:
    """Seconds of the lightest commands, beside those of an interpreter that does nothing."""
    commands = {
        "python, doing nothing": ["-c", "pass"],
        "`import earmark`": ["-c", "import earmark"],
        "`earmark --help`": ["-m", "earmark", "--help"],
        "`import torch`": ["-c", "import torch"],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, words in commands.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment(1))
            if turn or turns == 1:  # the first fills the disk's cache
                took[name].append(time.perf_counter() - began)
    helped = statistics.median(took["`earmark --help`"])
    wanted = f"under {WANTED_HELP} s: {'met' if helped < WANTED_HELP else 'missed'}"
    return [
        "| start-up | seconds | target |",
        "|---|---:|---:|",
        *(f"| {name} | {spread(times)} | {wanted if 'help' in name else ''} |" for name, times in took.items()),
    ]


if __name__ == "__main__":
    main()
