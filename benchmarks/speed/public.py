"""Public detectors beside their authors' code: ATST-F and BEATs of PretrainedSED, from features to frame scores.

    python -m benchmarks.speed.public --authors PretrainedSED [--quick] [--write]

Rival: a checkout of https://github.com/fschmid56/PretrainedSED (MIT; it needs einops), its networks in a process of
their own with everything at its default, float32. Ours imports the checkpoint that the rival saves, as `earmark import`
does, and opens it as `earmark detect` does; that both give the same frame scores is checked before anything is timed.
Both are given the same features: the authors' front-ends need torchaudio, and are not timed. One thread; 5 minutes.
"""

from __future__ import annotations

import argparse
import tempfile

from benchmarks.speed.timing import (
    MissingRivalError,
    Row,
    Worker,
    arguments,
    figure,
    parsed,
    publish,
    seconds,
    table,
    take_turns,
)

SAME = 1e-5  # largest difference of float32 scores
NAMES = ("atst-f/strong", "beats/strong")
WANTED = {"float32": 1.3, "bf16": None}


def main() -> None:
    parser = arguments(__doc__, turns=7)
    parser.add_argument("--authors", required=True, help="a checkout of PretrainedSED")
    parser.add_argument("--clips", type=int, default=1, help="clips at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--threads", type=int, default=1)
    asked = parsed(parser)
    rows: list[Row] = []
    said: list[str] = []
    try:
        for name in NAMES:
            measure(asked, name, rows, said)
    except MissingRivalError as missing:
        said.append(f"Not all was run: {missing}.")
    lines = [
        "## Public detectors",
        "",
        f"{asked.clips} clip(s) of {asked.seconds:g} s at a time, features to frame scores, {asked.threads} thread(s); "
        f"clips per second, medians of {asked.turns} runs (min-max). Same weights, and the same features: the authors' "
        "front-ends are not timed.",
        "",
        *table(rows, "clips"),
        "",
        *said,
    ]
    publish("speed-public", lines, asked, ["einops"])


def measure(asked: argparse.Namespace, name: str, rows: list[Row], said: list[str]) -> None:
    """One network; adds to `rows` and `said`."""
    with tempfile.TemporaryDirectory() as folder:
        made = {"folder": folder, "name": name}
        with Worker("rivals.public:start", made | {"authors": asked.authors}, threads=asked.threads) as theirs:
            theirs.do("save")
            sizes = {"clips": asked.clips, "seconds": asked.seconds}
            with Worker("ours.public:start", made | sizes, threads=asked.threads) as ours:
                theirs.do("load")
                differences = {kind: ours.do("check", kind).result for kind in WANTED}
                assert differences["float32"] < SAME, differences
                sides = {"theirs": (theirs, "infer"), **{kind: (ours, f"infer {kind}") for kind in WANTED}}
                took = {side: seconds(found) for side, found in take_turns(sides, "infer", asked.turns).items()}
    rows += [
        Row(f"`{name}`, {kind}", "PretrainedSED, float32", took["theirs"], took[kind], wanted, asked.clips)
        for kind, wanted in WANTED.items()
    ]
    said.append(
        f"{name}: frame scores differ by at most {differences['float32']:.0e} in float32, "
        f"{figure(differences['bf16'])} in bf16."
    )


if __name__ == "__main__":
    main()
