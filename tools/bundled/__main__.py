"""The model that ships with earmark: from isolated recordings to the files in the package, by one command.

    python -m tools.bundled ../shared/data -o RUNS
    python -m tools.bundled ../shared/data -o RUNS --install

Stages: one table of the recordings whose licence allows it; training and two held-out halves, source recordings apart;
soundscapes of each by `earmark synth`; `earmark train` on the tags alone; figures on each half, decided by what was
chosen on the other; the operating point, from both; the card. What is there is kept: the same command goes on after a
stop, and `--until` ends after a stage. `--recipe`, `--epochs`, `--set` and `--device` are handed on to `earmark train`.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
from collections import Counter

from benchmarks.accuracy.crossing import score_dev
from earmark.decisions.tuning import Tuned
from earmark.devices import tune_allocator
from earmark.metrics.bootstrap import Resampling
from earmark.models.tagger import Tagger
from earmark.report.tables import markdown_table
from tools.bundled.card import Making, Measured, headline, objectives_table, write_card
from tools.bundled.crossing import Aims, choose, compare_tags, cross, together
from tools.bundled.figures import class_rows, false_alarms, recall_by_level
from tools.bundled.folds import HALVES, PARTS, TRAIN, divide
from tools.bundled.installing import BOX, assemble, install
from tools.bundled.licences import told
from tools.bundled.soundscapes import make_noises, noise_folder, run_earmark, synth_command
from tools.bundled.table import BACKGROUND, MIN_RECORDINGS, Recording, read_recordings, write_recordings

_TUNING = ("objective", "tags", "method")
STAGES = ("table", "soundscapes", "train", "card")
# That tags are compared for.
OBJECTIVES = ("tagging-f1", "precision=0.7", "precision=0.8", "precision=0.9", "precision=1")


def main() -> None:
    args = arguments().parse_args()
    last = STAGES.index(args.until)
    table = args.output / "recordings.tsv"
    recordings = make_table(args, table)
    if last >= STAGES.index("soundscapes"):
        make_soundscapes(args, table)
    if last >= STAGES.index("train"):
        run_earmark(train_command(args), args.threads, args.output / "model" / "config.json")
    if last >= STAGES.index("card"):
        make_card(args, recordings)
    if args.install:
        install(args.output / BOX.name)
        print(f"installed into {BOX}")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder of esc50/, events/ and backgrounds/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of everything made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="the last stage (default: all)")
    parser.add_argument("--min-recordings", type=int, default=MIN_RECORDINGS, help="of a label that ESC-50 has not")
    parser.add_argument("--soundscapes", type=int, default=8000, help="to train on")
    parser.add_argument("--held-out", type=int, default=400, help="soundscapes of each half")
    parser.add_argument("--events", type=int, nargs=2, default=(0, 4), metavar=("MIN", "MAX"), help="in a soundscape")
    parser.add_argument("--processes", type=int, default=1, help="that make soundscapes")
    parser.add_argument("--recipe", default="default", help="to train by")
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the recipe")
    parser.add_argument("--device", default="auto", help="to train on")
    parser.add_argument("--threads", type=int, default=2, help="to train with")
    parser.add_argument("--objective", default=Aims.events, help="what events are tuned for")
    parser.add_argument("--tags", default=Aims.tags, help="what tags are tuned for")
    parser.add_argument("--method", choices=("auto", "threshold", "boxes"), default=Aims.method, help="of events")
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--install", action="store_true", help="copy the model into the package")
    return parser


def make_table(args: argparse.Namespace, table: pathlib.Path) -> list[Recording]:
    """recordings.tsv, and what went into it on the terminal."""
    found = read_recordings(args.data, args.min_recordings)
    recordings = divide(found.recordings, args.seed)
    write_recordings(table, recordings)
    print("recordings by licence:", *told(found.licences), sep="\n")
    print("left out of those kept:", *(f"{number:5d} {why}" for why, number in found.left_out.items()), sep="\n")
    labels = {row.label for row in recordings} - {BACKGROUND}
    parts = Counter(row.fold for row in recordings)
    shown = ", ".join(f"{parts[part]} {part}" for part in PARTS)
    print(f"{len(recordings)} recordings of {len(labels)} labels and backgrounds: {shown}\n{table}", flush=True)
    return recordings


def make_soundscapes(args: argparse.Namespace, table: pathlib.Path) -> None:
    make_noises(noise_folder(table), args.seed)
    for part in (*HALVES, TRAIN):
        number = args.soundscapes if part == TRAIN else args.held_out
        words = synth_command(table, args.data, part, folder_of(args, part), number, tuple(args.events), args.seed)
        run_earmark([*words, "--processes", str(args.processes)], 1, folder_of(args, part) / "weak.tsv")


def train_command(args: argparse.Namespace) -> list[str]:
    """The training, as a user would type it."""
    words = ["train", str(folder_of(args, TRAIN) / "weak.tsv"), "-o", str(args.output / "model")]
    words += ["--valid", str(folder_of(args, HALVES[0])), "--recipe", args.recipe, "--seed", str(args.seed)]
    words += ["--epochs", str(args.epochs)] if args.epochs else []
    words += [word for change in args.set for word in ("--set", change)]
    return [*words, *(["--device", args.device] if args.device != "auto" else [])]


def make_card(args: argparse.Namespace, recordings: list[Recording]) -> None:
    """Measure, tune, and put together what ships."""
    tune_allocator()
    tagger = Tagger.from_pretrained(args.output / "model")
    measured = measure(args, recordings)
    making = Making(recordings, args.soundscapes, args.recipe, args.seed, commands(args))
    card = write_card(tagger, measured, making)
    verified = assemble(args.output / BOX.name, args.output / "model", measured, recordings, card)
    print(f"{args.output / BOX.name}: {verified}\n{headline(measured)}")


def measure(args: argparse.Namespace, recordings: list[Recording]) -> Measured:
    """Figures of both halves, and the operating point that ships."""
    aims = Aims(args.objective, args.tags, args.method, args.seed)
    folders = [folder_of(args, half) for half in HALVES]
    halves = [score_dev(args.output / "model", folder) for folder in folders]
    tuned: list[Tuned] = [choose(half, aims, "held-out soundscapes") for half in halves]
    points = [each.point for each in tuned[::-1]]
    crossed = cross(halves, points, Resampling(args.resamples, seed=args.seed))
    objectives = compare_tags(halves, points, list(dict.fromkeys((*OBJECTIVES, args.tags))), aims)
    print(markdown_table(objectives_table(objectives)), flush=True)
    return Measured(
        crossed,
        class_rows(crossed, recordings),
        choose(together(halves), aims, "held-out soundscapes, both halves"),
        recall_by_level(crossed, folders),
        false_alarms(crossed),
        objectives,
        args.tags,
    )


def commands(args: argparse.Namespace) -> list[str]:
    """How to make it again, wherever the recordings lie: this program, and the training that it runs."""
    words = ["python", "-m", "tools.bundled", "RECORDINGS", "-o", "RUNS"]
    defaults = arguments()
    for name in ("seed", "min_recordings", "soundscapes", "held_out", "recipe", "epochs", *_TUNING):
        if (value := getattr(args, name)) != defaults.get_default(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if tuple(args.events) != defaults.get_default("events"):
        words += ["--events", *map(str, args.events)]
    words += [word for change in args.set for word in ("--set", change)]
    train = ["earmark", *(word.replace(str(args.output), "RUNS") for word in train_command(args))]
    return [shlex.join(words), f"# which trains by: {shlex.join(train)}"]


def folder_of(args: argparse.Namespace, part: str) -> pathlib.Path:
    """Where the soundscapes of a part lie."""
    folder: pathlib.Path = args.output / (TRAIN if part == TRAIN else f"held-{part}")
    return folder


if __name__ == "__main__":
    main()
