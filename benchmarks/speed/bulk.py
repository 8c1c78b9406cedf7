"""A folder of recordings, and one of an hour: ours beside the loop a user writes.

    python -m benchmarks.speed.bulk [--quick] [--files 500] [--minutes 60] [--write]

Files of ten seconds, wav, flac and mp3 in turn, of five rates, synthesised on the spot. The rival: `librosa.load` and
the network, file by file, the hour in cuts of ten seconds; the network is `panns-inference`'s Cnn14 or the textbook
gated CRNN. Ours has the same weights and comes to the same tags. The files are dealt out over the turns, so that each
is heard once. Peak memory is that of a process that hears the long recording alone. Two threads; 12 minutes.
"""

from __future__ import annotations

import argparse
import tempfile

from benchmarks.speed.timing import (
    MissingRivalError,
    Row,
    Turn,
    Worker,
    arguments,
    figure,
    parsed,
    publish,
    seconds,
    spread,
    table,
)

RIVALS = {"cnn14": "librosa.load, panns-inference", "gated-crnn": "librosa.load, textbook"}
NAMES = {"cnn14": "Cnn14", "gated-crnn": "gated CRNN"}
WANTED_FOLDER = {"cnn14": 3.0, "gated-crnn": None}
WANTED_HOUR = 3.0
WANTED_MEMORY = {"cnn14": 700, "gated-crnn": 400}  # MB beyond the weights
WANTED_SHARE = 0.85  # of the time in the model, gated CRNN
CLASSES = 17
CHECKED = 4  # files whose tags are compared


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the long recording")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["auto", "float32", "bf16"], default="auto", help="ours")
    parser.add_argument("--models", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    asked = parsed(parser)
    if asked.quick:
        asked.files, asked.minutes, asked.turns = 6, 0.5, 1
    rows: list[Row] = []
    said: list[str] = []
    memory: list[str] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Worker("ours.bulk:make", {"folder": folder}) as maker,
    ):
        paths = maker.do("files", asked.files, 10.0).result
        long = maker.do("long", asked.minutes).result
        for kind in asked.models:
            try:
                row, weights = bulk(asked, folder, kind, maker, paths, said)
                rows += [row, *hour(asked, folder, kind, long, paths[0], weights, memory)]
            except MissingRivalError as missing:
                said.append(f"{NAMES[kind]} was not run: {missing}.")
    lines = [
        "## Folders and long recordings",
        "",
        f"{asked.files} files of 10 s (wav, flac, mp3; 16 to 48 kHz), and a recording of {asked.minutes:g} min "
        f"(wav, 44.1 kHz); {asked.threads} threads; seconds of audio per second; the folder in {asked.turns} parts "
        f"(min-max). {' '.join(said)}",
        "",
        *table(rows, "audio s"),
        "",
        "| long recording | peak memory | memory after loading | weights | peak minus weights | target |",
        "|---|---:|---:|---:|---:|---:|",
        *memory,
    ]
    publish("speed-bulk", lines, asked, ["panns-inference", "librosa"])


def bulk(
    asked: argparse.Namespace, folder: str, kind: str, maker: Worker, paths: list[str], said: list[str]
) -> tuple[Row, float]:
    """The folder, part by part; and MB of weights."""
    rival = {"folder": folder, "kind": kind, "classes": CLASSES}
    with Worker("rivals.bulk:start", rival, threads=asked.threads) as theirs:
        theirs.do("save", paths[:CHECKED])
        weights = maker.do("model", kind).result
        with Worker(
            "ours.bulk:start",
            {"folder": folder, "kind": kind, "precision": asked.precision},
            threads=asked.threads,
        ) as ours:
            apart = ours.do("apart", kind, paths[:CHECKED]).result
            ran = "bf16" if ours.do("bf16").result else "float32"
            took: dict[str, list[Turn]] = {"theirs": [], "ours": []}
            for number in range(asked.turns):
                part = paths[number :: asked.turns]
                pair = [("theirs", theirs), ("ours", ours)]
                for name, worker in pair if number % 2 else reversed(pair):
                    took[name].append(worker.do("files", part))
    shares = [turn.result / turn.seconds for turn in took["ours"]]
    wanted = f" (target: over {WANTED_SHARE:.0%})" if kind == "gated-crnn" else ""
    said.append(
        f"{NAMES[kind]}: ours in {ran}, tags within {figure(apart)} of the rival's; of our time on the folder the "
        f"model takes **{spread([100 * share for share in shares])} %**{wanted}."
    )
    title = f"folder, {NAMES[kind]}, {ran}"
    audio = 10.0 * len(paths) / asked.turns
    row = Row(title, RIVALS[kind], seconds(took["theirs"]), seconds(took["ours"]), WANTED_FOLDER[kind], audio)
    return row, weights


def hour(
    asked: argparse.Namespace, folder: str, kind: str, path: str, first: str, weights: float, memory: list[str]
) -> list[Row]:
    """The long recording, once each: the rival, ours as it comes, ours without overlapping windows."""
    name = NAMES[kind]
    sides = {
        "the loop": ("rivals.bulk:start", {"kind": kind, "classes": CLASSES}),
        "ours": ("ours.bulk:start", {"kind": kind, "precision": asked.precision}),
        "ours, windows side by side": (
            "ours.bulk:start",
            {"kind": f"{kind}-cut", "precision": asked.precision},
        ),
    }
    turns: dict[str, Turn] = {}
    for side, (target, options) in sides.items():
        with Worker(target, {"folder": folder, **options}, threads=asked.threads) as worker:
            worker.do("files", [first])  # libraries are loaded now, not within the hour
            turns[side] = turn = worker.do("hour", path)
            beyond = turn.peak - weights
            limit = WANTED_MEMORY[kind] if side != "the loop" else None
            verdict = "" if limit is None else f"{limit} MB: {'met' if beyond < limit else 'missed'}"
            memory.append(
                f"| {name}, {side} | {turn.peak:.0f} MB | {worker.memory:.0f} MB | {weights:.0f} MB "
                f"| {beyond:.0f} MB | {verdict} |"
            )
    theirs = [turns["the loop"].seconds]
    return [
        Row(f"long, {name}, {text}", RIVALS[kind], theirs, [turns[side].seconds], wanted, 60 * asked.minutes)
        for side, text, wanted in (
            ("ours", "windows overlap by 2 s", WANTED_HOUR),
            ("ours, windows side by side", "windows side by side", None),
        )
    ]


if __name__ == "__main__":
    main()
