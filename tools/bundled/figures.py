"""What the card and docs/results.md say: each model on recordings that it did not learn from and was not tuned on.

scores.tsv    label  clips  ap  tags_given  tags_right  recordings_trained_on
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.decisions import OperatingPoint, decide
from earmark.formats.tables import write_table
from earmark.labels import Labels
from earmark.metrics import tagging_metrics
from earmark.report.tables import Table, Value
from tools.bundled.folds import TRAIN
from tools.bundled.real import Heard, Listed, listed, ranking
from tools.bundled.table import MERGED, Recording

KINDS = ("music", "speech", "ambience")


@dataclass(frozen=True)
class Figures:
    """One model on the test recordings."""

    name: str
    top1: float  # of ESC-50's 50 classes, on fold 4
    map: float
    esc50: Listed
    without_groups: Listed  # the same clips, tags of groups not counted
    kinds: dict[str, Listed]
    isolated: tuple[int, float, float]  # recordings of `field/events` whose class is known; right first, among five
    not_keys: tuple[int, float, float]  # the same without single strokes of keyboards
    by_class: Sequence[tuple[str, int, float, int, int]]


def measure(name: str, heard: Sequence[Heard], point: OperatingPoint, classes: Sequence[str]) -> Figures:
    """Figures of a model; `classes` are those that isolated sounds are ranked among."""
    clips = [each for each in heard if each.recording.filename.startswith("esc50/")]
    isolated = [each for each in heard if each.recording.filename.startswith("field/events/")]
    top1, _, mean_ap = ranking(clips, sorted({each.recording.label for each in clips}))
    first, five, _ = ranking(isolated, classes)
    others = [each for each in isolated if each.recording.label != "keyboard_typing"]
    return Figures(
        name,
        top1,
        mean_ap,
        listed(clips, point),
        listed(clips, point, groups=False),
        {
            kind: listed([h for h in heard if h.recording.filename.startswith(f"field/{kind}/")], point)
            for kind in KINDS
        },
        (len(isolated), first, five),
        (len(others), *ranking(others, classes)[:2]),
        by_class([*clips, *isolated], point),
    )


def by_class(heard: Sequence[Heard], point: OperatingPoint) -> list[tuple[str, int, float, int, int]]:
    """Of each class: clips, average precision, tags given and right."""
    names = sorted({each.recording.label for each in heard})
    given, right, clips = Counter[str](), Counter[str](), Counter[str]()
    for each in heard:
        clips[each.recording.label] += 1
        tags = {MERGED.get(tag, tag) for tag, _ in decide(each.scores, point).tags}
        given.update(tags)
        right.update(tags & {each.recording.label})
    rows = []
    for name in names:
        columns = [n for n, label in enumerate(heard[0].scores.labels) if MERGED.get(label, label) == name]
        scores = np.array([[max((float(h.scores.clip[c]) for c in columns), default=0.0)] for h in heard], np.float32)
        truth = np.array([[each.recording.label == name] for each in heard])
        value = tagging_metrics(truth, Labels([name]), scores=scores).map
        rows.append((name, clips[name], float(value), given[name], right[name]))
    return rows


def table(models: Sequence[Figures]) -> Table:
    """Both models side by side, and what was wanted."""
    rows: list[tuple[Value, ...]] = [
        ("ESC-50 fold 4: right class first of 50", *(each.top1 for each in models), "0.72"),
        ("ESC-50 fold 4: mAP", *(each.map for each in models), "0.78"),
        ("ESC-50 fold 4: clips with a right tag", *(each.esc50.right for each in models), "0.60"),
        ("... tags of groups not counted", *(each.without_groups.right for each in models), ""),
        ("ESC-50 fold 4: precision of tags", *(each.esc50.precision for each in models), "0.80"),
        ("... tags of groups not counted", *(each.without_groups.precision for each in models), ""),
        ("ESC-50 fold 4: clips without any tag", *(each.esc50.silent for each in models), ""),
        ("ESC-50 fold 4: wrong events a minute", *(each.esc50.wrong_events for each in models), ""),
        ("music: wrong events a minute", *(each.kinds["music"].wrong_events for each in models), "1"),
        ("music: recordings with a right tag", *(each.kinds["music"].right for each in models), ""),
        ("speech: wrong events a minute", *(each.kinds["speech"].wrong_events for each in models), "1"),
        ("speech: recordings with a right tag", *(each.kinds["speech"].right for each in models), ""),
        ("ambience: recordings with a right tag", *(each.kinds["ambience"].right for each in models), "0.60"),
        ("isolated sounds: right class first", *(each.isolated[1] for each in models), "0.45"),
        ("isolated sounds: right class among five", *(each.isolated[2] for each in models), "0.75"),
        ("... without strokes of keyboards: right class first", *(each.not_keys[1] for each in models), "0.45"),
        ("... without strokes of keyboards: among five", *(each.not_keys[2] for each in models), "0.75"),
    ]
    return Table(("", *(each.name for each in models), "wanted"), tuple(rows))


def sizes(figures: Figures) -> str:
    """What the table rests on, in a sentence."""
    kinds = figures.kinds
    parts = [f"{kinds[kind].clips} recordings of {kind} ({kinds[kind].minutes:.0f} min)" for kind in KINDS]
    return (
        f"Test recordings: the {figures.esc50.clips} clips of ESC-50's fold 4 ({figures.esc50.minutes:.0f} min), "
        f"{', '.join(parts)} and {figures.isolated[0]} isolated sounds of other libraries, "
        f"{figures.isolated[0] - figures.not_keys[0]} of them single strokes of keyboards. A "
        "tag is right where the recording holds the class or, of a group, one of its classes."
    )


def write_scores(path: Path, figures: Figures, recordings: Sequence[Recording]) -> None:
    """Write scores.tsv."""
    trained = Counter(row.label for row in recordings if row.fold == TRAIN)
    rows = [
        [name, str(clips), "" if math.isnan(ap) else f"{ap:.4f}", str(given), str(right), str(trained[name])]
        for name, clips, ap, given, right in figures.by_class
    ]
    header = ["label", "clips", "ap", "tags_given", "tags_right", "recordings_trained_on"]
    write_table(path, header, rows)
