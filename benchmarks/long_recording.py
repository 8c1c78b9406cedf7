"""Memory and time of `earmark detect` on recordings of growing length: memory must not grow with them.

    python benchmarks/long_recording.py [--model MODEL] [--write]

Without `--model` a network of the default recipe with random weights is used: what it hears is noise, what it costs is
the same. Prints the section `long recordings` of docs/benchmarks.md, to which `--write` adds it.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile

from earmark.decisions import OperatingPoint
from earmark.recipes import load_recipe
from earmark.tagger import Tagger, TaggerOptions
from sections import machine, replace_section

MINUTES = (1, 20, 180)
RATE = 16_000
LABELS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = args.model or random_model(folder / "model")
        rows = [measure(model, noise(folder / f"{minutes}.wav", minutes), minutes) for minutes in MINUTES]
    text = "\n".join(
        [
            "## Long recordings",
            "",
            f"`earmark detect`, 16 kHz wav, a model of the default recipe with {LABELS} labels in {PRECISION}, resampled "
            "to its 32 kHz on the way; one thread.",
            "",
            "| recording | peak memory | time | seconds of sound a second |",
            "|---|---|---|---|",
            *(f"| {m} min | {rss:.0f} MB | {seconds:.0f} s | {60 * m / seconds:.0f} |" for m, rss, seconds in rows),
            "",
            f"Command: `python benchmarks/long_recording.py --write`. {machine()}",
        ]
    )
    print(text)
    if args.write:
        replace_section("benchmarks.md", "long-recordings", text, title="# Benchmarks")


def random_model(folder: pathlib.Path) -> pathlib.Path:
    labels = tuple(f"sound {number}" for number in range(LABELS))
    Tagger(TaggerOptions(labels=labels, **dict(load_recipe().network))).save_pretrained(folder)
    OperatingPoint.default(labels).save(folder / "operating_point.json")
    return folder


def noise(path: pathlib.Path, minutes: int) -> pathlib.Path:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(minutes):
            file.write(0.05 * rng.standard_normal(60 * RATE))
    return path


def measure(model: pathlib.Path, recording: pathlib.Path, minutes: int) -> tuple[int, float, float]:
    """Minutes, peak memory (MB) and seconds of one run in a process of its own."""
    code = (
        "import resource, sys; from earmark.cli.app import run\n"
        f"code = run(['detect', {str(recording)!r}, '-m', {str(model)!r}, '-o', {str(recording) + '.csv'!r}, '-q'])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return minutes, int(done.stdout) / 1024, time.monotonic() - begin


if __name__ == "__main__":
    main()
