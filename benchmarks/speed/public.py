"""Public detectors from waveform to scores: how fast each is, and how much faster than its authors' code.

    python -m benchmarks.speed.public [--authors MODULE:FUNCTION] [--quick] [--write]

Weights are drawn (tests/hub/drawn.py, tests/hub/transformers.py, for YAMNet tests/hub/test_yamnet.py), and speed does
not depend on them. The authors' code is no package and is not here. Whoever has it gives it by `--authors`: a function
(name, seconds) of a module on PYTHONPATH that returns the jobs `infer` (one clip, waveform to probabilities) and
`scores` (of the same weights and the same clip: of networks that give frame scores every fifth step of every 13th
class, else the clip's; of YAMNet the patches that begin 0.24 s before each step, all but the first and the last).
A job `compiled` may do what `infer` does as a compiled graph, where the authors' own program runs without one.
`--authors-python` is the interpreter that has what that code needs, such as TensorFlow. Both sides run in processes of
their own and take turns; that they say the same is checked first. One thread, float32; ten minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

from benchmarks.speed.timing import Row, Turn, Worker, arguments, figure, parsed, publish, spread, table, take_turns

NAMES = (
    *("frame-mn/06", "frame-mn/10", "efficientat/mn04", "efficientat/mn10", "efficientat/dymn10"),
    *("atst-f/strong", "beats/strong", "beats/iter3plus", "yamnet/yamnet"),
)
COMPILED = "compiled"
WANTED = 1.3
SAME = 1e-5  # largest difference of scores


def main() -> None:
    parser = arguments(__doc__, turns=15)
    parser.add_argument("--authors", help="MODULE:FUNCTION that makes the authors' side")
    parser.add_argument("--authors-python", default=sys.executable, help="interpreter of the authors' side")
    parser.add_argument("--only", action="append", choices=NAMES, help="these models alone")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    asked = parsed(parser)
    if asked.quick:
        asked.seconds = 1.0
    rows: list[Row] = []
    alone = [
        "| model | classes | parameters | a step | CPU time of a clip | times real time |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    apart = 0.0
    for name in asked.only or (NAMES if not asked.quick else NAMES[:1]):
        apart = max(apart, measure(asked, name, rows, alone))
    lines = [
        "## Public detectors",
        "",
        f"One clip of {asked.seconds:g} s, waveform to scores, float32, 1 thread; processor time, medians of "
        f"{asked.turns} runs (min-max).",
        "",
        *alone,
        "",
    ]
    if rows:
        lines += [
            f"Beside their authors' code, in turns; scores differ by at most {figure(apart)}.",
            "",
            *table(rows, "clips"),
            "",
        ]
    publish("speed-public", lines, asked)


def measure(asked: argparse.Namespace, name: str, rows: list[Row], alone: list[str]) -> float:
    """Adds a model's figures to `rows` and `alone`; the largest difference of scores, 0 where nobody compared."""
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Any] = {}
        options = {"name": name, "seconds": asked.seconds}
        with Worker("ours.public:start", {"folder": folder, **options}) as ours:
            sides["ours"] = (ours, "infer")
            facts = ours.do("facts").result
            if not asked.authors:
                took = {side: processor(found) for side, found in take_turns(sides, "infer", asked.turns).items()}
                alone.append(line(name, facts, took["ours"], asked.seconds))
                return 0.0
            with Worker(asked.authors, options, python=asked.authors_python) as theirs:
                pairs = zip(ours.do("scores").result, theirs.do("scores").result, strict=True)
                apart = max(abs(one - other) for one, other in pairs)
                assert apart < SAME, f"{name}: scores differ by {apart}"
                sides["theirs"] = (theirs, "infer")
                if COMPILED in theirs.jobs:
                    sides[COMPILED] = (theirs, COMPILED)
                took = {side: processor(found) for side, found in take_turns(sides, "infer", asked.turns).items()}
    alone.append(line(name, facts, took["ours"], asked.seconds))
    rows.append(Row(name, "authors' code", took["theirs"], took["ours"], WANTED))
    if COMPILED in took:
        rows.append(Row(name, "authors' code as a compiled graph", took[COMPILED], took["ours"], WANTED))
    return apart


def processor(turns: Iterable[Turn]) -> list[float]:
    """Seconds of the processor: with one thread those of the clock, less what other programs take of a core."""
    return [turn.processor for turn in turns]


def line(name: str, facts: dict[str, Any], took: list[float], length: float) -> str:
    """A row of the table of our side."""
    milliseconds = spread([1000 * each for each in took], " ms")
    real = figure(length / sorted(took)[len(took) // 2])
    return (
        f"| `{name}` | {facts['classes']} | {facts['parameters']:,} | {1000 * facts['step']:g} ms | {milliseconds} "
        f"| {real} |"
    )


if __name__ == "__main__":
    main()
