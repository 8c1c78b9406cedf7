"""Time and memory of PSDS on a set of AudioSet-strong's size, streamed from disk.

    python -m benchmarks.speed.psds_memory               a twentieth of it: 850 recordings, 447 classes, 10 s at 40 ms
    python -m benchmarks.speed.psds_memory --whole       all of it: 17,000 recordings, 3.8 GB on disk
    python -m benchmarks.speed.psds_memory --recordings 1000 --classes 17      the size other evaluators are compared at

Synthetic scores (a slow curve, noise, bumps where events are) are written as float16 into one file, then read recording
by recording. Time is processor time of one thread, reading included; memory is the peak of the whole process. A
slice is scaled to 17,000 recordings by the ratio of recordings, both for time and for the memory above
what the process held before: what is kept (steps, best scores, reference) grows with the recordings.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, psds
from earmark.scores import Scores

WHOLE, SECONDS, STEP = 17_000, 10.0, Fraction(1, 25)
FRAMES = int(SECONDS / STEP)


@dataclass(frozen=True)
class ScoreFile:
    """Frame scores of many recordings in one float16 file; walked afresh each time."""

    path: Path
    recordings: int
    labels: Labels

    def __iter__(self) -> Iterator[Scores]:
        size = FRAMES * len(self.labels)
        clip, clock = np.zeros(len(self.labels), np.float32), Clock(STEP)
        with open(self.path, "rb") as file:
            for number in range(self.recordings):
                frames = np.fromfile(file, np.float16, size).astype(np.float32).reshape(FRAMES, -1)
                yield Scores(str(number), self.labels, clip, frames, clock, SECONDS)


def events_of(random: np.random.Generator, classes: int) -> list[Event]:
    """One to twelve events; a few classes are frequent, many rare."""
    found = []
    for _ in range(random.integers(1, 13)):
        label = int(classes * random.random() ** 2)
        onset = random.uniform(0, SECONDS - 0.5)
        length = min(random.lognormal(0.3, 0.8), SECONDS - onset)
        found.append(Event(round(onset, 3), round(onset + length, 3), str(label)))
    return found


def scores_of(random: np.random.Generator, events: list[Event], classes: int) -> np.ndarray:
    """Scores (frames, classes) in which a detector of middling quality shows."""
    knots = random.normal(-4, 1.5, (FRAMES // 10 + 2, classes)).astype(np.float32)
    place = np.arange(FRAMES) / 10
    below, part = place.astype(int), np.float32(place % 1)[:, None]
    logits = knots[below] * (1 - part) + knots[below + 1] * part
    logits += random.standard_normal((FRAMES, classes), np.float32) * np.float32(0.3)
    for event in events:
        first, last = (int(time / STEP + random.normal(0, 4)) for time in event[:2])
        logits[max(first, 0) : max(last, 1), int(event.label)] += random.uniform(1, 6)
    return (1 / (1 + np.exp(-logits))).astype(np.float16)


def make(path: Path, recordings: int, classes: int) -> dict[str, list[Event]]:
    random = np.random.default_rng(447)
    reference = {}
    with open(path, "wb") as file:
        for number in range(recordings):
            reference[str(number)] = events_of(random, classes)
            file.write(scores_of(random, reference[str(number)], classes).tobytes())
    return reference


def peak() -> float:
    """GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=WHOLE // 20)
    parser.add_argument("--classes", type=int, default=447)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    asked = parser.parse_args()
    recordings = WHOLE if asked.whole else asked.recordings
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.f16"
        reference = make(path, recordings, asked.classes)
        labels = Labels(str(number) for number in range(asked.classes))
        before, ratio = peak(), WHOLE / recordings
        lines = [
            "## PSDS of a collection as large as AudioSet-strong",
            "",
            f"{recordings} ten-second recordings, {asked.classes} classes, {FRAMES} frames each: synthetic scores, "
            f"{path.stat().st_size / 1e9:.2f} GB of float16 streamed from disk.",
            "",
            "| | value | CPU s | peak memory, GiB | at 17,000 recordings: CPU s | peak memory, GiB |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name, options in {"PSDS1": PSDS1, "PSDS2": PSDS2}.items():
            begin = time.process_time()
            value = psds(ScoreFile(path, recordings, labels), reference, labels, options=options).value
            seconds, most = time.process_time() - begin, peak()
            scaled = f"{seconds * ratio:.0f} | {before + (most - before) * ratio:.2f}"
            lines.append(f"| {name} | {value:.4f} | {seconds:.2f} | {most:.2f} | {scaled} |")
    whole = " --whole" if asked.whole else ""
    lines += [
        "",
        f"Memory before: {before:.2f} GiB. Command: `python -m benchmarks.speed.psds_memory{whole} --write`. "
        f"{machine()}",
    ]
    text = "\n".join(lines)
    print(text)
    if asked.write:
        replace_section("benchmarks.md", "psds-memory", text, title="# Benchmarks")


if __name__ == "__main__":
    main()
