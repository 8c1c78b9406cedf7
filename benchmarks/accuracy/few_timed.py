"""Few timed clips beside tags: each half of dev decided by what was chosen on the other half, some of it timed.

Used by decisions.py, which prints the section. The tags of the whole half give a point first; then some of its clips
are timed, and `earmark tune` keeps that point, scales it, or tunes anew (`earmark.evaluation.few_timed`).
"""

from __future__ import annotations

import json
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.crossing import halves
from benchmarks.accuracy.tags_alone import COLUMNS, drawn, measure, weak
from benchmarks.sections import mean_and_range
from earmark.decisions import OperatingPoint
from earmark.evaluation.few_timed import ANEW, BEFORE, DRAWS, SCALED, SURE
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.tuning import or_before, tune
from earmark.files import write_text

CLIPS = (5, 10, 20, 50)
FIELDS = {name: name.lower().replace(" ", "_") for name in COLUMNS}  # of `tags_alone.Row`


def figures(scored: ScoredClips, kept: pathlib.Path, clips: Sequence[int] = CLIPS) -> dict[str, dict[str, Any]]:
    """By number of timed clips, "0" for tags alone: the figures, those of tuning anew, and what was taken.

    A number that is in the folder `kept` is not measured again.
    """
    parts = halves(scored)
    points: list[OperatingPoint] = []
    found: dict[str, dict[str, Any]] = {}
    for number in (0, *clips):
        path = kept / f"{number}.json"
        if not path.is_file():
            points = points or [tune(weak(part)).point for part in parts]
            write_text(path, json.dumps(_measured(parts, points, number)) + "\n")
        found[str(number)] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _measured(parts: Sequence[ScoredClips], before: Sequence[OperatingPoint], number: int) -> dict[str, Any]:
    row: dict[str, Any] = {"taken": []}
    for name, objective in COLUMNS.items():
        after, anew = list(before), list(before)
        for place, (part, point) in enumerate(zip(parts, before, strict=True)):
            if number:
                timed = drawn(part, number, 0)
                tuned = tune(timed, objective, method="threshold")
                kept = or_before(tuned, timed, objective, point)
                anew[place], after[place] = tuned.point, kept.point
                row["taken"].append(_taken(kept.point))
        row[name] = getattr(measure(parts, after[::-1]), FIELDS[name])
        row[f"{name}, anew"] = getattr(measure(parts, anew[::-1]), FIELDS[name])
    return row


def _taken(point: OperatingPoint) -> str:
    return {"kept": BEFORE, "scaled": SCALED}.get(point.origin.split()[0], ANEW)


def section(
    many: Mapping[pathlib.Path, ScoredClips], folder: pathlib.Path, command: str, clips: Sequence[int] = CLIPS
) -> str:
    """The section of docs/results.md."""
    found = [figures(scored, folder / model.name, clips) for model, scored in many.items()]
    lines = [
        f"| timed clips | {' | '.join(COLUMNS)} | taken: as before, scaled, anew "
        f"| {' | '.join(f'{name}, always anew' for name in COLUMNS)} |",
        f"|---:|{'---:|' * len(COLUMNS)}---|{'---:|' * len(COLUMNS)}",
    ]
    for number in (0, *clips):
        rows = [each[str(number)] for each in found]
        taken = Counter(name for row in rows for name in row["taken"])
        told = ", ".join(str(taken[name]) for name in (BEFORE, SCALED, ANEW)) if taken else "–"
        ours = " | ".join(mean_and_range([row[name] for row in rows]) for name in COLUMNS)
        anew = " | ".join(
            f"{np.mean([row[f'{name}, anew'] for row in rows]):.3f}" if number else "–" for name in COLUMNS
        )
        lines.append(f"| {number or 'none: tags alone'} | {ours} | {told} | {anew} |")
    return "\n".join(
        [
            "## scapes: few timed clips beside tags",
            "",
            "Each half of dev (200 soundscapes) decided by what was chosen on the other half: first from the tags of "
            "all its clips, then with some of them timed, one draw, tuned by thresholds for the figure of each column. "
            "`earmark tune` keeps the point that tags gave, or scales all its thresholds and durations alike, or takes "
            "one tuned anew on the timed clips: what is more elaborate only where it is better on held-out timed clips "
            f"in {SURE:.0%} of {DRAWS:,} bootstrap draws. Mean of {len(many)} trainings, plus or minus half the range "
            "between them; taken is counted over trainings, halves and columns.",
            "",
            *lines,
            "",
            f"Command: `{command}`.",
        ]
    )
