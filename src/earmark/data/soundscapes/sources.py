"""Which recordings soundscapes are made of: sounds by label, and backgrounds.

A sound is a clip of exactly one label. Backgrounds are the clips of labels named so, clips without a label, and
the recordings of a folder or table of their own.

A `Choice` takes a part of either by the columns of its table: by its split or fold column, or by any other. So that no
recording serves two parts, the fold column has to keep recordings of one origin together; where a table has none,
`fold_by` makes five folds of any column: equal cells, equal fold. Besides the table's own columns there are `label`,
`fold` and `filename`, in folders too.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.audio import find_recordings
from earmark.data.manifest import read_manifest
from earmark.data.records import Clip, Problem
from earmark.data.soundscapes.options import SoundSource, Sources
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.formats.fields import FILENAME
from earmark.formats.tables import normalised, read_rows

FOLDS = 5  # made by `fold_by`
_CONDITION = re.compile(r"\s*([^=!]+?)\s*(!?=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """A part of a collection."""

    folds: tuple[str, ...] = ()  # of the split or fold column: "1", "1-3", "train"; none: all
    where: tuple[str, ...] = ()  # "column=value" or "column!=value", with * and ?; of one column, any of the values
    fold_by: str | None = None  # make the folds of this column


@dataclass(frozen=True)
class Row:
    """A clip with the cells of its row in the table, by normalised column name."""

    clip: Clip
    cells: dict[str, str]
    fold: str

    def values(self, column: str) -> tuple[str, ...]:
        """What it has in a column, or as its label, fold or filename."""
        key = normalised(column)
        if key in self.cells:
            return (self.cells[key],)
        return {"label": self.clip.labels, "fold": (self.fold,), "filename": (self.clip.name,)}[key]

    def one(self, names: Iterable[str]) -> str:
        """The first of these cells that is not empty, or nothing."""
        return next((self.cells[name] for name in names if self.cells.get(name)), "")


def choose(data: Path, rows: list[Row], choice: Choice) -> list[Row]:
    """The rows of the part that is asked for, never none; `ConfigError` where nothing fits or a column is unknown."""
    if choice.fold_by is not None:
        _check_column(data, rows, choice.fold_by)
        rows = [replace(row, fold=_made_fold(row, choice.fold_by)) for row in rows]
    kept = rows
    if choice.folds:
        wanted = {fold for text in choice.folds for fold in expand_folds(text)}
        there = {row.fold for row in rows}
        if not wanted & there:
            known = ", ".join(sorted(there - {""})) or "none; name a column to make folds from, such as filename"
            raise ConfigError(f"{data}: no recording is in fold {', '.join(sorted(wanted))}; its folds are {known}")
        kept = [row for row in kept if row.fold in wanted]
    conditions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for text in choice.where:
        column, sign, value = parse_condition(text)
        conditions[column, sign].append(value)
    for (column, sign), values in conditions.items():
        _check_column(data, rows, column)
        fitting = [row for row in kept if _fits(row, column, values) == (sign == "=")]
        if not fitting:
            there = {value for row in kept for value in row.values(column)}
            listed = ", ".join(sorted(there)[:6]) + (" ..." if len(there) > 6 else "")
            raise ConfigError(f"{data}: no recording matches {column}{sign}{' or '.join(values)}; there is {listed}")
        kept = fitting
    return kept


def _check_column(data: Path, rows: list[Row], column: str) -> None:
    known = {"label", "fold", "filename"}.union(*(row.cells for row in rows))
    if normalised(column) not in known:
        raise ConfigError(
            f"{data}: no column {column!r}{did_you_mean(column, known)}; known: {', '.join(sorted(known))}"
        )


def _fits(row: Row, column: str, patterns: Iterable[str]) -> bool:
    folded = [pattern.casefold() for pattern in patterns]
    return any(fnmatch.fnmatchcase(v.casefold(), pattern) for v in row.values(column) for pattern in folded)


def _made_fold(row: Row, column: str) -> str:
    together = ",".join(row.values(column)) or row.clip.name
    digest = hashlib.blake2b(together.encode(), digest_size=8).digest()
    return str(1 + int.from_bytes(digest, "big") % FOLDS)


def parse_condition(text: str) -> tuple[str, str, str]:
    """Column, "=" or "!=", value.

    >>> parse_condition("licence != *NC*")
    ('licence', '!=', '*NC*')
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r} is not a condition; expected COLUMN=VALUE or COLUMN!=VALUE, such as licence=CC0*")
    return found[1], found[2], found[3].strip()


def expand_folds(text: str) -> list[str]:
    """Folds as they are asked for.

    >>> expand_folds("1-3,train")
    ['1', '2', '3', 'train']
    """
    folds: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        span = re.fullmatch(r"(\d{1,4})-(\d{1,4})", part)
        folds += map(str, range(int(span[1]), int(span[2]) + 1)) if span else [part]
    return folds


