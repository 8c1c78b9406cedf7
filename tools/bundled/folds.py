"""Training and two held-out halves A and B, no source recording in two of them.

ESC-50's folds 1-3 train and fold 4 is held out, with whatever was cut from the same recordings. Of a label that ESC-50
has not, a quarter of the sources is held out and two of them at least; of its labels, sources of `events/` are held out
only where fold 4 has fewer than two. The source with most recordings trains in any case. Held-out sources are dealt to
the halves so that each label has about as many recordings in both. Backgrounds: a fifth to each half.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.bundled.table import BACKGROUND, Recording

TRAIN, HALVES = "train", ("A", "B")
PARTS = (TRAIN, *HALVES)
_HELD_OUT = "4"  # of ESC-50's folds


def divide(recordings: Sequence[Recording], seed: int) -> list[Recording]:
    """The same recordings, each in its part."""
    parts = {row.group: "" for row in recordings if row.fold == _HELD_OUT}
    parts |= {row.group: TRAIN for row in recordings if row.fold not in ("", _HELD_OUT)}  # of two folds: not held out
    native = {row.label for row in recordings if row.fold}
    sources = _sources(recordings)
    for number, (label, counts) in enumerate(sources.items()):
        _hold_out(parts, label, counts, label in native, np.random.default_rng([seed, number]))
    for counts in sources.values():
        _deal(parts, counts)
    return [replace(row, fold=parts[row.group]) for row in recordings]


def _sources(recordings: Sequence[Recording]) -> dict[str, Counter[str]]:
    """Recordings of each source by label, both in the order of their names."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in sorted(recordings, key=lambda row: (row.label, row.group)):
        found[row.label][row.group] += 1
    return found


def _hold_out(parts: dict[str, str], label: str, counts: Counter[str], native: bool, rng: np.random.Generator) -> None:
    """Part the sources of a label that nothing has decided on yet."""
    free = [group for group in counts if group not in parts]
    held = sum(parts.get(group) == "" for group in counts)
    least = 0 if native else round(len(free) / 4)
    wanted = round(2 * len(free) / 5) if label == BACKGROUND else max(least, 2 - held)
    order = [free[index] for index in rng.permutation(len(free))]
    order.sort(key=counts.__getitem__)  # stable: few recordings first, so that those with most train
    spare = order[:-1] if wanted and label != BACKGROUND else order
    chosen = {spare[index] for index in rng.permutation(len(spare))[: min(wanted, len(free) // 2)]}
    parts |= {group: "" if group in chosen else TRAIN for group in free}


def _deal(parts: dict[str, str], counts: Counter[str]) -> None:
    """Held-out sources of a label to the half that has fewer of its recordings so far."""
    there = Counter({half: 0 for half in HALVES})
    for group, number in counts.items():
        if parts[group] in HALVES:  # dealt for another label
            there[parts[group]] += number
    for group in sorted((g for g in counts if not parts[g]), key=lambda g: (-counts[g], g)):
        half = min(HALVES, key=lambda name: (there[name], name))
        parts[group] = half
        there[half] += counts[group]
