"""Soundscapes of each part, by `earmark synth`: what is heard, where and how loud follows from the seed.

Training soundscapes lie over the training part's ambiences and, in every second one, over noise made here: pink to
brown and rippled, for ten ambiences would be learnt by heart; and for there are few recordings of a class, their sounds
are played a little slower or faster. Held-out soundscapes lie over ambiences of their own part alone, their sounds as
recorded. One in five holds no sound at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from earmark.files import write_aside
from tools.bundled.folds import PARTS, TRAIN
from tools.bundled.table import BACKGROUND

_NOISES = 24
_NOISE_SECONDS = 12
RATE = 32_000  # Hz
SPEED = (0.84, 1.19)  # of training sounds: three semitones either way


def synth_command(
    table: Path, data: Path, part: str, output: Path, number: int, events: tuple[int, int], seed: int
) -> list[str]:
    """The command that makes the soundscapes of a part, as a user would type it."""
    words = ["synth", str(table), "--audio", str(data), "--fold", part, "--background-label", BACKGROUND]
    if part == TRAIN:
        words += ["--backgrounds", str(noise_folder(table)), "--speed", *map(str, SPEED)]
    words += ["-o", str(output), "--clips", str(number), "--events", *map(str, events)]
    return [
        *words,
        "--format",
        "wav",
        "--rate",
        str(RATE),
        "--duration",
        "5",
        "--seed",
        str(len(PARTS) * seed + PARTS.index(part)),
    ]


def noise_folder(table: Path) -> Path:
    """Where the noises lie."""
    return table.parent / "noise"


def make_noises(folder: Path, seed: int) -> None:
    """Backgrounds made on the spot; those that are there are kept."""
    for number in range(_NOISES):
        path = folder / f"noise-{number:02d}.flac"
        if not path.is_file():
            wave = noise(np.random.default_rng([seed, number]), _NOISE_SECONDS * RATE)
            with write_aside(path) as temporary:
                soundfile.write(temporary, wave, RATE, subtype="PCM_16", format="FLAC")


def noise(rng: np.random.Generator, samples: int) -> npt.NDArray[np.float32]:
    """Noise (samples,) whose power falls by 0 to 9 dB an octave above 50 Hz, rippled by up to 6 dB, peak 0.5.

    Rooms, engines far off and wind differ in slope and ripple more than in anything else that lasts.
    """
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    octaves = np.log2(np.maximum(hertz, 50) / 50)
    ripple = sum(rng.uniform(0, 2) * np.sin(2 * np.pi * (octaves * rate + rng.uniform())) for rate in (0.3, 0.7, 1.5))
    gain = 10 ** ((ripple - rng.uniform(0, 9) * octaves) / 20)
    gain[hertz < 20] = 0
    wave = np.fft.irfft(gain * np.exp(2j * np.pi * rng.uniform(size=len(hertz))), samples)
    return np.asarray(0.5 * wave / np.abs(wave).max(), dtype=np.float32)


def run_earmark(words: list[str], threads: int, made: Path) -> None:
    """`earmark` in a process of its own, its command shown before; the program stops where it fails.

    Exit code 1, some inputs were left out, is no failure where what was to be made is there.
    """
    print("$ earmark", *words, flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    code = subprocess.run([sys.executable, "-m", "earmark", *words], env=environment, check=False).returncode
    if code > 1 or code < 0 or not made.is_file():
        sys.exit(f"earmark {words[0]} failed")
