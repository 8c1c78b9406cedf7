"""The gated CRNN of Xu et al. 2018: our training step and inference beside the textbook form.

    python -m benchmarks.speed.gated_crnn [--quick] [--write]

240 frames of 64 bands, three blocks of two gated layers of 64, a convolution of 256, a GRU of 128 both ways. The rival
(`rivals/gated_crnn.py`) runs in its own process, with everything at its default; ours computes the same from the same
weights, which is checked before anything is timed. A minute or two at full size on two cores.
"""

from __future__ import annotations

import tempfile

from benchmarks.speed.timing import Row, Worker, arguments, figure, parsed, publish, seconds, table, take_turns

SAME = 1e-4  # largest difference of float32 scores
NEAR = 0.02  # of bf16 scores: what was asked for
WANTED = {
    ("train", "bf16"): 2.8,
    ("train", "float32"): 1.5,
    ("infer", "bf16"): 4.0,
    ("infer", "float32"): 2.1,
}
NAMES = {"train": "training step", "infer": "inference"}


def main() -> None:
    parser = arguments(__doc__, turns=9)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--classes", type=int, default=17)
    asked = parsed(parser)
    if asked.quick:
        asked.batch, asked.frames = 2, 60
    rows, differences = [], {}
    for threads, jobs in {1: ("infer",), 2: ("infer", "train")}.items():
        with tempfile.TemporaryDirectory() as folder:
            sizes = {"folder": folder, "batch": asked.batch, "frames": asked.frames, "classes": asked.classes}
            with Worker("rivals.gated_crnn:start", sizes, threads=threads) as theirs:
                theirs.do("save")
                with Worker("ours.gated_crnn:start", sizes, threads=threads) as ours:
                    differences = {kind: ours.do("check", kind).result for kind in ("float32", "bf16")}
                    assert differences["float32"] < SAME, differences
                    for job in jobs:
                        rows += compare(theirs, ours, job, threads, asked.turns, asked.batch)
    lines = [
        "## Gated CRNN",
        "",
        f"Batches of {asked.batch} clips of {asked.frames} x 64 features, {asked.classes} classes; clips a second, "
        f"medians of {asked.turns} runs (min-max). Rival: the textbook form, two convolutions a gate, contiguous, "
        "float32, everything at its default. Same weights: clip and frame scores differ by at most "
        f"{differences['float32']:.0e} in float32, {figure(differences['bf16'])} in bf16 (target: {NEAR}).",
        "",
        *table(rows, "clips"),
    ]
    publish("speed-gated-crnn", lines, asked)


def compare(theirs: Worker, ours: Worker, job: str, threads: int, turns: int, batch: int) -> list[Row]:
    """Rows of a job: bf16 and float32, against the rival in float32."""
    kinds = ("bf16", "float32")
    sides = {"theirs": (theirs, job), **{kind: (ours, f"{job} {kind}") for kind in kinds}}
    took = {name: seconds(found) for name, found in take_turns(sides, job, turns).items()}
    text = f"{NAMES[job]}, {threads} thread{'s' if threads > 1 else ''}"
    return [
        Row(f"{text}, {kind}", "textbook, float32", took["theirs"], took[kind], WANTED[job, kind], batch)
        for kind in kinds
    ]


if __name__ == "__main__":
    main()
