"""The model that ships with earmark: from isolated recordings to the files in the package, by one command.

    python -m tools.bundled ../shared/data -o RUNS
    python -m tools.bundled ../shared/data -o RUNS --install

Stages: one table of the recordings whose licence allows it, in parts for training, for thresholds and for the test,
sources apart; of the first two, takes (whole recordings as they reach a listener) and soundscapes (`earmark synth`);
`earmark train` on the tags alone; the operating point, from the second part; figures on the third; the card. What is
there is kept: the same command goes on after a stop, and `--until` ends after a stage. `--recipe`, `--epochs`, `--set`
and `--device` are handed on to `earmark train`.

The training begins from scratch; with `--begin`, from the weights of another model of this program. Recordings that the
model in the package learnt from train again, and those that it did not learn from are held out again (`--parts`).
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
from collections import Counter

from benchmarks.accuracy.crossing import score_dev
from benchmarks.sections import replace_section
from earmark.decisions import OperatingPoint
from earmark.devices import tune_allocator
from earmark.files import write_text
from earmark.formats.tables import read_table as read_rows
from earmark.models.network import Network
from tools.bundled.beginning import begin
from tools.bundled.card import BEGUN, SCRATCH, Making, results, write_card
from tools.bundled.conditions import add_groups, make_pieces, make_takes
from tools.bundled.events import choose_events
from tools.bundled.figures import measure
from tools.bundled.folds import HELD, PARTS, TRAIN, divide
from tools.bundled.installing import BOX, assemble, install
from tools.bundled.licences import told
from tools.bundled.pool import choose, read_music, read_pool
from tools.bundled.real import score_recordings, test_recordings
from tools.bundled.soundscapes import make_noises, noise_folder, run_earmark, synth_command
from tools.bundled.table import BACKGROUND, GROUPS, MIN_RECORDINGS, Recording, read_recordings, write_recordings

STAGES = ("table", "sounds", "train", "card")
# As a file: by its name, and with a model to begin with, `earmark train` would take the recipe for few clips instead.
RECIPE = "src/earmark/recipes/default.yaml"
EPOCHS, EPOCHS_BEGUN = 66, 22  # of 160 batches: from scratch, and with a model to begin with
TRAINING = (  # beside the recipe: clips are short, as loud as they come, and drawn as the takes' shares have it
    "network.encoder.channels=[32,64,64]",  # small enough to ship, whatever the recipe comes to be
    "network.encoder.layers=1",
    "training.clip_seconds=5",
    "training.learning_rate=1e-3",
    "training.batch_size=32",
    "training.steps_per_epoch=160",
    "training.average_last=3",
    "training.balance.max_ratio=null",
    "training.augment.gain_db=10",
    "training.self_training=null",
)


def main() -> None:
    args = arguments().parse_args()
    last = STAGES.index(args.until)
    table = args.output / "recordings.tsv"
    recordings = make_table(args, table)
    if last >= STAGES.index("sounds"):
        make_sounds(args, table, recordings)
    if last >= STAGES.index("train"):
        labels = sorted({row.label for row in recordings} - {BACKGROUND})
        if args.begin is not None:
            begin(args.begin, sorted([*labels, *GROUPS]), args.output / "begin")
        run_earmark(train_command(args), args.threads, args.output / "model" / "config.json")
    if last >= STAGES.index("card"):
        make_card(args, recordings)
    if args.install:
        install(args.output / BOX.name)
        print(f"installed into {BOX}")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder of esc50/, events/, field/ and backgrounds/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder of everything made")
    parser.add_argument("--begin", type=pathlib.Path, help="an earlier bundled model, to begin with")
    parser.add_argument(
        "--parts", type=pathlib.Path, default=BOX / "sources.tsv", help="what trained and what was held out before"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", nargs="+", choices=(HELD, TRAIN), default=(HELD, TRAIN), help="parts to make sounds of")
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="the last stage (default: all)")
    parser.add_argument("--min-recordings", type=int, default=MIN_RECORDINGS, help="of a label that ESC-50 has not")
    parser.add_argument("--takes", type=int, default=5000, help="to train on")
    parser.add_argument("--soundscapes", type=int, default=400, help="to train on")
    parser.add_argument("--held-out", type=int, default=400, help="takes, and half as many soundscapes, to tune on")
    parser.add_argument("--events", type=int, nargs=2, default=(0, 4), metavar=("MIN", "MAX"), help="in a soundscape")
    parser.add_argument("--processes", type=int, default=2, help="that make takes and soundscapes")
    parser.add_argument("--recipe", default=RECIPE, help="to train by")
    parser.add_argument("--epochs", type=int, help=f"of 160 batches each; {EPOCHS}, or {EPOCHS_BEGUN} with --begin")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the recipe")
    parser.add_argument("--compare", action="append", default=[], metavar="NAME=MODEL", help="measure this model too")
    parser.add_argument("--device", default="auto", help="to train on")
    parser.add_argument("--cache", default="auto", help="where decoded clips are kept; device: on the GPU")
    parser.add_argument("--threads", type=int, default=1, help="to train with")
    parser.add_argument("--workers", type=int, default=0, help="processes that load data in training")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/results.md")
    parser.add_argument("--install", action="store_true", help="copy the model into the package")
    return parser


def make_table(args: argparse.Namespace, table: pathlib.Path) -> list[Recording]:
    """recordings.tsv, and what went into it on the terminal."""
    found = read_recordings(args.data, args.min_recordings)
    recordings = divide(found.recordings, args.seed, files_of(args.parts, "held-out"), files_of(args.parts, "training"))
    write_recordings(table, recordings)
    print("recordings by licence:", *told(found.licences), sep="\n")
    print("left out of those kept:", *(f"{number:5d} {why}" for why, number in found.left_out.items()), sep="\n")
    labels = {row.label for row in recordings} - {BACKGROUND}
    parts = Counter(row.fold for row in recordings)
    shown = ", ".join(f"{parts[part]} {part}" for part in PARTS)
    print(f"{len(recordings)} recordings of {len(labels)} labels and backgrounds: {shown}\n{table}", flush=True)
    return recordings


def files_of(sources: pathlib.Path, part: str) -> set[str]:
    """Files that a bundled model learnt from (`training`) or did not (`held-out`), by its sources.tsv."""
    return {row["file"] for _, row in read_rows(sources).rows if row["part"] == part}


def make_sounds(args: argparse.Namespace, table: pathlib.Path, recordings: list[Recording]) -> None:
    """PART/takes, PART/soundscapes and one weak.tsv of both, with the tags of groups."""
    make_noises(noise_folder(table), args.seed)
    for part in args.of:
        takes, soundscapes = (args.takes, args.soundscapes) if part == TRAIN else (args.held_out, args.held_out // 2)
        folder = args.output / part
        if (folder / "weak.tsv").is_file():
            continue
        own = [row for row in recordings if row.fold == part]
        make_takes(folder / "takes", args.data, own, takes, args.seed, args.processes)
        place = folder / "soundscapes"
        words = synth_command(table, args.data, part, place, soundscapes, tuple(args.events), args.seed)
        run_earmark([*words, "--processes", str(args.processes)], 1, place / "weak.tsv")
        kinds = ["takes", "soundscapes"]
        if part == TRAIN:
            make_pieces(folder / "pieces", args.data, own, args.processes)
            kinds.append("pieces")
        lines = ["filename\tevent_labels"]
        for kind in kinds:
            for line in (folder / kind / "weak.tsv").read_text(encoding="utf-8").splitlines()[1:]:
                name, _, labels = line.partition("\t")
                lines.append(f"{kind}/audio/{name}\t{add_groups(labels, GROUPS)}")
        write_text(folder / "weak.tsv", "\n".join(lines) + "\n")


def train_command(args: argparse.Namespace) -> list[str]:
    """The training, as a user would type it."""
    words = ["train", str(args.output / TRAIN / "weak.tsv"), "-o", str(args.output / "model"), "--recipe", args.recipe]
    words += [
        "--from",
        "none" if args.begin is None else str(args.output / "begin"),
        "--valid-fraction",
        "0",
        "--seed",
        str(args.seed),
        "--epochs",
        str(args.epochs or (EPOCHS if args.begin is None else EPOCHS_BEGUN)),
    ]
    words += [word for change in (*TRAINING, *args.set) for word in ("--set", change)]
    words += ["--workers", str(args.workers)] if args.workers else []
    words += ["--cache", args.cache] if args.cache != "auto" else []
    return [*words, *(["--device", args.device] if args.device != "auto" else [])]


def make_card(args: argparse.Namespace, recordings: list[Recording]) -> None:
    """Choose the operating point, measure, and put together what ships."""
    tune_allocator()
    model, output = args.output / "model", args.output
    network = Network.from_pretrained(model)
    plain, made = read_pool(model, args.data, output, recordings)
    base, segments, events = choose_events(score_dev(model, output / HELD / "soundscapes"))
    print(f"on the soundscapes that events were tuned on: segment F1 {segments:.3f}, event F1 {events:.3f}", flush=True)
    learnt = read_music(model, args.data, output, recordings)
    point, trial = choose(plain, made, base, learnt)
    print(f"thresholds {trial.threshold}, of groups {trial.of_groups}; on what they were chosen on: {trial.clips}")
    print(f"  music {trial.music}\n  speech {trial.speech}", flush=True)
    origin = (
        "one threshold of tags, another of tags of groups, raised for labels that were wrong too often, and gates of "
        f"events raised where music and speech need it, chosen on {len(plain)} held-out recordings, {args.held_out} "
        f"takes and {args.held_out // 2} soundscapes of them, gates also on {len(learnt)} recordings of music that "
        "were learnt from; one setting of events for all labels, tuned on the soundscapes for segment F1 and event F1"
    )
    point = point.model_copy(update={"origin": origin})
    tests = test_recordings(args.data, recordings)
    classes = sorted({row.label for row in recordings} - {BACKGROUND})
    heard = score_recordings(model, args.data, tests, output / "scores-test.npz")
    models = [measure("now", heard, point, classes)]
    for name, folder in (word.split("=", 1) for word in args.compare):
        scored = score_recordings(pathlib.Path(folder), args.data, tests, output / f"scores-test-{name}.npz")
        models.append(measure(name, scored, OperatingPoint.load(folder), classes))
    lines = commands(args)
    begun = SCRATCH if args.begin is None else BEGUN
    clips = args.takes, args.soundscapes
    making = Making(recordings, clips, pathlib.Path(args.recipe).stem, args.seed, lines, begun)
    card = write_card(network, point, models, making)
    verified = assemble(output / BOX.name, model, point, models[0], recordings, card)
    text = results(models, making)
    print(f"{output / BOX.name}: {verified}\n{text}")
    if args.write:
        replace_section("results.md", "everyday", text, title="# Results")


def commands(args: argparse.Namespace) -> list[str]:
    """How to make it again, wherever the recordings lie: this program, and the training that it runs."""
    words = ["python", "-m", "tools.bundled", "RECORDINGS", "-o", "RUNS"]
    words += ["--begin", "MODEL-BEFORE"] if args.begin is not None else []
    defaults = arguments()
    for name in ("seed", "min_recordings", "takes", "soundscapes", "held_out", "recipe", "epochs"):
        if (value := getattr(args, name)) != defaults.get_default(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if tuple(args.events) != defaults.get_default("events"):
        words += ["--events", *map(str, args.events)]
    words += [word for change in args.set for word in ("--set", change)]
    train = ["earmark", *(word.replace(str(args.output), "RUNS") for word in train_command(args))]
    return [shlex.join(words), f"# which trains by: {shlex.join(train)}"]


if __name__ == "__main__":
    main()
