"""Which recordings soundscapes are made of: sounds by label, and backgrounds.

A sound is a clip of exactly one label. Backgrounds are the clips of labels named so, clips without a label, and
the recordings of a folder or table of their own. `soundscape_choice.py` takes a part of either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from earmark.audio import find_recordings
from earmark.data.manifest import read_manifest
from earmark.data.records import Clip, Problem
from earmark.data.soundscapes.choice import Choice, Row, choose
from earmark.data.soundscapes.records import SoundSource, Sources
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.formats.fields import FILENAME
from earmark.formats.tables import normalised, read_rows

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
