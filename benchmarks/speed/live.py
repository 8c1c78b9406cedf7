"""Listening live: share of a core, memory over hours, and how late events are.

    python -m benchmarks.speed.live [--minutes 10] [--days 1] [--audio FILE ...] [--quick] [--write]

The model in the package and its defaults, one thread. `--audio` are recordings that are played behind one another,
again and again; without them it is tones and clicks over noise. Sound is given to a `Listener` as fast as it takes it,
in blocks of a tenth of a second, for `--minutes` of processor time; a minute of it is then played in real time. Memory
over `--days` is measured with an engine that costs next to nothing, so that it is the listener's own. CPU seconds are
counted, so that other programs on the machine matter less.
"""

from __future__ import annotations

import pathlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.speed.timing import SOURCE, arguments, figure, parsed, publish

WANTED = 0.15  # of a core
BLOCK = 0.1  # seconds


def main() -> None:
    parser = arguments(__doc__, turns=1)
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time with the real model")
    parser.add_argument("--days", type=float, default=1.0, help="of sound with the engine that costs nothing")
    parser.add_argument("--audio", nargs="+", type=pathlib.Path, default=[], help="recordings to be played")
    asked = parsed(parser)
    minutes, days, real = (0.1, 0.01, 5.0) if asked.quick else (asked.minutes, asked.days, 60.0)
    sys.path.insert(0, str(SOURCE))
    from earmark import api
    from earmark.runtime.live import Listener

    tagger = api.open_models([], device="cpu", precision="float32", engine="onnx", threads=1)
    sound = material(asked.audio, tagger.rate)
    long = play(Listener(tagger), sound, lambda spent: spent > 60 * minutes)
    slow = play(Listener(tagger), sound, lambda spent: False, seconds=real, speed=1.0)
    cheap = play(
        Listener(Quiet(), operating_point=point()), sound[:: tagger.rate // 1_000], lambda _: False, 86_400 * days
    )
    late = Listener(tagger).latency
    what = f"{len(asked.audio)} recordings" if asked.audio else "tones and clicks over noise"
    lines = [
        "## Listening live",
        "",
        f"The model in the package, `earmark listen` with its defaults, one thread; {what}, "
        f"{len(sound) / tagger.rate:.0f} s, again and again. Wanted: at most {100 * WANTED:g} % of a core.",
        "",
        "| run | sound | CPU s | share of a core | events | memory at 1/4, MB | at the end, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
        row("as fast as it goes", long),
        row("in real time", slow),
        row("as fast as it goes, engine that costs nothing", cheap),
        "",
        "How late updates came, in seconds of sound, computing not counted, in the first run:",
        "",
        "| update | number | median | 95 % | largest | stated |",
        "|---|---:|---:|---:|---:|---:|",
        lateness("begin", long.begins, late.begin),
        lateness("end", long.ends, late.end),
        "",
        "An update can be later than is stated where the score had to rise first (hysteresis, the gate of the clip), "
        "or where a sound came in bits. A run of the model took "
        f"{1000 * long.spent / long.windows:.0f} ms of processor time.",
    ]
    publish("speed-live", lines, asked, ["onnxruntime"])


@dataclass
class Run:
    """What playing took."""

    sound: float = 0.0  # seconds
    spent: float = 0.0  # CPU seconds
    windows: int = 0
    events: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds of sound, MB
    begins: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


def play(listener: Any, sound: Any, enough: Any, seconds: float = float("inf"), speed: float | None = None) -> Run:
    """Give a listener sound, again and again."""
    run, size, began, wall = Run(), round(BLOCK * listener.rate), time.process_time(), time.monotonic()
    for number, block in enumerate(endless(sound, size), 1):
        run.sound = number * BLOCK
        if speed is not None:
            time.sleep(max(0.0, wall + run.sound / speed - time.monotonic()))
        for update in listener.push(block):
            if update.kind == "begin":
                run.begins.append(run.sound - update.onset)
            else:
                run.events += 1
                run.ends.append(run.sound - update.offset)
        if number % 600 == 0 or number == 50:
            run.memory.append((run.sound, resident()))
        run.spent = time.process_time() - began
        if enough(run.spent) or run.sound >= seconds:
            break
    run.windows = round(run.sound * listener.engine.rate / listener.plan.stride)
    run.memory.append((run.sound, resident()))
    return run


def endless(sound: Any, size: int) -> Iterator[Any]:
    while True:
        yield from (sound[first : first + size] for first in range(0, len(sound) - size + 1, size))


def resident() -> float:
    """MB that the process holds now."""
    fields = pathlib.Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 2**20


def row(name: str, run: Run) -> str:
    quarter = next(memory for sound, memory in run.memory if sound >= run.sound / 4)
    hours = f"{run.sound / 3600:.1f} h" if run.sound >= 3600 else f"{run.sound / 60:.1f} min"
    share = f"{100 * run.spent / run.sound:.1f} %"
    end = run.memory[-1][1]
    return f"| {name} | {hours} | {figure(run.spent)} | {share} | {run.events} | {quarter:.1f} | {end:.1f} |"


def lateness(kind: str, late: list[float], stated: float) -> str:
    if not late:
        return f"| {kind} | 0 | – | – | – | {stated:.2f} |"
    ordered = sorted(late)
    middle, most = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
    return f"| {kind} | {len(late)} | {middle:.2f} | {most:.2f} | {ordered[-1]:.2f} | {stated:.2f} |"


def material(paths: list[pathlib.Path], rate: int) -> Any:
    """What is played: recordings behind one another, or tones and clicks."""
    import numpy as np

    from earmark.audio import read_audio
    from earmark.hub import box

    if paths:
        return np.concatenate([read_audio(path, rate).samples for path in paths])
    clip = np.resize(box.check_clip(rate), 10 * rate)
    noise = 0.01 * np.random.default_rng(0).standard_normal(50 * rate, np.float32)
    return np.concatenate([clip, noise]).astype(np.float32)


class Quiet:
    """An engine that costs next to nothing: the level of each frame of 40 ms, at 1 kHz."""

    def __init__(self) -> None:
        from fractions import Fraction

        from earmark.clock import Clock
        from earmark.engine import WindowPlan
        from earmark.labels import Labels

        self.labels, self.rate, self.clock = Labels(["loud"]), 1_000, Clock(Fraction(1, 25))
        self.plan = WindowPlan(2_000, 1_600, 40, 10, longest=2_000)
        self.takes, self.batch, self.arithmetic, self.parameters = "sound", 1, "cpu", 0

    def steps_in(self, samples: int) -> int:
        return max(1, -(-samples // 40))

    def listen(self, waveform: Any, lengths: Any, watch: Any = None) -> Any:
        import numpy as np

        steps = self.steps_in(waveform.shape[1])
        filled = np.zeros((1, steps * 40), np.float32)
        filled[:, : waveform.shape[1]] = np.abs(waveform)
        frames = np.minimum(4 * filled.reshape(1, steps, 40).mean(axis=2), 1)[:, :, None]
        return frames.max(axis=1), frames


def point() -> Any:
    from earmark.decisions import ClassPoint, OperatingPoint

    part = ClassPoint(onset=0.3, offset=0.2, median_seconds=0.2, min_duration_off=0.4)
    return OperatingPoint(classes={"loud": part})


if __name__ == "__main__":
    main()
