"""A GPU: clips a second listening and learning, what feeds it, files in bulk, a whole training, where its time goes.

    python -m benchmarks.speed.gpu [--device cuda] [--compile] [--limit 240] [--quick] [--write]

The gated CRNN in the sizes of Xu et al. 2018, and Cnn14, in bfloat16, batches of ten-second clips at 32 kHz. The rows,
in the order that shows most the soonest:

- from waveforms on the device to tags, and to the update. Operations are those of matrix products and convolutions, an
  update counting three times what listening does; the peak is that of large matrix products in the same run
- `earmark detect` on a folder of ten-second flac files, beside what the same number of processes decode and do nothing
  else with: files a second once a twentieth of them is done
- updates whose clips are decoded from flac files, read from the packed cache, or cut in the device's memory: their
  speed over that of updates alone is the share of time that the device is kept busy
- the first epoch of a training as `earmark train --profile` sees it
- `earmark train` by the default recipe on those files, everything counted: the start, decoding, both trainings of the
  recipe, and the tuning of its thresholds
- compiled networks, if asked

Every row is printed as soon as it is there, the first half a minute after the start; all take four minutes, what
`--compile` adds not counted. No row is begun after `--limit` seconds, and a run that is stopped, or a row that fails,
leaves the table of the others. Without a GPU it says so and ends; `--device cpu --quick` tries the program itself.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.speed.timing import (
    EndedError,
    FailedError,
    Worker,
    arguments,
    figure,
    parsed,
    publish,
    rates,
    spread,
    take_turns,
)

NETWORKS = ("gated CRNN", "Cnn14")
SOURCES = {"device": "cut on the device", "pack": "from the packed cache", "flac": "from flac files"}
JOBS = {"infer": ("waveform to tags", 1), "train": ("training step", 3)}  # operations, times those of listening
# What issue 20 of the project asks of an H100.
WANTED = {
    ("gated CRNN", "infer"): 25_000,
    ("gated CRNN", "train"): 8_000,
    ("Cnn14", "infer"): 5_000,
    ("Cnn14", "train"): 1_600,
    "flac": 0.60,
    "pack": 0.90,
    "device": 0.98,
    "bulk": 0.90,
}
WANTED_MEMORY = {("Cnn14", "infer"): 3_000, ("Cnn14", "train"): 12_000}  # MB
WANTED_RECIPE = 40  # seconds
EPOCHS = 18


def main() -> None:
    parser = arguments(__doc__, turns=3)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--times", type=int, default=10, help="batches in a turn")
    parser.add_argument("--workers", type=int, default=max(1, cores - 1), help="that load clips, or read files")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--limit", type=float, default=240.0, help="seconds after which no row is begun")
    parser.add_argument("--compile", action="store_true", help="measure compiled networks too, last: minutes more")
    asked = parsed(parser)
    asked.size, asked.steps, asked.epochs = 8192, 60, EPOCHS
    if asked.quick:
        asked.batch, asked.times, asked.turns, asked.workers = 2, 1, 1, 2
        asked.files, asked.size, asked.steps, asked.epochs = 40, 512, 2, 1
    signal.signal(signal.SIGTERM, stop)
    report = Report(asked.limit)
    with tempfile.TemporaryDirectory() as folder:
        sounds = {"folder": os.path.join(folder, "sounds"), "rate": 32_000}
        options = {"folder": folder, "device": asked.device, "batch": asked.batch, "size": asked.size}
        with Worker("ours.flac:start", sounds) as files:
            writing = threading.Thread(target=files.do, args=("write", asked.files, asked.workers))
            writing.start()  # while the other side loads PyTorch
            with Worker("ours.gpu:start", options, threads=asked.workers) as ours:
                try:
                    measure(asked, ours, files, writing, report)
                except KeyboardInterrupt:
                    report.missing.append("what would have followed when the run was stopped")
                    ours.kill()
                    files.kill()
                except EndedError as error:
                    report.missing.append(f"what would have followed: {error}")
    publish("speed-gpu", report.lines(asked), asked)


def stop(number: int, frame: object) -> None:
    """End the run with the table of what there is; `timeout` asks twice."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@dataclass
