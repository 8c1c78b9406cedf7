"""What a kind of input offers to `robustness.py`, and what is said of each case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Made:
    """A case as it lies on disk."""

    path: Path  # what is read
    form: str  # of the good input: "wav", "dcase table"
    change: str  # what was done to it: "cut", "flipped bits"
    whole: float | None = None  # what reading all of it comes to; None where that cannot be known


@dataclass(frozen=True)
class Read:
    """What the reader made of it, when it was not refused by an `EarmarkError`."""

    found: float  # in the unit of `Made.whole`
    told: str | None = None  # what the reader says is missing
    wrong: str | None = None  # what it should never give out: a sample that is not a number


class Cases(Protocol):
    """One kind of input. Runs in a process of its own, so modules may be imported and memory taken."""

    tolerance: float  # in the unit of `Made.whole`: less is no loss

    def make(self, rng: np.random.Generator, folder: Path) -> Made:
        """A case drawn by `rng`, written into an empty folder."""
        ...

    def read(self, made: Made) -> Read:
        """Read it as earmark does; `EarmarkError` refuses it, anything else that is raised is a fault."""
        ...
