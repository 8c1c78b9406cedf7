"""Labels that look like slips: two spellings of one name, or spaces at an end."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from itertools import combinations


def same_but_for_form(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of labels that differ in case, spaces, hyphens and underscores alone.

    >>> same_but_for_form(["siren ", "Siren", "dog"])
    [('Siren', 'siren ')]
    """
    groups: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        groups.setdefault(_form(label), []).append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def nearly_the_same(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that differ in one word, and that by little: a plural or a letter mistyped.

    Words of less than four letters are not compared: too many differ by one.

    >>> nearly_the_same(["church bell", "church_bells", "cat", "car"])
    [('church bell', 'church_bells')]
    """
    words = {label: _form(label).split("_") for label in sorted(set(labels))}
    return [(a, b) for a, b in combinations(words, 2) if _near(words[a], words[b])]


def has_outer_space(label: str) -> bool:
    """Whether a label begins or ends with a space."""
    return label != label.strip()


def _form(label: str) -> str:
    return re.sub(r"[\s_\-]+", "_", label.strip().casefold())


def _near(one: list[str], other: list[str]) -> bool:
    if len(one) != len(other):
        return False
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1:
        return False
    a, b = differing[0]
    return min(len(a), len(b)) >= 4 and abs(len(a) - len(b)) <= 2 and difflib.SequenceMatcher(None, a, b).ratio() > 0.85
