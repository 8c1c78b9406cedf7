"""What each part of the default recipe is worth on `scapes`, and what would be worth adding.

    python -m tools.scapes train SCAPES --data ESC50 && python -m tools.scapes dev SCAPES --data ESC50
    python -m benchmarks.accuracy.ablation SCAPES -o RUNS --seeds 0 1 2 --only baseline
    python -m benchmarks.accuracy.ablation SCAPES -o RUNS

Trains and judges the baseline and each variant of `variants.py` (`trainings.py`: what is done is never done again, a
variant that fails is told of and the rest goes on), and prints a section of docs/results.md with all that is done so
far, into which `--write` puts it. Each budget has its own folder in RUNS, and its own section.
"""

from __future__ import annotations

import argparse
import fnmatch
import pathlib
import sys
from collections.abc import Callable

from benchmarks.accuracy.crossing import SAID
from benchmarks.accuracy.trainings import (
    MINUTES,
    Found,
    Place,
    Training,
    header,
    row,
    seeds_of,
    train_all,
    train_command,
)
from benchmarks.accuracy.variants import BASELINE, BUDGETS, Budget, Variant, variants
from benchmarks.sections import machine, replace_section
from earmark.devices import resolve_precision
from earmark.errors import did_you_mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of the trainings")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="variants, or groups, or patterns; by default all")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once, one thread each")
    parser.add_argument("--budget", choices=BUDGETS, default="small")
    parser.add_argument("--recipe", default="default", help="around which the variants are")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="change baseline and variants alike")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--list", action="store_true", help="print the variants and do nothing")
    parser.add_argument("--write", action="store_true", help="write the section into docs/results.md")
    args = parser.parse_args()
    budget = BUDGETS[args.budget]
    known = {BASELINE: Variant(BASELINE, "", "baseline", ()), **variants(budget)}
    chosen = choose(known, args.only)
    if args.list:
        print(*(f"{name}: {' '.join(known[name].changes)}" for name in chosen), sep="\n")
        return
    place = Place(args.output / budget.name, args.scapes / "dev")
    make = maker(args, budget)
    failed = train_all([make(known[name], seed) for seed in args.seeds for name in chosen], place, args.jobs)
    text = section({name: seeds_of(place, name, make(known[name], 0)) for name in known}, known, budget, args)
    print(text)
    if args.write:
        name = "ablation" if budget.whole else f"ablation-{budget.name}"
        replace_section("results.md", name, text, title="# Results")
    if failed:
        sys.exit("\n".join(["left out:", *failed]))


def choose(known: dict[str, Variant], wanted: list[str] | None) -> list[str]:
    """Names of variants, in their order; all where none is named."""
    if wanted is None:
        return list(known)
    found: dict[str, None] = {}
    for word in wanted:
        matching = [name for name, variant in known.items() if fnmatch.fnmatch(name, word) or variant.group == word]
        if not matching:
            sys.exit(f"no variant {word!r}{did_you_mean(word, known)}; --list tells what there is")
        found.update(dict.fromkeys(matching))
    return list(found)


def maker(args: argparse.Namespace, budget: Budget) -> Callable[[Variant, int], Training]:
    """What trains a variant with a seed."""
    precision = resolve_precision(args.precision)  # once: all are trained in the same arithmetic
    command = train_command(args.scapes / "train" / "weak.tsv", precision)

    def make(variant: Variant, seed: int) -> Training:
        return Training(variant.name, seed, command, (*budget.changes, *args.set, *variant.changes), args.recipe)

    return make


def section(
    found: dict[str, dict[int, Found]], known: dict[str, Variant], budget: Budget, args: argparse.Namespace
) -> str:
    """Whatever is done, group by group."""
    baseline = found[BASELINE]
    rows = [row("**baseline**", baseline, None)] if baseline else []
    group = ""
    for name, variant in known.items():
        if name == BASELINE or not found[name]:
            continue
        if variant.group != group:
            group = variant.group
            rows.append(f"| *{group}* |" + " |" * (len(header("")[0].split("|")) - 3))
        rows.append(row(f"{name}: {spoken(variant)}", found[name], baseline))
    several = len(baseline) > 1
    spread = "; the baseline's half range shows the effect of the seed alone" if several else ""
    shortly, taught = "", ""
    if not budget.whole:
        shortly = f", budget {budget.name}"
        taught = " Such a short training hardly overfits; the value of augmentation, averaging and self-training "
        taught += "shows only at full size."
    changes = f" Baseline: {' '.join(args.set)}." if args.set else ""
    return "\n".join(
        [
            f"## scapes: what each part of the default recipe is worth{shortly}",
            "",
            f"Recipe `{args.recipe}`, budget `{budget.name}`: {budget.sentence}; trained on the weak labels of all of "
            f"train. {SAID} In brackets: the difference to the baseline with the same seeds{spread}.{changes}{taught}",
            "",
            *header("variant"),
            *rows,
            "",
            f"Command: `python -m benchmarks.accuracy.ablation SCAPES -o RUNS --budget {budget.name}`, and with "
            f"`--seeds` where there are more than one. {MINUTES}",
            "",
            machine(),
        ]
    )


def spoken(variant: Variant) -> str:
    return f"`{variant.said}`" if "=" in variant.said or ":" in variant.said else variant.said


if __name__ == "__main__":
    main()
