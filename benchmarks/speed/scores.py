"""Segment- and event-based scores and PSDS: ours beside sed_eval, sed_scores_eval and psds_eval.

    python -m venv REF
    REF/bin/pip install "numpy<2.4" "pandas<3" "setuptools<81" sed_eval sed_scores_eval psds_eval
    python -m benchmarks.speed.scores REF/bin/python [--quick] [--write]

Those packages cannot live beside numpy 2.4, so that they run in their own environment. 1,000 synthetic recordings of
10 s, 17 classes, scores every 40 ms; events, tables and score objects lie in memory on all sides before the clock
starts. Values are compared too: equal with sed_eval and sed_scores_eval; psds_eval samples 50 thresholds, and is near.
One thread; 6 minutes, most of it psds_eval's.
"""

from __future__ import annotations

import argparse
import math
import tempfile

from benchmarks.speed.timing import (
    MissingRivalError,
    Row,
    Worker,
    arguments,
    figure,
    parsed,
    publish,
    ratio_text,
    seconds,
    spread,
    take_turns,
    wanted_text,
)

SAME = 1e-9
RIVALS: dict[str, dict[str, float | None]] = {
    "sed_eval": {"segment": 25.0, "event": 20.0},
    "sed_scores_eval": {"psds1": 3.0, "psds2": 3.0},
    "psds_eval": {"psds1": 60.0, "psds2": 60.0},
}
SLOW = ("psds_eval",)  # one turn is all
NAMES = {"segment": "segment-based", "event": "event-based", "psds1": "PSDS1", "psds2": "PSDS2"}


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("python", help="interpreter of the environment that holds the rivals")
    parser.add_argument("--recordings", type=int, default=1000)
    parser.add_argument("--classes", type=int, default=17)
    parser.add_argument("--thresholds", type=int, default=50, help="of psds_eval")
    asked = parsed(parser)
    if asked.quick:
        asked.recordings, asked.thresholds = 40, 5
    lines: list[str] = []
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"folder": folder, "recordings": asked.recordings, "classes": asked.classes}
        with Worker("ours.scores:start", sizes) as ours:
            reference, estimated = ours.do("events").result
            for rival in RIVALS:
                try:
                    lines += against(rival, ours, asked, folder)
                except MissingRivalError as missing:
                    said.append(f"Left out: {missing}.")
    text = [
        "## Event scores and PSDS",
        "",
        f"{asked.recordings:,} recordings of 10 s, {asked.classes} classes, 250 frames each, {reference:,} events, "
        f"{estimated:,} estimated; seconds on one thread, medians of {asked.turns} runs (min-max), of psds_eval "
        f"one turn at {asked.thresholds} thresholds. {' '.join(said)}".rstrip(),
        "",
        "| scores | rival | rival, s | earmark, s | ratio | target | difference |",
        "|---|---|---:|---:|---:|---:|---:|",
        *lines,
    ]
    publish("speed-scores", text, asked)


def against(rival: str, ours: Worker, asked: argparse.Namespace, folder: str) -> list[str]:
    """Rows of the table for one rival; its values must be ours."""
    options = {"folder": folder, **({"thresholds": asked.thresholds} if rival in SLOW else {})}
    turns = 1 if rival in SLOW else asked.turns
    lines = []
    with Worker(f"rivals.scores:{rival}", options, python=asked.python) as theirs:
        for job, wanted in RIVALS[rival].items():
            took = take_turns({"theirs": theirs, "ours": ours}, job, turns, warm=rival not in SLOW)
            difference = apart(took["theirs"][0].result, took["ours"][0].result)
            assert rival in SLOW or difference < SAME, (rival, job, difference)
            row = Row(NAMES[job], rival, seconds(took["theirs"]), seconds(took["ours"]), wanted)
            lines.append(
                f"| {row.job} | {rival} | {spread(row.theirs)} | {spread(row.ours)} | {ratio_text(row)} "
                f"| {wanted_text(row.ratio, wanted)} | {figure(difference)} |"
            )
    return lines


def apart(one: float | list[float], other: float | list[float]) -> float:
    """Largest difference; values undefined on both sides are alike.

    >>> apart([1.0, float("nan")], [1.5, float("nan")])
    0.5
    """
    pairs = zip(*(each if isinstance(each, list) else [each] for each in (one, other)), strict=True)
    return max(0.0 if math.isnan(a) and math.isnan(b) else abs(a - b) for a, b in pairs)


if __name__ == "__main__":
    main()
