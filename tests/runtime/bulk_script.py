"""A run in a process of its own, to be killed: `python bulk_script.py FOLDER OUT [processes] [option=value ...]`.

Its engine is plain numpy and costs nothing: the loudness of each tenth of a second is the score of its one label.
"""

import os
import signal
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from earmark.clock import Clock
from earmark.decisions import OperatingPoint
from earmark.engine import WindowPlan
from earmark.labels import Labels
from earmark.runtime.tagger import Tagger

RATE = 8000
STEP = RATE // 10


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


def main() -> None:
    from earmark import api

    folder, output, *rest = sys.argv[1:]
    options: dict[str, Any] = {}
    for word in rest:
        name, _, value = word.partition("=")
        options[name] = value.split(",") if name == "formats" else int(value) if name == "processes" else value
    found = api.detect([folder], output=Path(output), tagger=open_tagger, **options)
    print(found.account.scored, found.account.before, len(found.account.failed))  # noqa: T201 - read by tests


if __name__ == "__main__":
    main()
