"""What trains, what is held out to choose thresholds on, and what nothing is chosen on; no source is in two of them.

`test` is ESC-50's fold 4 with whatever was cut from the same recordings, and the recordings that `field/` sets aside.
What the model to begin with learnt from trains, and what it was not to learn from is `held` again: thresholds are to be
chosen on sounds that no weight has seen. Where it says nothing, `held` are the clips of ESC-50 that may not be learnt
from and of each label that ESC-50 has not a share of the sources, one at least. All else trains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from tools.bundled.table import TUNING, VALID, Recording

TRAIN, HELD, TEST = PARTS = ("train", "held", "test")
_OF_TEST = ("4", VALID)  # folds of the sources
SHARE = 1 / 8  # of a label's sources that are held out


def divide(
    recordings: Sequence[Recording], seed: int, unheard: Collection[str] = (), heard: Collection[str] = ()
) -> list[Recording]:
    """The same recordings, each in its part; of an earlier model, files it was not to learn from, and learnt from."""
    parts = {row.group: TEST for row in recordings if row.fold in _OF_TEST}
    for row in recordings:
        if row.fold == TUNING or row.filename in unheard:
            parts.setdefault(row.group, HELD)
    for row in recordings:
        if row.filename in heard:
            parts.setdefault(row.group, TRAIN)
    native = {row.label for row in recordings if row.filename.startswith("esc50/")}
    for number, (label, counts) in enumerate(_sources(recordings).items()):
        share = 0.0 if label in native else SHARE
        _hold_out(parts, counts, share, np.random.default_rng([seed, number]))
    return [replace(row, fold=parts[row.group]) for row in recordings]


def _sources(recordings: Sequence[Recording]) -> dict[str, Counter[str]]:
    """Recordings of each source by label, both in the order of their names."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in sorted(recordings, key=lambda row: (row.label, row.group)):
        found[row.label][row.group] += 1
    return found


def _hold_out(parts: dict[str, str], counts: Counter[str], share: float, rng: np.random.Generator) -> None:
    """Part the sources of a label that nothing has decided on yet."""
    free = [group for group in counts if group not in parts]
    held = sum(parts.get(group) == HELD for group in counts)
    wanted = max(round(share * len(free)), 1) - held
    order = [free[index] for index in rng.permutation(len(free))]
    order.sort(key=counts.__getitem__)  # stable: few recordings first, so that those with most train
    spare = [group for group in order[:-1] if not group.startswith("freesound:")]
    chosen = {spare[index] for index in rng.permutation(len(spare))[: max(0, min(wanted, len(free) // 2))]}
    parts |= {group: HELD if group in chosen else TRAIN for group in free}
