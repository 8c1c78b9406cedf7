"""What bfloat16 costs: frame probabilities and every figure on scapes dev, beside float32.

    python -m benchmarks.accuracy.precision SCAPES MODEL... [--write]

Each model scores dev in both precisions and decides by its own operating point. Two minutes a model.
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np

from benchmarks.accuracy.scapes import numbers_of
from benchmarks.sections import machine, replace_section
from earmark.data.manifest import read_manifest
from earmark.devices import Precision, resolve_precision, tune_allocator
from earmark.evaluation.labelled import ScoredClips, evaluate_scored, score_clips
from earmark.models.directory import open_tagger

KINDS: tuple[Precision, ...] = ("float32", "bf16")
NEAR, SAME = 0.02, 0.2  # wanted: largest difference of a frame probability; of a figure, points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path)
    parser.add_argument("models", type=pathlib.Path, nargs="+")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    args = parser.parse_args()
    tune_allocator()
    rows: list[str] = []
    figures: dict[str, dict[str, float]] = {}
    furthest = 0.0
    for folder in args.models:
        listening = {kind: open_tagger([folder], precision=kind) for kind in KINDS}
        point = listening["float32"].operating_point
        dev = read_manifest(args.scapes / "dev", labels=listening["float32"].labels)
        both = {kind: score_clips(tagger.scorer, dev) for kind, tagger in listening.items()}
        furthest = max(furthest, furthest_frame(both["float32"], both["bf16"]))
        figures = {kind: numbers_of(evaluate_scored(scored, point)[0]) for kind, scored in both.items()}
        for kind, numbers in figures.items():
            cells = " | ".join(f"{100 * each:.2f}" for each in numbers.values())
            rows.append(f"| {folder.name} | {kind} | {cells} |")
        moved = [100 * (figures["bf16"][name] - number) for name, number in figures["float32"].items()]
        rows.append(f"| {folder.name} | difference | " + " | ".join(f"{each:+.2f}" for each in moved) + " |")
    text = "\n".join(
        [
            "## bfloat16 against float32",
            "",
            "400 soundscapes of scapes dev, in points (an error rate times 100), decided by each model's own operating "
            f"point. Frame probabilities differ by at most {furthest:.4f} (target: {NEAR}; figures: {SAME} points). "
            f"`auto` chooses {resolve_precision('auto')} on this machine.",
            "",
            "| model | precision | " + " | ".join(figures["float32"]) + " |",
            "|---|---|" + "---:|" * len(figures["float32"]),
            *rows,
            "",
            f"Command: `python -m benchmarks.accuracy.precision SCAPES MODEL...`. {machine()}",
        ]
    )
    print(text)
    if args.write:
        replace_section("benchmarks.md", "precision", text, title="# Benchmarks")


def furthest_frame(one: ScoredClips, other: ScoredClips) -> float:
    """Largest difference of a frame probability."""
    pairs = zip(one.scores, other.scores, strict=True)
    return max(float(np.abs(a.frames - b.frames).max()) for a, b in pairs)


if __name__ == "__main__":
    main()
