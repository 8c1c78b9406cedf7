"""Which labels stand above which: AudioSet's ontology, read from a file that the user has.

    ontology.json    [{"id": "/m/0bt9lr", "name": "Dog", "child_ids": ["/m/05tny_", ...]}, ...]

The file is not part of earmark: its licence (CC BY-SA 4.0) asks that what is made of it carries the same licence. It is
published at https://github.com/audioset/ontology. Any file of this form will do, for example one of your own labels.

A label is found in it by its identifier where it is one of AudioSet's published classes, else by its name; capitals and
underscores do not count, so that `church_bell` is "Church bell".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from earmark.errors import DataError
from earmark.formats.audioset_names import read_classes, strong_classes
from earmark.formats.text import read_text

Parents = Mapping[str, tuple[str, ...]]  # of each label that has any, the labels above it, the nearest first


def read_parents(path: Path, labels: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The labels above each of these that has any, up to the roots, the nearest first.

    A label above that is one of `labels` itself is spelled as there. `DataError` where the file is damaged, or knows
    none of the labels.
    """
    names, above = _read(path)
    labels = list(labels)
    published = {name: mid for classes in (strong_classes(), read_classes(None)) for mid, name in classes.items()}
    by_name = {_folded(name): mid for mid, name in reversed(names.items())}  # of equal names the first
    found: dict[str, str] = {}
    for label in labels:
        mid = published.get(label, label)
        mid = mid if mid in names else by_name.get(_folded(label), "")
        if mid:
            found[label] = mid
    if not found:
        raise DataError(
            f"{path}: knows none of the {len(labels)} labels, by name or identifier; the first: {labels[0]}"
        )
    spelled = {**names, **{mid: label for label, mid in found.items()}}
    parents = {label: tuple(spelled[each] for each in _ancestors(mid, above)) for label, mid in found.items()}
    return {label: each for label, each in parents.items() if each}


def _read(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """{identifier: name} of all nodes, and {identifier: those that name it as a child}."""
    try:
        nodes: Any = json.loads(read_text(path))
        names = {_text(node["id"]): _text(node["name"]) for node in nodes}
        above: dict[str, list[str]] = {}
        for node in nodes:
            for child in node["child_ids"]:
                above.setdefault(_text(child), []).append(node["id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f'{path}: is not an ontology like AudioSet\'s, a list of {{"id": ..., "name": ..., "child_ids": [...]}} '
            f"({type(error).__name__}: {error})"
        ) from error
    return names, above


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"expected a text, got {value!r:.40}")
    return value


def _ancestors(mid: str, above: Mapping[str, list[str]]) -> list[str]:
    """Everything above a node, level by level; a node is not above itself, even where the file says so."""
    found: dict[str, None] = {}
    level = [mid]
    while level:
        level = [each for child in level for each in above.get(child, ()) if each not in found and each != mid]
        found |= dict.fromkeys(level)
        level = list(dict.fromkeys(level))
    return list(found)


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
