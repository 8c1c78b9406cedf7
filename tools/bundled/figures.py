"""What the card says of each class, of sounds by their level, and of soundscapes in which nothing is heard.

    scores.tsv    label  ap  ap_low  ap_high  precision ...  recall ...  f1 ...  segment_f1 ...  event_f1 ...
                  soundscapes  held_out_recordings  held_out_sources  training_recordings  session

`_low` and `_high` are the ends of 95 % intervals; an empty cell is a figure that does not exist, such as the precision
of a class that was never reported. `soundscapes` are the held-out ones that hold the class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark.formats.tables import read_table, write_table
from tools.bundled.crossing import Crossed
from tools.bundled.folds import TRAIN
from tools.bundled.table import Recording

GOOD = 0.7  # a precision that is called useful
_FIGURES = (
    ("ap", "tagging", "ap"),
    ("precision", "tagging", "precision"),
    ("recall", "tagging", "recall"),
    ("f1", "tagging", "f1"),
    ("segment_f1", "segment", "f1"),
    ("event_f1", "event", "f1"),
)
BANDS = ((0.0, 5.0), (5.0, 10.0), (10.0, 15.0), (15.0, 20.0))  # dB


@dataclass(frozen=True)
class ClassRow:
    """A class: figures with the ends of their intervals (NaN: there is none), and what they rest on."""

    label: str
    figures: dict[str, tuple[float, float, float]]  # name -> value, low, high
    soundscapes: int
    held_out: int  # recordings
    sources: int  # of those
    training: int  # recordings
    session: str  # "one" where training and held-out recordings are of one session

    @property
    def precision(self) -> float:
        """Of tags at the operating point; NaN where the class was never reported."""
        return self.figures["precision"][0]

    @property
    def good(self) -> bool:
        """Whether tags of the class are right more often than `GOOD`."""
        return self.precision > GOOD


def class_rows(crossed: Crossed, recordings: Sequence[Recording]) -> list[ClassRow]:
    """A row a class, in the model's order."""
    sections = crossed.evaluation.to_json()
    rows = []
    for label in crossed.scored.labels:
        own = [row for row in recordings if row.label == label]
        held = [row for row in own if row.fold != TRAIN]
        rows.append(
            ClassRow(
                label,
                {name: _figure(sections[section]["per_class"][label], key) for name, section, key in _FIGURES},
                sections["tagging"]["per_class"][label]["reference"],
                len(held),
                len({row.group for row in held}),
                len(own) - len(held),
                own[0].session if own else "",
            )
        )
    return rows


def _figure(values: dict[str, Any], key: str) -> tuple[float, float, float]:
    """Value and interval from an evaluation's JSON, None as NaN."""
    ends = (values.get("intervals") or {}).get(key) or (None, None)
    value, low, high = (math.nan if number is None else float(number) for number in (values.get(key), *ends))
    return value, low, high


def write_scores(path: Path, rows: Sequence[ClassRow]) -> None:
    """Write scores.tsv."""
    columns = [f"{name}{end}" for name, _, _ in _FIGURES for end in ("", "_low", "_high")]
    counts = ["soundscapes", "held_out_recordings", "held_out_sources", "training_recordings", "session"]
    cells = []
    for row in rows:
        numbers = [number for name, _, _ in _FIGURES for number in row.figures[name]]
        told = ["" if math.isnan(number) else f"{number:.4f}" for number in numbers]
        rest = (row.soundscapes, row.held_out, row.sources, row.training)
        cells.append([row.label, *told, *map(str, rest), row.session])
    write_table(path, ["label", *columns, *counts], cells)


@dataclass(frozen=True)
class Level:
    """Sounds laid at one range of levels over the background."""

    low: float  # dB
    high: float
    sounds: int  # tags of soundscapes, by the loudest sound of the label
    found: int


def recall_by_level(crossed: Crossed, folders: Sequence[Path]) -> list[Level]:
    """How many tags were found, by the level of the loudest sound they are for."""
    loudest: dict[tuple[str, str], float] = {}
    for folder in folders:
        for _, row in read_table(folder / "sources.tsv").rows:
            if row["role"] == "sound":
                key = row["filename"], row["event_label"]
                loudest[key] = max(loudest.get(key, -math.inf), float(row["snr"]))
    index = {clip.name: number for number, clip in enumerate(crossed.scored.clips)}
    columns = {label: number for number, label in enumerate(crossed.scored.labels)}
    levels = []
    for low, high in BANDS:
        last = math.inf if high == BANDS[-1][1] else high
        hits = [
            bool(crossed.estimated[index[name], columns[label]])
            for (name, label), snr in loudest.items()
            if name in index and label in columns and low <= snr < last
        ]
        levels.append(Level(low, high, len(hits), sum(hits)))
    return levels


def false_alarms(crossed: Crossed) -> tuple[int, int]:
    """Soundscapes without any sound, and how many of them were given a tag."""
    silent = ~crossed.reference.any(axis=1)
    return int(silent.sum()), int(np.any(crossed.estimated[silent], axis=1).sum())