_LICENCE = ("licence", "license")
_ATTRIBUTION = ("attribution", "source", "credit", "author", "artist", "url", "link")


def read_sources(
    clips: Sequence[Path],
    *,
    audio: Path | None = None,
    choice: Choice | None = None,
    background_labels: Collection[str] = (),
    backgrounds: Path | None = None,
    background_choice: Choice | None = None,
) -> Sources:
    """Sounds and backgrounds of labelled collections, and of a folder or table of backgrounds.

    `DataError` where nothing is left to lay into a soundscape; `ConfigError` for a label, fold or column that there
    is not.
    """
    problems: list[Problem] = []
    sounds: dict[str, list[SoundSource]] = defaultdict(list)
    beds: dict[str, list[SoundSource]] = defaultdict(list)
    known: set[str] = set()
    for data in clips:
        rows = _read(data, audio, problems)
        known.update(label for row in rows for label in row.clip.labels)
        for row in choose(data, rows, choice or Choice()):
            _sort_in(data, row, background_labels, sounds, beds, problems)
    for label in background_labels:
        if label not in known:
            raise ConfigError(
                f"no recording is labelled {label!r}{did_you_mean(label, known)}: it cannot be background"
            )
        if label not in beds:
            raise DataError(f"no recording labelled {label!r} is left to use as background")
    if not sounds:
        named = " and ".join(map(str, clips))
        raise DataError(f"{named}: no recordings with exactly one label are left to use as sounds")
    if backgrounds is not None:
        _add_backgrounds(backgrounds, background_choice or Choice(), beds, problems)
    return Sources(_sorted(sounds), _sorted(beds), tuple(problems))


def _sort_in(
    data: Path,
    row: Row,
    background_labels: Collection[str],
    sounds: dict[str, list[SoundSource]],
    beds: dict[str, list[SoundSource]],
    problems: list[Problem],
) -> None:
    labels = row.clip.labels
    as_bed = next((label for label in labels if label in background_labels), None)
    if not labels or as_bed is not None:
        beds[as_bed or ""].append(_source(data, row, as_bed or ""))
    elif len(labels) > 1:
        message = (
            f"has {len(labels)} labels ({', '.join(labels[:3])}), but an isolated recording must have one; left out"
        )
        problems.append(Problem("label", row.clip.name, message))
    else:
        sounds[labels[0]].append(_source(data, row, labels[0]))


def _read(data: Path, audio: Path | None, problems: list[Problem]) -> list[Row]:
    """Every clip of a collection beside its row."""
    manifest = read_manifest(data, audio=audio)
    problems += manifest.problems
    if any(clip.record is not None for clip in manifest.clips):
        raise DataError(f"{data}: contains embeddings; soundscapes are made from recordings")
    cells = _cells(data)
    return [Row(clip, cells.get(clip.name, {}), clip.split or "") for clip in manifest.clips]


def _cells(data: Path) -> dict[str, dict[str, str]]:
    """The first row of each recording, by the recording's name; nothing where there is no table with a header."""
    tables = (
        [data] if data.is_file() else [data / f"{stem}{end}" for stem in ("weak", "strong") for end in (".tsv", ".csv")]
    )
    path = next((path for path in tables if path.is_file()), None)
    if path is None:
        return {}
    rows = read_rows(path)
    if not {normalised(cell.strip('"')) for cell in rows.cells[0][1]} & set(FILENAME):
        return {}
    table = rows.with_header()
    name = table.column(*FILENAME)
    found: dict[str, dict[str, str]] = {}
    for _, row in table.rows:
        found.setdefault(row[name].strip(), {normalised(column): cell.strip() for column, cell in row.items()})
    return found


def _add_backgrounds(data: Path, choice: Choice, beds: dict[str, list[SoundSource]], problems: list[Problem]) -> None:
    """The recordings of a table, or of a folder whatever its form: no labels are needed."""
    if data.is_dir():
        rows = [Row(Clip(each.path, each.name, ()), {}, "") for each in find_recordings([data])]
    else:
        rows = _read(data, None, problems)
    for row in choose(data, rows, choice):
        label = row.clip.labels[0] if row.clip.labels else ""
        beds[label].append(_source(data, row, label))


def _source(data: Path, row: Row, label: str) -> SoundSource:
    folder = data.resolve() if data.is_dir() else data.resolve().parent
    return SoundSource(row.clip.path, row.clip.name, folder.name, label, row.one(_LICENCE), row.one(_ATTRIBUTION))


def _sorted(groups: dict[str, list[SoundSource]]) -> dict[str, tuple[SoundSource, ...]]:
    return {label: tuple(sorted(groups[label], key=lambda s: (s.collection, s.name))) for label in sorted(groups)}
