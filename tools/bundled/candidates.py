"""Trainings side by side on held-out recordings, to choose one by: the test recordings are not read.

    python -m tools.bundled.candidates ../shared/data RUNS NAME=MODEL... [--write NOTE]

RUNS holds recordings.tsv and held/ (`python -m tools.bundled --until sounds`). Ranking needs no threshold. Events and
tags are those of the operating point that `choosing.py` chooses for each model by the same rule on the same recordings,
so those figures flatter all alike. `chosen by` is the mean of the four figures of ranking that stand above it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from benchmarks.accuracy.crossing import score_dev
from benchmarks.sections import replace_section
from earmark.devices import tune_allocator
from earmark.report.tables import Table, Value, markdown_table
from tools.bundled.choosing import is_spared, spoken
from tools.bundled.events import choose_events
from tools.bundled.folds import HELD
from tools.bundled.pool import choose, read_music, read_pool
from tools.bundled.real import Heard, listed, ranking
from tools.bundled.table import BACKGROUND, GROUPS, Recording, read_table

TITLE = "### The trainings that it was chosen from"
INTRODUCTION = (
    "On the held-out recordings, from which no model learnt. `chosen by` is the mean of the four figures above it. The "
    "figures below it are those of thresholds that were chosen on the same recordings, by one rule for all."
)
COMMAND = "python -m tools.bundled.candidates RECORDINGS RUNS NAME=MODEL..."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of esc50/, events/, field/ and backgrounds/")
    parser.add_argument("runs", type=Path, help="folder of recordings.tsv and held/")
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--write", metavar="NOTE", help="write the table into docs/results.md, this text after it")
    args = parser.parse_args()
    tune_allocator()
    recordings = read_table(args.runs / "recordings.tsv")
    found = {}
    for word in args.models:
        name, _, model = word.partition("=")
        found[name] = figures(Path(model), args.data, args.runs, args.runs / "candidates" / name, recordings)
        print(f"{name}: chosen by {found[name]['chosen by']:.4f}", flush=True)
    rows: list[tuple[Value, ...]] = [
        (figure, *(each[figure] for each in found.values())) for figure in next(iter(found.values()))
    ]
    text = markdown_table(Table(("", *found), tuple(rows))).rstrip("\n")
    print(text)
    if args.write is not None:
        section = "\n\n".join([TITLE, INTRODUCTION, text, args.write, f"Command: `{COMMAND}`"])
        replace_section("results.md", "everyday-candidates", section, title="# Results")


def figures(model: Path, data: Path, runs: Path, cache: Path, recordings: list[Recording]) -> dict[str, float]:
    """What a model is worth on the held-out part; its scores are kept in the folder `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / HELD).exists():
        (cache / HELD).symlink_to((runs / HELD).resolve())
    plain, made = read_pool(model, data, cache, recordings)
    music = read_music(model, data, cache, recordings)
    base, segments, events = choose_events(score_dev(model, runs / HELD / "soundscapes", cache))
    point, trial = choose(plain, made, base, music)
    classes = sorted({row.label for row in recordings} - {BACKGROUND})
    clips = [each for each in plain if each.recording.filename.startswith("esc50/")]
    isolated = [each for each in plain if "events/" in each.recording.filename]
    takes = [_of_class(each) for each in made if each.recording.filename.startswith("takes/") and each.recording.label]
    top1, _, mean_ap = ranking(clips, sorted({each.recording.label for each in clips}))
    first, five, ap = ranking(isolated, classes)
    taken = ranking(takes, classes)
    ranked = {
        "ESC-50: right class first": top1,
        "ESC-50: mAP": mean_ap,
        "isolated sounds: right class first": first,
        "takes: mAP": taken[2],
    }
    others = [each for each in plain if not is_spared(each)]
    return {
        **ranked,
        "chosen by": fmean(ranked.values()),
        "isolated sounds: right class among five": five,
        "isolated sounds: mAP": ap,
        "takes: right class first": taken[0],
        "soundscapes: segment F1": segments,
        "soundscapes: event F1": events,
        "threshold": trial.threshold,
        "ESC-50: clips with a right tag": trial.clips.right,
        "ESC-50: precision of tags": trial.clips.precision,
        "not music or speech: right tag": listed(others, point).right,
        "not music or speech: precision": listed(others, point).precision,
        "music: right tag": trial.music.right,
        "music: wrong events a minute": trial.music.wrong_events,
        "speech: right tag": trial.speech.right,
        "speech: wrong events a minute": trial.speech.wrong_events,
        "classes that can be given": float(len([label for label in spoken(point) if label not in GROUPS])),
    }


def _of_class(take: Heard) -> Heard:
    """The same take under its class alone, without the groups that were added."""
    label = next(label for label in take.recording.label.split(",") if label not in GROUPS)
    return replace(take, recording=replace(take.recording, label=label))


if __name__ == "__main__":
    main()
