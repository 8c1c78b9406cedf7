"""What was found wrong with data, a sentence each: collected while reading, listed at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import one_line


@dataclass(frozen=True)
class Problem:
    """Something found wrong: what kind, where, and a sentence for the user.

    >>> str(Problem("missing", "weak.tsv, line 3", "dog.wav does not exist"))
    'weak.tsv, line 3: dog.wav does not exist'
    """

    kind: str  # one word, to count and to group by
    where: str  # a file, a row of a table, a label
    message: str

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.message}")


def folded(problems: Sequence[Problem], source: Path | str, most: int = 5) -> list[Problem]:
    """The first few problems of each kind, and what is left of a kind counted in one line.

    >>> for problem in folded([Problem("row", f"line {n}", "no labels") for n in range(1, 9)], "a.csv", most=1):
    ...     print(problem)
    line 1: no labels
    a.csv: and 7 more of this kind ('row')
    """
    kinds = Counter(problem.kind for problem in problems)
    seen = Counter[str]()
    kept = []
    for problem in problems:
        seen[problem.kind] += 1
        if seen[problem.kind] <= most or kinds[problem.kind] == most + 1:
            kept.append(problem)
    for kind, count in kinds.items():
        if count > most + 1:
            kept.append(Problem(kind, str(source), f"and {count - most} more of this kind ({kind!r})"))
    return kept
