"""What `scapes` allows: how far the default recipe stands from what its material lets anybody reach.

    python -m tools.scapes train SCAPES --data ESC50 && python -m tools.scapes dev SCAPES --data ESC50
    python -m benchmarks.accuracy.ceilings SCAPES -o RUNS --models RUNS/default-0 RUNS/default-1

Parts, each a few rows of the table (`--parts`):

    oracle       the frame scores of MODELS, given the true tags of every clip
    strong       the same network taught what is heard in every frame (`strong_labels.py`), and the recipe without
                 self-training, which makes as many updates
    soundscapes  trained on the first 250, 500, 1,000 and all soundscapes, with as many updates
    unlabelled   trained on the labels of the first 500 soundscapes, and the student on the sounds of all as well
                 (`--unlabelled`)
    recordings   trained on as many soundscapes, made of fewer recordings of each class: of one fold of ESC-50, and of
                 two, in place of three (renders them into RUNS; needs `--recordings`)

The last four at `--budget`, beside the baseline at that budget. Prints the budget's section of docs/results.md, into
which `--write` puts it.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from dataclasses import replace

from benchmarks.accuracy.crossing import SAID, figures, minutes, score_dev
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
from benchmarks.accuracy.variants import BUDGETS
from benchmarks.sections import machine, replace_section
from earmark.devices import resolve_precision, tune_allocator
from earmark.evaluation.labelled import ScoredClips
from earmark.files import write_text
from earmark.models.network import Network
from tools.scapes import SPLITS, Split, render

PARTS = ("oracle", "strong", "soundscapes", "unlabelled", "recordings")
SOUNDSCAPES = (250, 500, 1000)  # and all
LABELLED = 500  # soundscapes with labels, where the others are given without
FOLDS = {"recordings-8": (1,), "recordings-16": (1, 2)}  # recordings of a class, folds of ESC-50; all: 24
EXPLAINED = {
    "oracle": "With the true tags given, a model only has to find the times.",
    "strong": "With strong labels, the same network has a target for every frame.",
    "soundscapes": "Fewer soundscapes contain fewer mixtures of the same recordings.",
    "recordings": "With fewer recordings there are as many soundscapes, but less variety; dev contains none of the "
    "recordings.",
}
SAYS = {
    "baseline": "weak labels of all soundscapes",
    "no-self-training": "... without self-training",
    "strong": "strong labels of all soundscapes, as many updates as the row above",
    **{f"soundscapes-{count}": f"weak labels of {count:,} soundscapes" for count in SOUNDSCAPES},
    "unlabelled": f"weak labels of {LABELLED:,} soundscapes, the others unlabelled",
    **{name: f"weak labels, {name.rpartition('-')[2]} recordings a class in place of 24" for name in FOLDS},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits: train/ and dev/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of trainings and soundscapes")
    parser.add_argument("--models", nargs="+", type=pathlib.Path, default=[], help="trained models of the recipe")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once, one thread each")
    parser.add_argument("--budget", choices=BUDGETS, default="small")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="change the recipe of all trainings")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--recordings", type=pathlib.Path, metavar="ESC50", help="what tools/scapes.py calls --data")
    parser.add_argument("--write", action="store_true", help="write the section into docs/results.md")
    args = parser.parse_args()
    tune_allocator()
    rows = oracle_rows(args.models, args.scapes / "dev") if "oracle" in args.parts else []
    place = Place(args.output / args.budget, args.scapes / "dev")
    wanted = trainings(args)
    failed = train_all(wanted, place, args.jobs)
    found = {training.name: seeds_of(place, training.name, training) for training in wanted}
    text = section(rows, found, args)
    print(text)
    if args.write:
        replace_section("results.md", f"ceilings-{args.budget}", text, title="# Results")
    if failed:
        sys.exit("\n".join(["left out:", *failed]))


def trainings(args: argparse.Namespace) -> list[Training]:
    """All that is to be trained, the baseline first."""
    budget, precision, train = BUDGETS[args.budget], resolve_precision(args.precision), args.scapes / "train"
    audio, whole = str(train / "audio"), train_command(train / "weak.tsv", precision)
    same = () if budget.steps else (f"training.steps_per_epoch={updates(train)}",)  # with fewer soundscapes too

    def some(count: int) -> tuple[str, ...]:
        table = first_rows(train / "weak.tsv", count, args.output / "soundscapes" / str(count))
        return train_command(table, precision, "--audio", audio)

    asked: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}  # command, changes of its own
    if {"strong", "soundscapes", "recordings"} & set(args.parts):
        asked["baseline"] = whole, ()
    if "strong" in args.parts:
        asked["no-self-training"] = whole, ("training.self_training=null",)
        asked["strong"] = ("-m", "benchmarks.accuracy.strong_labels", str(train), "--precision", precision), ()
    if "soundscapes" in args.parts:
        asked.update({f"soundscapes-{count}": (some(count), same) for count in SOUNDSCAPES})
    if "unlabelled" in args.parts:
        asked[f"soundscapes-{LABELLED}"] = some(LABELLED), same
        asked["unlabelled"] = (*some(LABELLED), "--unlabelled", audio), same
    if "recordings" in args.parts:
        for name, folds in FOLDS.items():
            table = rendered(args.recordings, folds, args.output / "soundscapes" / name)
            asked[name] = train_command(table, precision), ()
    return [
        Training(name, seed, command, (*budget.changes, *args.set, *own))
        for seed in args.seeds
        for name, (command, own) in asked.items()
    ]


def updates(train: pathlib.Path) -> int:
    """Updates in a pass over all soundscapes, in batches of 32."""
    return round((len((train / "weak.tsv").read_text().splitlines()) - 1) / 32)


def first_rows(table: pathlib.Path, count: int, folder: pathlib.Path) -> pathlib.Path:
    """A table of the first so many clips: each soundscape was drawn by itself, so they are as good as any."""
    lines = table.read_text().splitlines()[: count + 1]
    path = folder / "weak.tsv"
    if not path.is_file():
        write_text(path, "\n".join(lines) + "\n")
    return path


def rendered(recordings: pathlib.Path | None, folds: tuple[int, ...], folder: pathlib.Path) -> pathlib.Path:
    """The weak labels of as many soundscapes as train has, drawn alike from the recordings of these folds alone."""
    table = folder / "weak.tsv"  # written last but for two tables that are not needed here
    if not table.is_file():
        if recordings is None:
            sys.exit("soundscapes of other folds must be rendered: name the folder of the recordings with --recordings")
        train = SPLITS["train"]
        render(recordings, folder, Split(folds, train.count, train.seed), train.count)
    return table


def oracle_rows(models: list[pathlib.Path], dev: pathlib.Path) -> list[str]:
    """The models as they are, and told the tags."""
    if not models:
        sys.exit("the oracle needs the frame scores of trained models: give some with --models, or leave it out")
    plain: dict[int, Found] = {}
    told: dict[int, Found] = {}
    for number, model in enumerate(models):
        scored = score_dev(model, dev)
        facts = {"minutes": minutes(model), "parameters": Network.from_pretrained(model).parameter_count()}
        plain[number] = {**figures(scored), **facts}
        told[number] = {**figures(told_tags(scored)), **facts}
    return [row("full size, weak labels", plain, None), row("... with the true tags of each clip given", told, plain)]


def told_tags(scored: ScoredClips) -> ScoredClips:
    """Clip scores are the truth, and frames of what is not in a clip are 0."""
    scores = []
    for clip, each in zip(scored.clips, scored.scores, strict=True):
        tags = scored.labels.encode(clip.labels).astype(each.clip.dtype)
        scores.append(replace(each, clip=tags, frames=each.frames * tags))
    return replace(scored, scores=tuple(scores))


def section(oracle: list[str], found: dict[str, dict[int, Found]], args: argparse.Namespace) -> str:
    baseline = found.get("baseline", {})
    names = [name for name in SAYS if found.get(name)]
    rows = [row(SAYS[name], found[name], None if name == "baseline" else baseline) for name in names]
    said = [SAID, *(text for part, text in EXPLAINED.items() if part in args.parts)]
    if rows:
        budget = f"budget `{args.budget}`, {BUDGETS[args.budget].sentence} unless the row says otherwise"
        said.append(f"The others: {budget}." if oracle else f"All: {budget}.")
    if oracle or baseline:
        said.append("In brackets: the difference to the first row of its kind, with the same seeds.")
    models = f" --models {' '.join(f'RUNS/{model.name}' for model in args.models)}" if args.models else ""
    parts = "" if set(args.parts) == set(PARTS) else f" --parts {' '.join(args.parts)}"
    return "\n".join(
        [
            f"## scapes: what the material allows, budget {args.budget}",
            "",
            " ".join(said),
            "",
            *header("what is known"),
            *oracle,
            *rows,
            "",
            f"Command: `python -m benchmarks.accuracy.ceilings SCAPES -o RUNS --budget {args.budget}{parts}{models}`. "
            f"{MINUTES}",
            "",
            machine(),
        ]
    )


if __name__ == "__main__":
    main()
