"""Cost against work: time and memory of `earmark detect` on more and more files, and on longer and longer recordings.

    python -m benchmarks.speed.scaling [--quick] [--whole] [--write]

10, 100 and 1,000 files of ten seconds, and recordings of 1 min, 10 min and 1 h; with --whole 10,000 files and 10 h as
well. A model of the default recipe with random weights, 16 kHz wav. Through the times goes the straight line (start
and cost a unit) with the least relative errors; memory must not grow. Then `--processes 2` against one process over the
most files, in turns, by PyTorch and by ONNX Runtime, beside the bound that the CPU time of one process sets. At the
end, how long `earmark --help` and `import earmark` take. One thread; 10 minutes, with --whole 40.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.speed.timing import ROOT, SOURCE, Worker, arguments, figure, line_fit, parsed, publish, spread

FILES, MANY_FILES = (10, 100, 1_000), 10_000
MINUTES, MANY_MINUTES = (1.0, 10.0, 60.0), 600.0
WANTED_HELP = 0.3  # s
WANTED_PROCESSES = 1.85  # times as fast as one process, of two on two cores


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    name: str
    work: float
    seconds: float
    memory: float  # MB at most
    processor: float = 0.0  # seconds of all processes and threads together


@dataclass(frozen=True)
class Engine:
    """What computes, and how it is asked for."""

    name: str
    options: tuple[str, ...]


def main() -> None:
    parser = arguments(__doc__, turns=7)
    parser.add_argument("--whole", action="store_true", help="10,000 files and a recording of 10 h as well")
    parser.add_argument("--threads", type=int, default=1)
    asked = parsed(parser)
    from earmark.devices import resolve_precision

    precision = resolve_precision("auto")  # asked for by name, so that all runs are alike
    torch = Engine(f"PyTorch, {precision}", ("--engine", "torch", "--precision", precision))
    engines = (torch, Engine("ONNX Runtime, float32", ("--engine", "onnx")))
    files = FILES + ((MANY_FILES,) if asked.whole else ())
    minutes = MINUTES + ((MANY_MINUTES,) if asked.whole else ())
    if asked.quick:
        files, minutes, asked.turns = (2, 8), (0.1, 0.5), 1
    shared: dict[Engine, dict[int, list[Cost]]] = {engine: {1: [], 2: []} for engine in engines}
    with (
        tempfile.TemporaryDirectory() as folder,
        Worker("ours.scaling:start", {"folder": folder, "classes": 20}) as make,
    ):
        model = make.do("model").result
        many = [
            detect(f"{count:,} files", count, make.do("files", count, 10.0).result, model, asked.threads, torch)
            for count in files
        ]
        long = [
            detect(f"{length:g} min", length, make.do("long", 60 * length).result, model, asked.threads, torch)
            for length in minutes
        ]
        sounds = make.do("files", files[-1] + 1, 10.0).result
        for _ in range(1 if asked.quick or asked.whole else 3):
            for engine, by_count in shared.items():
                for count, found in by_count.items():
                    found.append(detect(f"{count}", files[-1] + 1, sounds, model, asked.threads, engine, count))
    lines = [
        "## Cost against work",
        "",
        f"`earmark detect`, a model of the default recipe with 20 labels in {precision}, 16 kHz wav; {asked.threads} "
        "thread(s); the process from beginning to end.",
        "",
        *costs(many, "file"),
        *costs(long, "minute"),
        *(line for engine, found in shared.items() for line in side_by_side(engine, found)),
        *start_up(asked.turns),
    ]
    publish("speed-scaling", lines, asked)


def detect(name: str, work: float, sounds: str, model: str, threads: int, engine: Engine, processes: int = 1) -> Cost:
    """One run in a process of its own."""
    words = ["detect", sounds, "-m", model, "-o", f"{sounds}.csv", "-q", "--overwrite", *engine.options]
    command = [sys.executable, "-m", "benchmarks.speed.ours.command", *words, "--processes", str(processes)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment(threads))
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(name, work, took, float(done.stdout.splitlines()[-1]), processor)


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


def side_by_side(engine: Engine, found: Mapping[int, Sequence[Cost]]) -> list[str]:
    """One process of an engine beside several, and how much faster several can be at most.

    One process decodes in a thread beside the network, so it keeps more than one core busy. On as many cores as
    there are processes, the work cannot end sooner than its CPU time divided by the cores.
    """
    times = {count: [cost.seconds for cost in runs] for count, runs in found.items()}
    spent = {count: statistics.median(cost.processor for cost in runs) for count, runs in found.items()}
    one, *more = (statistics.median(each) for each in times.values())
    cores = min(len(os.sched_getaffinity(0)), max(found))
    ratio, bound = one / more[-1], cores * one / spent[1]
    verdict = "met" if ratio >= WANTED_PROCESSES else "missed"
    return [
        f"| {found[1][0].work:,.0f} files, {engine.name} | time | CPU time | cores kept busy |",
        "|---|---:|---:|---:|",
        *(
            f"| `--processes {count}` | {spread(each)} s | {figure(spent[count])} s "
            f"| {figure(spent[count] / statistics.median(each))} |"
            for count, each in times.items()
        ),
        "",
        f"{max(found)} processes on {cores} cores: {figure(ratio)} times as fast (target: {WANTED_PROCESSES} times: "
        f"{verdict}). One process keeps {figure(spent[1] / one)} cores busy, because it decodes beside the network; "
        f"{figure(bound)} times is therefore the most that {cores} cores can give, before the start of the further "
        "processes.",
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
