"""A run in a process of its own, to be killed: `python bulk_script.py FOLDER OUT [processes] [option=value ...]`.

Its engine is plain numpy and costs nothing: the loudness of each tenth of a second is the score of its one label.
`make`, `detect` and `content` are what tests of runs in this process share.
"""

import os
import signal
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from earmark.clock import Clock
from earmark.decisions import OperatingPoint
from earmark.engine import WindowPlan
from earmark.labels import Labels
from earmark.runtime.tagger import Tagger

RATE = 8000
STEP = RATE // 10
FORMATS = ("csv", "tsv", "json", "audacity")


class Loudness:
    """An engine."""

    labels = Labels(["sound", "loud sound"])
    rate = RATE
    clock = Clock(Fraction(1, 10))
    plan = WindowPlan.of(10.0, 2.0, RATE, Clock(Fraction(1, 10)))
    takes: Literal["sound", "embeddings"] = "sound"
    batch = 8
    arithmetic = "numpy"
    parameters = 0
    device = "cpu"

    def fingerprint(self) -> str:
        return "loudness"

    def steps_in(self, samples: int) -> int:
        return -(-samples // STEP)

    def listen(self, waveform: Any, lengths: Any, watch: Any = None) -> tuple[Any, Any]:
        if (mark := os.environ.get("DIE_AT")) and not Path(mark).exists():  # once
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if (level := os.environ.get("DIE_ON")) and (np.abs(waveform[:, :4000] - float(level)) < 0.01).all(axis=1).any():
            os.kill(os.getpid(), signal.SIGKILL)
        steps = self.steps_in(waveform.shape[1])
        padded = np.zeros((len(waveform), steps * STEP), np.float32)
        padded[:, : waveform.shape[1]] = waveform
        loud = np.abs(padded.reshape(len(waveform), steps, STEP)).max(axis=2)
        frames = np.stack([np.minimum(4 * loud, 1), np.minimum(loud, 1)], axis=2).astype(np.float32)
        return frames.max(axis=1), frames


def open_tagger() -> Tagger:
    return Tagger(Loudness(), OperatingPoint.plain(Loudness.labels))


def make(folder: Path, files: int = 12) -> Path:
    """Short recordings in two folders, each loud somewhere else."""
    rng = np.random.default_rng(0)
    for number in range(files):
        wave = np.zeros(4000)
        first = rng.integers(0, 2500)
        wave[first : first + 1400] = rng.uniform(0.2, 1)
        path = folder / ("day" if number % 2 else "night") / f"{number:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, wave, 8000)
    return folder


def content(output: Path) -> dict[str, bytes]:
    """All that a user sees of an output."""
    files = (path for path in output.rglob("*") if path.is_file() and ".earmark" not in path.parts)
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in files}


def detect(source: Path, output: Path, **options: Any) -> Any:
    """Events of the recordings that `make` made, by the engine above."""
    from earmark import api

    return api.detect([source], output=output, tagger=open_tagger(), **{"formats": FORMATS, **options})


def main() -> None:
    from earmark import api

    folder, output, *rest = sys.argv[1:]
    options: dict[str, Any] = {}
    for word in rest:
        name, _, value = word.partition("=")
        options[name] = value.split(",") if name == "formats" else int(value) if name == "processes" else value
    if device := os.environ.get("DEVICE"):
        Loudness.device = device
    found = api.detect([folder], output=Path(output), tagger=open_tagger, **options)
    print(found.account.scored, found.account.before, len(found.account.failed))  # noqa: T201 - read by tests


if __name__ == "__main__":
    main()