class Report:
    """Rows as they come."""

    limit: float
    name: str = ""  # what the device calls itself
    began: float = field(default_factory=time.perf_counter)
    peak: float = 0.0  # billion operations a second
    rows: dict[str, list[str]] = field(default_factory=lambda: {part: [] for part in PARTS})
    missing: list[str] = field(default_factory=list)

    def add(self, part: str, row: str) -> None:
        """Keep a row, and print it at once."""
        self.rows[part].append(row)
        self.say(row)

    def say(self, text: str) -> None:
        print(f"{time.perf_counter() - self.began:6.1f} s  {text}", file=sys.stderr, flush=True)

    def attempt(self, title: str, measured: Callable[[], None]) -> None:
        """Measure something where there is time left; what fails is told and costs no other row."""
        if time.perf_counter() - self.began > self.limit:
            self.missing.append(f"{title} (no time was left)")
            return
        try:
            measured()
        except FailedError as error:
            self.say(f"{title} failed: {error}")
            self.missing.append(f"{title} (failed: {str(error).strip().splitlines()[-1]})")

    def lines(self, asked: argparse.Namespace) -> list[str]:
        """The section of the page."""
        found = [
            "## GPU",
            "",
            f"{self.name}, bf16, batches of {asked.batch} clips of 10 s; medians of {asked.turns} runs of "
            f"{asked.times} batches (min-max). Large matrix products: {self.peak / 1000:.1f} TFLOP/s. "
            f"{asked.workers} workers or processes. The whole run took {time.perf_counter() - self.began:.0f} s.",
        ]
        for part, head in PARTS.items():
            if self.rows[part]:
                found += ["", *(line.format(**vars(asked)) for line in head), *self.rows[part]]
        if self.missing:
            found += ["", f"Not measured: {'; '.join(self.missing)}."]
        return found


PARTS = {
    "alone": (
        "| job | network | clips/s | target | TFLOP/s | of the peak | memory of the device |",
        "|---|---|---:|---:|---:|---:|---:|",
    ),
    "bulk": (
        "| `earmark detect` on {files} flac files | files/s | of the decoders alone | target | before | memory |",
        "|---|---:|---:|---:|---:|---:|",
    ),
    "fed": ("| training | clips/s | of updates alone | target |", "|---|---:|---:|---:|"),
    "epoch": ("The first {steps} updates of a training of the gated CRNN:", ""),
    "recipe": (
        "| `earmark train`, default recipe, {files} clips, {epochs} epochs | all included | target |",
        "|---|---:|---:|",
    ),
}


