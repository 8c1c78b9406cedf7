#!/usr/bin/env python3
"""List the benchmark `few`: what a model learns from 4, 8 or all clips of a class.

    python -m tools.few ../shared/data OUT

Nothing is rendered. Tables of labels are written, whose rows name real recordings of the data folder:

    OUT/SET/HELD/CLIPS-DRAW/train.tsv    filename <TAB> event_labels, to train on (validation clips included)
    OUT/SET/HELD/test.tsv                to measure on; no recording of the held-out fold is in train.tsv

The names are relative to the data folder, which is given with `--audio`. The sets are

    esc10x24  ten classes of ESC-50 (those of ESC-10): folds 1 to 3 train, 24 clips a class; fold 4 tests
    urban     six classes of UrbanSound8K that earmark/everyday does not know; folds 1 to 3 are held out in turn
    esc50     all fifty classes: folds 1 to 3 train, fold 4 tests

CLIPS is 4, 8 or all, and DRAW counts the seeds: which clips are drawn depends on it, and those of 4 are among those
of 8. The bundled model was trained on sounds of ESC-50's folds 1 to 3, so it knows the training clips of esc10x24 and
esc50, but no clip of fold 4, and no recording of urban.
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

URBAN = ("air_conditioner", "children_playing", "drilling", "engine_idling", "jackhammer", "street_music")
SETS = ("esc10x24", "urban", "esc50")
CLIPS = ("4", "8", "all")
DRAWS = 3


@dataclass(frozen=True)
class Row:
    """A recording, its label and its fold."""

    filename: str
    label: str
    fold: int


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder with esc50/ and events/us8k/")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--draws", type=int, default=DRAWS)
    args = parser.parse_args()
    for name in SETS:
        rows = rows_of(args.data, name)
        for held in held_out(name):
            write(args.output / name / f"fold{held}" / "test.tsv", [row for row in rows if row.fold == held])
            rest = [row for row in rows if row.fold != held]
            for clips in CLIPS:
                for draw in range(args.draws):
                    write(
                        args.output / name / f"fold{held}" / f"{clips}-{draw}" / "train.tsv", drawn(rest, clips, draw)
                    )


def rows_of(data: pathlib.Path, name: str) -> list[Row]:
    """The recordings of a set, of all of its folds."""
    if name == "urban":
        table = (row for row in read(data / "events" / "clips.csv") if row["filename"].startswith("us8k/"))
        return [
            Row(f"events/{row['filename']}", row["label"], int(row["note"].split()[0].removeprefix("fold")))
            for row in table
            if row["label"] in URBAN
        ]
    return [
        Row(f"esc50/{row['filename']}", row["label"], int(row["fold"]))
        for row in read(data / "esc50" / "clips.csv")
        if name == "esc50" or row["esc10"] == "1"
    ]


def held_out(name: str) -> tuple[int, ...]:
    """The folds that test, in turn."""
    return (1, 2, 3) if name == "urban" else (4,)


def drawn(rows: Sequence[Row], clips: str, draw: int) -> list[Row]:
    """So many clips of every class, in the order of the table; of one draw, fewer clips are among more."""
    chosen: set[str] = set()
    for label in sorted({row.label for row in rows}):
        names = [row.filename for row in rows if row.label == label]
        random.Random(f"{draw}/{label}").shuffle(names)
        chosen.update(names if clips == "all" else names[: int(clips)])
    return [row for row in rows if row.filename in chosen]


def read(path: pathlib.Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file by column."""
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def write(path: pathlib.Path, rows: Iterable[Row]) -> None:
    """Write a table of labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["filename\tevent_labels", *(f"{row.filename}\t{row.label}" for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
