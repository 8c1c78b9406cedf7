"""Clip tags with their scores on disk: `filename`, `event_labels`, `scores`; csv, tsv or json, or
the labels alone as DCASE2017's scorers read them.

The lists of a row run side by side: `a.wav, "dog,siren", "0.93,0.41"`. The tables are DCASE weak tables
with one column more, so every reader of those reads them. A recording without tags is a row with its name
alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from earmark.errors import DataError
from earmark.formats import dcase2017, json_events, parquet
from earmark.formats.dcase import read_weak
from earmark.formats.encoding import Encoding
from earmark.formats.fields import FILENAME, format_score, join_labels, parse_score, split_labels
from earmark.formats.json_events import encode_items, read_recordings
from earmark.formats.naming import target_files
from earmark.formats.tables import LIST_COLUMNS, encode_row, read_table
from earmark.formats.text import Head, Source, path_of

Scored = tuple[str, float | None]  # a label and its score
_COLUMNS = ("filename", "event_labels", "scores")


class Tag(NamedTuple):
    """A label of a whole recording.

    >>> label, score = Tag("siren", 0.9)
    """

    label: str
    score: float | None = None  # a probability, or None where the source gives none


def _row(delimiter: str, recording: str, tags: Sequence[Scored]) -> str:
    listed = join_labels(label for label, _ in tags), ",".join(format_score(score) for _, score in tags)
    return encode_row((recording, *listed), delimiter)


def _block(recording: str, tags: Sequence[Scored], rate: float | None = None) -> str:
    return encode_items(recording, [_fields(*tag) for tag in tags])


def _csv(recording: str, tags: Sequence[Scored], rate: float | None = None) -> str:
    return _row(",", recording, tags)


def _tsv(recording: str, tags: Sequence[Scored], rate: float | None = None) -> str:
    return _row("\t", recording, tags)


def _dcase2017(recording: str, tags: Sequence[Scored], rate: float | None = None) -> str:
    return dcase2017.encode_tags(recording, [label for label, _ in tags])


@dataclass(frozen=True)
class _Parquet(Encoding[Scored]):
    """Tags in a binary format."""

    def write(
        self,
        path: str | os.PathLike[str],
        recordings: Mapping[str, Sequence[Scored]],
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Write a file."""
        parquet.write_tags(path, recordings.items())


def _no_text(recording: str, tags: Sequence[Scored], rate: float | None) -> str:
    raise TypeError("parquet is written only as a whole")


TAG_ENCODINGS: Mapping[str, Encoding[Scored]] = MappingProxyType(
    {
        "csv": Encoding(".csv", _csv, encode_row(_COLUMNS, ",")),
        "tsv": Encoding(".tsv", _tsv, encode_row(_COLUMNS, "\t")),
        "json": Encoding(".json", _block, json_events.HEADER, json_events.BETWEEN, json_events.FOOTER),
        "dcase2017": Encoding(dcase2017.SUFFIX, _dcase2017, check=dcase2017.check_names),
        "parquet": _Parquet(parquet.SUFFIX, _no_text, whole=True),
    }
)
TAG_SUFFIXES: Mapping[str, str] = MappingProxyType({form: one.suffix for form, one in TAG_ENCODINGS.items()})
TAG_FORMATS = tuple(TAG_ENCODINGS)


def write_tags(
    destination: str | os.PathLike[str],
    tags: Mapping[str, Sequence[Scored]],
    formats: Sequence[str] = ("csv",),
    name: str = "tags",
) -> list[Path]:
    """Write the tags of all recordings, once a format; returns the files.

    `destination` is a folder (files are called `name` there) or, for one format, a file with its extension.
    """
    targets = target_files(Path(destination), formats, TAG_SUFFIXES, name)
    for form, path in targets.items():
        TAG_ENCODINGS[form].write(path, tags)
    return list(targets.values())


def read_tags(source: Source) -> dict[str, list[Tag]]:
    """Read what `write_tags` wrote, or any DCASE weak table (its tags have no scores)."""
    path = path_of(source)
    head = Head.of(source)
    if json_events.sniff(head):
        return {
            recording: [_tag(f"{path}: tag {n} of {recording!r}", item) for n, item in enumerate(items, 1)]
            for recording, items in read_recordings(head.open()).items()
        }
    names = read_weak(head.open())
    table = read_table(head.open()) if "scores" in head.text[:200] else None
    scores = table.find("scores") if table is not None else None
    if table is None or scores is None:
        return {recording: [Tag(label) for label in found] for recording, found in names.items()}
    name, listed = table.column(*FILENAME), table.column(*LIST_COLUMNS)
    tags: dict[str, list[Tag]] = {}
    for line, row in table.rows:
        labels = split_labels(row[listed])
        values = [parse_score(table.where(line), cell) for cell in row[scores].split(",")] if labels else []
        if len(values) != len(labels):
            raise DataError(f"{table.where(line)}: {len(labels)} labels, but {len(values)} scores")
        tags.setdefault(row[name], []).extend(map(Tag, labels, values))
    return tags


def _fields(label: str, score: float | None) -> dict[str, object]:
    return {"label": label} if score is None else {"label": label, "score": round(float(score), 6)}


def _tag(where: str, item: object) -> Tag:
    if not isinstance(item, dict) or "label" not in item:
        raise DataError(f"{where}: expected label and optionally score")
    score = item.get("score")
    return Tag(str(item["label"]), parse_score(where, "" if score is None else str(score)))
