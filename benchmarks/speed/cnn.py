"""PANNs: Cnn14 from waveform to tags beside `panns-inference`, and the training step of Cnn10 beside its textbook form.

    python -m benchmarks.speed.cnn [--quick] [--write]

Rival: the package's own `Cnn14` (torchlibrosa's front-end, contiguous, float32), in its own process with everything at
its default; Cnn10 is put together from the package's blocks. Ours reads the rival's checkpoint as `earmark
import-panns` does; that both say the same is checked before anything is timed. In the same run Cnn14's
convolutions run alone, and the fastest of them is the peak, of which our share is told. One thread; 6 minutes.
"""

from __future__ import annotations

import argparse
import statistics
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

SAME = 1e-4  # largest difference of float32 scores
RATE = 32_000
WANTED = {"bf16": 2.7, "float32": 1.45}
WANTED_TRAINING = {"bf16": 2.3, "float32": None}
SHARE = 0.85  # of the convolution peak: good enough where it is reached before the ratio
KINDS = ("bf16", "float32")


def main() -> None:
    parser = arguments(__doc__, turns=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--threads", type=int, default=1)
    asked = parsed(parser)
    if asked.quick:
        asked.batch, asked.seconds, asked.turns = 1, 1.0, 1
    rows: list[Row] = []
    shares: list[str] = []
    try:
        measure(asked, "cnn14", rows, shares)
        measure(asked, "cnn10", rows, shares)
    except MissingRivalError as missing:
        shares.append(f"Not all was run: {missing}.")
    lines = [
        "## PANNs",
        "",
        f"Batches of {asked.batch} clips of {asked.seconds:g} s, waveform to tags and to the update, "
        f"{asked.threads} thread(s); clips per second, medians of {asked.turns} runs (min-max). Same weights.",
        "",
        *table(rows, "clips"),
        "",
        *shares,
    ]
    publish("speed-cnn", lines, asked, ["panns-inference", "torchlibrosa"])


def measure(asked: argparse.Namespace, name: str, rows: list[Row], said: list[str]) -> None:
    """Inference of Cnn14 with its share of the peak, or training of Cnn10; adds to `rows` and `said`."""
    batch, turns = asked.batch, asked.turns
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"folder": folder, "name": name, "batch": batch, "samples": round(asked.seconds * RATE)}
        with Worker("rivals.panns:start", sizes, threads=asked.threads) as theirs:
            theirs.do("save")
            with Worker("ours.cnn:start", sizes, threads=asked.threads) as ours:
                differences = {kind: ours.do("check", kind).result for kind in KINDS}
                assert differences["float32"] < SAME, differences
                job = "infer" if name == "cnn14" else "train"
                sides = {"theirs": (theirs, job), **{kind: (ours, f"{job} {kind}") for kind in KINDS}}
                took = {side: seconds(found) for side, found in take_turns(sides, job, turns).items()}
                title, wanted, rival = (
                    ("Cnn14, waveform to tags", WANTED, "panns-inference, float32")
                    if job == "infer"
                    else ("Cnn10, training step", WANTED_TRAINING, "textbook, float32")
                )
                rows += [
                    Row(f"{title}, {kind}", rival, took["theirs"], took[kind], wanted[kind], batch) for kind in KINDS
                ]
                said.append(
                    f"{title.partition(',')[0]}: scores differ by at most {differences['float32']:.0e} in float32, "
                    f"{figure(differences['bf16'])} in bf16."
                )
                if job == "infer":
                    said.append(peak_text(ours, took, turns, batch))


def peak_text(ours: Worker, took: dict[str, list[float]], turns: int, batch: int) -> str:
    """Our share of the convolution peak in both precisions."""
    work = ours.do("work").result * batch  # billion operations in a turn
    parts = []
    for kind in KINDS:
        peaks = [ours.do("peak", kind).result for _ in range(turns)]
        fastest, together = (statistics.median(values) for values in zip(*peaks, strict=True))
        reached = work / statistics.median(took[kind])
        parts.append(
            f"{kind} {reached:.0f} GFLOP/s, **{reached / fastest:.0%}** of the fastest alone ({fastest:.0f}), "
            f"{reached / together:.0%} of all of them alone ({together:.0f})"
        )
    return (
        f"Convolutions of Cnn14, {work / batch:.1f} GFLOP a clip, over the whole time from waveform to tags: "
        f"{'; '.join(parts)}. Wanted where the ratio is missed: {SHARE:.0%} of the fastest."
    )


if __name__ == "__main__":
    main()
