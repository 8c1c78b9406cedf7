"""Events and tags as Parquet, for data frames and query engines (extra `parquet`): written only as a whole.

Columns of events: `filename` (text), `onset`, `offset` (float64, seconds), `event_label` (text), `score` (float64). Of
tags: `filename`, `event_label`, `score`. A row is an event or a tag; a recording without any is a row with its name
alone, the rest null. What many rows share is stored once, so the file of a million recordings is small.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from earmark.errors import DataError, MissingExtraError
from earmark.events import Event
from earmark.files import write_aside
from earmark.formats.fields import join_labels

SUFFIX = ".parquet"
_GROUP = 65_536  # rows that are held at once


def require() -> Any:
    """The library. `MissingExtraError` where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "the format parquet") from None
    return pyarrow


def write_events(path: str | os.PathLike[str], recordings: Iterable[tuple[str, Sequence[Sequence[Any]]]]) -> None:
    """Write events (onset, offset, label, score) by recording."""
    _write(path, ("onset", "offset", "event_label", "score"), recordings)


def write_tags(path: str | os.PathLike[str], recordings: Iterable[tuple[str, Sequence[Sequence[Any]]]]) -> None:
    """Write tags (label, score) by recording."""
    _write(path, ("event_label", "score"), recordings)


def _write(
    path: str | os.PathLike[str], columns: tuple[str, ...], recordings: Iterable[tuple[str, Sequence[Sequence[Any]]]]
) -> None:
    arrow = require()
    kinds = [(name, arrow.string() if name == "event_label" else arrow.float64()) for name in columns]
    schema = arrow.schema([("filename", arrow.string()), *kinds])
    empty = (None,) * len(columns)
    with write_aside(path) as aside, arrow.parquet.ParquetWriter(aside, schema, compression="zstd") as writer:
        rows: list[tuple[Any, ...]] = []

        def write() -> None:
            held = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in schema]
            writer.write_table(arrow.table(held, schema=schema))
            rows.clear()

        for name, items in recordings:
            text = name.encode("utf-8", "backslashreplace").decode()  # Parquet has only UTF-8
            rows += [(text, *(_plain(value) for value in item)) for item in items or [empty]]
            if len(rows) >= _GROUP:
                write()
        if rows:
            write()


def _plain(value: Any) -> Any:
    """Scores and times to the six decimals that the other formats have."""
    return value if value is None or isinstance(value, str) else round(float(value), 6)


def read_parquet(path: str | os.PathLike[str]) -> dict[str, list[Event]]:
    """Events by recording. `DataError` for what is no such file."""
    columns = ["filename", "onset", "offset", "event_label", "score"]
    table = _table(path, "a Parquet file of events", columns)
    events: dict[str, list[Event]] = {}
    for batch in table.to_batches():
        for name, onset, offset, label, score in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found = events.setdefault(name, [])
            if label is not None:
                found.append(Event(onset, offset, label, score))
    return events


def as_csv(path: Path) -> str:
    """Any table in Parquet as the text of a CSV file, for the reader of label tables. `DataError` for no such file."""
    table = _table(path, "a Parquet file")
    rows = [row for batch in table.to_batches() for row in batch.to_pylist()]
    columns = list(table.column_names)
    if set(columns) == {"filename", "event_label", "score"}:  # tags, as `write_tags` writes them: a list a recording
        labels: dict[str, list[str]] = {}
        for row in rows:
            labels.setdefault(row["filename"], []).extend([row["event_label"]] if row["event_label"] else [])
        columns = ["filename", "event_labels"]
        rows = [{"filename": name, "event_labels": join_labels(each)} for name, each in labels.items()]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if row[name] is None else row[name] for name in columns] for row in rows)
    return text.getvalue()


def _table(path: str | os.PathLike[str], what: str, columns: list[str] | None = None) -> Any:
    """A file, or these columns of it. `DataError`."""
    arrow = require()
    try:
        return arrow.parquet.read_table(path, columns=columns)
    except (OSError, arrow.ArrowException, ValueError) as error:
        raise DataError(f"{Path(path)}: is not {what} ({' '.join(str(error).split())})") from error
