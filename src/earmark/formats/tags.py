"""Clip tags with their scores on disk: `filename`, `event_labels`, `scores`; csv, tsv or json, or
the labels alone as DCASE2017's scorers read them.

The lists of a row run side by side: `a.wav, "dog,siren", "0.93,0.41"`. The tables are DCASE weak tables
with one column more, so every reader of those reads them. A recording without tags is a row with its name
alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from earmark.errors import DataError
from earmark.formats import dcase2017
from earmark.formats.dcase import read_weak
from earmark.formats.fields import FILENAME, format_score, join_labels, parse_score, split_labels
from earmark.formats.json_events import read_recordings, write_recordings
from earmark.formats.naming import target_files
from earmark.formats.tables import LIST_COLUMNS, read_table, write_table

TAG_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"csv": ".csv", "tsv": ".tsv", "json": ".json", "dcase2017": dcase2017.SUFFIX}
)
TAG_FORMATS = tuple(TAG_SUFFIXES)


class Tag(NamedTuple):
    """A label of a whole recording.

    >>> label, score = Tag("siren", 0.9)
    """

    label: str
    score: float | None = None  # a probability, or None where the source gives none


def write_tags(
    destination: str | os.PathLike[str],
    tags: Mapping[str, Sequence[tuple[str, float | None]]],
    formats: Sequence[str] = ("csv",),
    name: str = "tags",
) -> list[Path]:
    """Write the tags of all recordings, once a format; returns the files.

    `destination` is a folder (files are called `name` there) or, for one format, a file with its extension.
    """
    targets = target_files(Path(destination), formats, TAG_SUFFIXES, name)
    for form, path in targets.items():
        if form == "json":
            write_recordings(path, {recording: [_fields(*tag) for tag in found] for recording, found in tags.items()})
        elif form == "dcase2017":
            dcase2017.write_tags(path, {recording: [label for label, _ in found] for recording, found in tags.items()})
        else:
            rows = [(recording, *_cells(found)) for recording, found in tags.items()]
            write_table(path, ("filename", "event_labels", "scores"), rows)
    return list(targets.values())


def read_tags(path: str | os.PathLike[str]) -> dict[str, list[Tag]]:
    """Read what `write_tags` wrote, or any DCASE weak table (its tags have no scores)."""
    if Path(path).suffix.lower() == ".json":
        return {
            recording: [_tag(f"{path}: tag {n} of {recording!r}", item) for n, item in enumerate(items, 1)]
            for recording, items in read_recordings(path).items()
        }
    names = read_weak(path)
    table = read_table(path)
    scores = table.find("scores")
    if scores is None:
        return {recording: [Tag(label) for label in found] for recording, found in names.items()}
    name, listed = table.column(*FILENAME), table.column(*LIST_COLUMNS)
    tags: dict[str, list[Tag]] = {}
    for line, row in table.rows:
        labels = split_labels(row[listed])
        values = [parse_score(table.where(line), cell) for cell in row[scores].split(",")] if labels else []
        if len(values) != len(labels):
            raise DataError(f"{table.where(line)}: {len(labels)} labels, but {len(values)} scores")
        tags.setdefault(row[name].strip(), []).extend(map(Tag, labels, values))
    return tags


def _cells(tags: Sequence[tuple[str, float | None]]) -> tuple[str, str]:
    return join_labels(label for label, _ in tags), ",".join(format_score(score) for _, score in tags)


def _fields(label: str, score: float | None) -> dict[str, object]:
    return {"label": label} if score is None else {"label": label, "score": round(float(score), 6)}


def _tag(where: str, item: object) -> Tag:
    if not isinstance(item, dict) or "label" not in item:
        raise DataError(f"{where}: expected label and optionally score")
    score = item.get("score")
    return Tag(str(item["label"]), parse_score(where, "" if score is None else str(score)))
