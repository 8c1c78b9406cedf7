"""A paper's experiment at a small budget on `scapes`, printed into docs/results.md.

    python -m tools.scapes train SCAPES --data ESC50 && python -m tools.scapes dev SCAPES --data ESC50
    python -m benchmarks.accuracy.reproduction xu2018 SCAPES -o RUNS --seeds 0,1 --write

Runs `earmark reproduce` (what is done in RUNS is not done again) and adds machine, command and times to its tables.
With `--rows`, only those; a later run with other rows or seeds adds to the same folder and prints all of it.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark.studies import find_study
from earmark.studies.results import markdown
from earmark.studies.run import Outcome, Reproduction, read_material
from earmark.training.loop import Machine

WIDTH = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["xu2018", "hong2020"])
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of the trainings")
    parser.add_argument("--budget", default="small")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--rows", nargs="+", default=[], help="recipes; by default all")
    parser.add_argument("--tables", nargs="+", default=[], help="tables to print; by default all")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    args = parser.parse_args()
    train, dev = args.scapes / "train" / "weak.tsv", args.scapes / "dev"
    rows = [word for row in args.rows for word in ("--row", row)]
    command = ["reproduce", args.study, str(train), "--test", str(dev), "-o", str(args.output)]
    command += ["--budget", args.budget, "--seeds", args.seeds, *rows]
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    if subprocess.run([sys.executable, "-m", "earmark", *command], env=environment, check=False).returncode:
        sys.exit("a row failed")
    study = find_study(args.study)
    budget = study.budget(args.budget)
    work = Reproduction(study, read_material(study, train, test=dev), budget, args.output, Machine("cpu"))
    text = section(work, args)
    print(text)
    if args.write:
        replace_section("results.md", args.study, text, title="# Results")


def section(work: Reproduction, args: argparse.Namespace) -> str:
    study, outcomes = work.study, work.outcomes()
    tests = ", ".join(f"{len(manifest)} of {part}" for part, manifest in work.material.tests.items())
    said = (
        f"`earmark reproduce {study.name}` on `scapes`, budget `{work.budget.name}`: {work.budget.sentence} "
        f"Trained on the weak labels of {len(work.material.train)} soundscapes, scored on {tests}. Published figures "
        "were measured on the paper's own data: compare rows, not columns. Ours are means over seeds, plus or minus "
        "half their "
        "range. *Tuned*: thresholds and smoothing are chosen on every second recording and applied to the others, both "
        "ways; everything else uses the operating point of the paper."
    )
    return "\n".join(
        [
            f"## {study.paper}, published and ours",
            "",
            markdown(study, outcomes, said, args.tables),
            f"Commands: {'; '.join(commands(study.name, outcomes))}. {times(outcomes)}",
            "",
            machine(),
        ]
    )


def commands(study: str, outcomes: list[Outcome]) -> list[str]:
    """What makes these outcomes: the seeds that all rows have, then those that some have."""
    seeds: dict[str, set[int]] = {}
    for outcome in outcomes:
        seeds.setdefault(outcome.recipe, set()).add(outcome.seed)
    common = set.intersection(*seeds.values())
    whole = set(seeds) >= set(find_study(study).recipes())
    asked = {seed: "" if whole else " --rows " + " ".join(seeds) for seed in common}
    for seed in sorted(set.union(*seeds.values()) - common):
        asked[seed] = " --rows " + " ".join(name for name, has in seeds.items() if seed in has)
    shown = []
    for rows in dict.fromkeys(asked.values()):
        told = ",".join(str(seed) for seed in sorted(asked) if asked[seed] == rows)
        shown.append(f"`python -m benchmarks.accuracy.reproduction {study} SCAPES -o RUNS --seeds {told}{rows}`")
    return shown


def times(outcomes: list[Outcome]) -> str:
    """Minutes of training, by recipe."""
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.recipe, []).append(outcome.seconds / 60)
    told = ", ".join(f"{name} {np.mean(minutes):.0f}" for name, minutes in found.items() if np.mean(minutes) >= 1)
    return f"Minutes per training, shared machine: {told}." if told else ""


if __name__ == "__main__":
    main()
