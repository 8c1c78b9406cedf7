"""Ten-second flac files, written and decoded by several processes; nothing here loads PyTorch."""

from __future__ import annotations

import csv
import pathlib
import time
from multiprocessing import get_context
from multiprocessing.pool import Pool

import numpy as np
import soundfile

from benchmarks.speed.worker import Jobs
from earmark.audio import read_blocks
from earmark.data.synthetic import make_clip

SECONDS, RATE = 10.0, 44_100
TABLE = "clips.csv"
_DISTINCT = 250  # sounds; further files are the same, begun elsewhere


def start(folder: str, rate: int) -> Jobs:
    """Jobs that write files into a folder, and decode them for a network of this rate."""
    place = pathlib.Path(folder)
    files: list[str] = []

    def write(count: int, processes: int) -> int:
        """Files of ten seconds with their labels."""
        place.mkdir(exist_ok=True)
        files[:] = written(place, count, processes)
        return len(files)

    def alone(processes: int) -> float:
        """Files a second that so many processes decode and do nothing else with."""
        with pool_of(processes) as pool:
            decoded(files[: 4 * processes], rate, pool, processes)
            began = time.perf_counter()
            return decoded(files, rate, pool, processes) / (time.perf_counter() - began)

    return {"write": write, "alone": alone}


def written(folder: pathlib.Path, count: int, processes: int) -> list[str]:
    """So many files, and a table of their labels beside them; the paths."""
    with pool_of(processes) as pool:
        parts = [(str(folder), list(range(number, count, processes))) for number in range(processes)]
        labels = sorted(row for rows in pool.starmap(_write, parts, chunksize=1) for row in rows)
    with open(folder / TABLE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("filename", "labels"), *labels])
    return [str(folder / name) for name, _ in labels]


def decoded(files: list[str], rate: int, pool: Pool, processes: int) -> int:
    """The files read, decoded and resampled as they are for a network, and nothing more; how many."""
    parts = [(files[number::processes], rate) for number in range(processes)]
    return sum(pool.starmap(_decode, parts, chunksize=1))


def pool_of(processes: int) -> Pool:
    """So many processes."""
    return get_context("spawn").Pool(processes)


def _write(folder: str, numbers: list[int]) -> list[tuple[str, str]]:
    made = []
    for number in numbers:
        samples, events = make_clip(0, "train", number % _DISTINCT, SECONDS, RATE)
        name = f"{number:05d}.flac"
        soundfile.write(pathlib.Path(folder) / name, np.roll(samples, 1_009 * (number // _DISTINCT)), RATE)
        made.append((name, ",".join(sorted({event.label for event in events}))))
    return made


def _decode(files: list[str], rate: int) -> int:
    for file in files:
        with read_blocks(file, rate) as blocks:
            for _ in blocks:
                pass
    return len(files)
