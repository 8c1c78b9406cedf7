"""Runs over many recordings that are killed at random: is the end always that of a run that was left alone?

    python -m benchmarks.kills [--files 2000] [--kills 50] [--processes 1] [--seed 0] [--folder DIR]

Each round begins a run, kills it (`kill -9`) at a random recording, and goes on with the same command until it ends;
every other round is killed twice. Then all tables must have the bytes of the undisturbed run, and the journal must hold
each recording once. The engine is plain numpy (`tests/runtime/bulk_script.py`): nearly all time is that of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

SCRIPT = Path(__file__).parents[1] / "tests" / "runtime" / "bulk_script.py"
FORMATS = "formats=csv,tsv,json"
RATE = 8000
SEEDS = 20  # different sounds; the others are links to them


def make(folder: Path, files: int) -> None:
    """Recordings of half a second, in folders of a thousand."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(files):
        place = folder / f"{number // 1000:04d}"
        place.mkdir(exist_ok=True)
        path = place / f"{number:07d}.wav"
        if number < SEEDS:
            wave = np.zeros(RATE // 2)
            first = rng.integers(0, 2500)
            wave[first : first + rng.integers(300, 1400)] = rng.uniform(0.1, 1)
            soundfile.write(path, wave, RATE)
        else:
            os.link(folder / "0000" / f"{number % SEEDS:07d}.wav", path)


def begin(source: Path, output: Path, processes: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, str(SCRIPT), str(source), str(output), FORMATS, f"processes={processes}"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def done(output: Path) -> int:
    """Recordings in the journal of a run."""
    journal = output / ".earmark" / "detect.jsonl"
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def lines_of(journal: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in journal.read_bytes().splitlines()]


def killed(source: Path, output: Path, processes: int, target: int, later: float) -> int:
    """Kill a run some seconds after so many recordings are done; how many were then, -1 where it was over already."""
    process = begin(source, output, processes)
    while process.poll() is None and done(output) < target:
        time.sleep(0.002)
    time.sleep(later)
    process.kill()
    return done(output) if process.wait() == -signal.SIGKILL else -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        source, whole = Path(place, "in"), Path(place, "whole")
        make(source, asked.files)
        began = time.perf_counter()
        assert begin(source, whole, asked.processes).wait() == 0
        wanted = {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
        print(f"{asked.files} recordings undisturbed: {time.perf_counter() - began:.1f} s", flush=True)
        kills, at, same = 0, [], 0
        rounds = 0
        while kills < asked.kills:
            output = Path(place, f"killed{rounds}")
            for _ in range(1 + rounds % 2):
                reached = killed(source, output, asked.processes, rng.randrange(asked.files), rng.uniform(0, 0.02))
                if reached >= 0:
                    kills += 1
                    at.append(reached)
            assert begin(source, output, asked.processes).wait() == 0
            found = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
            records = lines_of(output / ".earmark" / "detect.jsonl")[1:]
            times = Counter(str(record["name"]) for record in records)
            assert found == wanted, f"round {rounds}: {[name for name in wanted if found.get(name) != wanted[name]]}"
            assert len(times) == asked.files
            assert set(times.values()) == {1}, f"round {rounds}: {times.most_common(3)}"
            same += 1
            rounds += 1
            shutil.rmtree(output)
        within = sum(0 < reached < asked.files for reached in at)
        print(f"{kills} kills in {rounds} rounds, {within} with some recordings done and others not")
        print(f"identical ends: {same} of {rounds}; no recording twice, none lost")


if __name__ == "__main__":
    main()
