"""What AudioSet's identifiers are called: three files of its site, looked for beside the lists.

    class_labels_indices.csv    index,mid,display_name             the 527 classes, in the order of their scores
    mid_to_display_name.tsv     mid, name                          the 456 strong labels
    ontology.json               [{"id": mid, "name": ...}, ...]    all 632 nodes

Where there is no list of classes, they are those that were published (`audioset_labels.csv`: Google's, CC BY 4.0).
`audioset_strong_labels.csv` has the strong labels of the training set (the same licence).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from earmark.errors import DataError
from earmark.formats.audioset import MID
from earmark.formats.tables import read_rows
from earmark.formats.text import read_text

CLASS_LIST, ONTOLOGY, STRONG_NAMES = "class_labels_indices.csv", "ontology.json", "mid_to_display_name.tsv"


def read_classes(path: Path | None) -> dict[str, str]:
    """{mid: display name} in the order of the classes' indices; of None, the 527 classes as published.

    `DataError` where rows are missing or twice, naming the line.
    """
    if path is None:
        with resources.as_file(resources.files("earmark.formats") / "audioset_labels.csv") as published:
            return read_classes(published)
    names: dict[int, tuple[str, str]] = {}
    for line, cells in read_rows(path).cells:
        index, mid, name = ([cell.strip() for cell in cells] + ["", "", ""])[:3]
        if index.startswith("#") or (not names and not index.isdigit()):
            continue
        if len(cells) != 3 or not index.isdigit() or not MID.fullmatch(mid) or not name:
            raise DataError(f'{path}, line {line}: expected index,mid,"display name", got {",".join(cells)}')
        if int(index) in names or mid in {known for known, _ in names.values()}:
            raise DataError(f"{path}, line {line}: class {index} ({mid}) is there twice")
        names[int(index)] = mid, name
    if sorted(names) != list(range(len(names))) or not names:
        gap = next((index for index in range(len(names)) if index not in names), 0)
        raise DataError(f"{path}: class {gap} is missing; expected indices from 0 without a gap")
    return dict(names[index] for index in range(len(names)))


def strong_classes() -> dict[str, str]:
    """{mid: name} of the 447 classes of AudioSet-strong's training set, in the order of their names.

    Networks that were trained on it give their scores in this order.
    """
    with resources.as_file(resources.files("earmark.formats") / "audioset_strong_labels.csv") as published:
        return read_classes(published)


def read_strong_names(folder: Path) -> dict[str, str]:
    """{mid: name} of the strong labels, in the order of their table; nothing where a folder has none."""
    path = folder / STRONG_NAMES
    if not path.is_file():
        return {}
    return {cells[0].strip(): cells[1].strip() for _, cells in read_rows(path).cells if len(cells) > 1}


def read_ontology(path: Path) -> Mapping[str, str]:
    """{mid: name} of all nodes; nothing where there is no such file. `DataError` when it is damaged."""
    if not path.is_file():
        return {}
    try:
        return {node["id"]: node["name"] for node in json.loads(read_text(path))}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is not an ontology of AudioSet ({type(error).__name__}: {error})") from error


def find_classes(folder: Path) -> dict[str, str]:
    """The classes by the list in a folder or in one of the two above it, else as published."""
    for place in (folder, *folder.parents[:2]):
        if (place / CLASS_LIST).is_file():
            return read_classes(place / CLASS_LIST)
    return read_classes(None)