def measure(asked: argparse.Namespace, ours: Worker, files: Worker, writing: threading.Thread, report: Report) -> None:
    """All rows, the soonest first."""
    try:
        report.name = ours.do("name").result
    except FailedError:
        sys.exit("benchmarks.speed.gpu: this PyTorch sees no GPU; nothing was measured")
    alone: dict[str, list[float]] = {}
    work: dict[str, float] = {}
    cuda = asked.device.startswith("cuda")

    def again(job: str, *given: Any) -> list[float]:
        """What a job came to a second, turn by turn."""
        return rates(take_turns({"ours": ours}, job, asked.turns, *given, asked.times)["ours"])

    def memory() -> float:
        return float(ours.do("held").result)

    def alone_on_the_device(network: str, job: str, compiled: bool) -> None:
        said, share = JOBS[job]
        speeds = again("run", job, network, compiled)
        if network not in work:
            work[network] = ours.do("work", network).result
        if (job, compiled) == ("train", False):
            alone[network] = speeds
        reached = statistics.median(speeds) * share * work[network]
        how = "compiled" if compiled else "as it is"
        wanted = reckoned(statistics.median(speeds), WANTED[network, job]) if cuda else ""
        held = reckoned(memory(), WANTED_MEMORY.get((network, job)), " MB", most=True) if cuda else ""
        of_peak = f"{reached / 1000:.1f} | {reached / report.peak:.0%}"
        report.add("alone", f"| {network}, {said} | {how} | {spread(speeds)} | {wanted} | {of_peak} | {held} |")

    def bulk(network: str) -> None:
        speed, before = ours.do("bulk", network, asked.workers).result
        share = reckoned(speed / decoders[0], WANTED["bulk"], share=True)
        held = f"{memory():.0f} MB" if cuda else ""
        report.add(
            "bulk", f"| {network} | {figure(speed)} | {speed / decoders[0]:.0%} | {share} | {before:.1f} s | {held} |"
        )

    def fed(network: str, source: str) -> None:
        workers = asked.workers if source == "flac" else min(4, asked.workers)
        speeds = again("run", source, network, workers)
        busy = statistics.median(speeds) / statistics.median(alone[network])
        said = SOURCES[source] + ("" if source == "device" else f", {workers} workers")
        wanted = reckoned(busy, WANTED[source], share=True)
        report.add("fed", f"| {network}, {said} | {spread(speeds)} | {busy:.0%} | {wanted} |")

    def epoch(hold: bool) -> None:
        kept = "cut on the device" if hold else "from the packed cache"
        for line in ours.do("epoch", NETWORKS[0], hold, asked.steps).result:
            report.add("epoch", f"- {kept}: {line}")

    def recipe(cache: str) -> None:
        took = ours.do("recipe", asked.epochs, cache).result
        wanted = reckoned(took, WANTED_RECIPE, " s", most=True).partition(" (")[2].rstrip(")")
        report.add("recipe", f"| --cache {cache} | {took:.1f} s | {wanted} |")

    def decode() -> None:
        decoders.append(files.do("alone", asked.workers).result)
        report.add("bulk", f"| the decoders alone, 44.1 to 32 kHz | {figure(decoders[0])} | | | | |")

    decoders: list[float] = []
    report.peak = max(again("peak"))
    report.say(f"{report.name}: {report.peak / 1000:.1f} TFLOP/s")
    for network in NETWORKS:
        for job in JOBS:
            report.attempt(f"{network}, {JOBS[job][0]}", partial(alone_on_the_device, network, job, compiled=False))
        writing.join()
        for source in SOURCES if network in alone else ():
            report.attempt(f"{network} {SOURCES[source]}", partial(fed, network, source))
        if network == NETWORKS[0]:
            report.attempt("a whole training", partial(recipe, "device" if cuda else "on"))
            report.attempt("the decoders alone", decode)
        if decoders:
            report.attempt(f"detect by {network}", partial(bulk, network))
    for hold in (True, False):
        report.attempt("the profile of an epoch", partial(epoch, hold))
    for network, job in itertools.product(NETWORKS, JOBS if asked.compile else ()):
        report.attempt(f"{network}, compiled", partial(alone_on_the_device, network, job, compiled=True))


def reckoned(reached: float, wanted: float | None, unit: str = "", *, most: bool = False, share: bool = False) -> str:
    """What was wanted and whether it was reached; after what was reached, where it is the `most` that is wanted.

    >>> reckoned(0.7, 0.6, share=True), reckoned(10.0, 12.0, " MB", most=True), reckoned(10.0, None, " MB", most=True)
    ('60%: met', '10 MB (under 12 MB: met)', '10 MB')
    """
    if wanted is None:
        return f"{reached:,.0f}{unit}"
    met = "met" if (reached < wanted if most else reached >= wanted) else "missed"
    if most:
        return f"{reached:,.0f}{unit} (under {wanted:,.0f}{unit}: {met})"
    return f"{wanted:.0%}: {met}" if share else f"{wanted:,.0f}{unit}: {met}"


if __name__ == "__main__":
    main()
