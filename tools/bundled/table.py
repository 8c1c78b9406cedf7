"""One table of isolated recordings and backgrounds, from the tables of `../shared/data`.

    filename  label  fold  group  licence  source  session

`filename` is relative to the data folder; `group` is the source recording: recordings of one group never come into two
parts. Of Freesound it is the recording's number, which also ties clips of `events/` to those of ESC-50 that were cut
from the same recording. `session` is `one` for labels of which all recordings are of one session in one place: their
files are parted, having no further source, and their figures flatter.

Labels are ESC-50's; of the further ones those with recordings enough. `fold` is made by `folds.py`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from earmark.formats.tables import write_table
from tools.bundled.licences import allowed

BACKGROUND = "background"
MIN_RECORDINGS = 10  # of a label that ESC-50 has not
MIN_SOURCES = 5  # of the same, unless all are of one session

# Labels of events/ that are one with another, and why.
MERGED = {
    "footsteps_water": "footsteps",  # steps through puddles are steps; most of them one person's
    "door_close": "door_slam",  # a door shut, more or less hard; and doors of other places than one office
}
# Ambiences that are nothing but one of the classes serve as recordings of it, never as background.
AMBIENCES = {
    "rain": "rain",
    "waves": "sea_waves",
    "wind": "wind",
    "fire": "crackling_fire",
    "night_crickets": "crickets",
    "birds_ambience": "chirping_birds",
}
# Ambiences in which a class may be heard that no label speaks of.
MIXED = {"storm": "rain, wind and thunder", "cafe_babble": "speech", "boat_interior": "creaks, water, an engine"}
# Of the kinds `outdoor_ambience` and `night_ambience`: power between 1.5 and 9 kHz, where birds and insects sing, goes
# up and down by more than 10 dB (99th over 10th percentile of frames), or has a line 8 dB above its neighbourhood.
SINGING = {
    *("cdda_weather_clear_spring", "cdda_weather_clear_summer", "cdda_weather_cloudy_spring"),
    *("cdda_weather_sunny_autumn", "cdda_weather_sunny_spring", "cdda_weather_sunny_summer"),
    *("cdda_weather_sunny_winter", "cdda_clear_night_2", "cdda_clear_night_3"),
}

_FREESOUND = re.compile(r"freesound\.org/(?:people/[^/]+/sounds|sounds|s)/(\d+)")


@dataclass(frozen=True)
class Recording:
    """A row of the table."""

    filename: str
    label: str
    fold: str
    group: str
    licence: str
    source: str
    session: str = ""


@dataclass(frozen=True)
class Found:
    """All recordings whose licence allows it, before folds are made."""

    recordings: tuple[Recording, ...]  # `fold` is ESC-50's, or empty
    licences: tuple[str, ...]  # of all rows that were read, allowed or not
    left_out: dict[str, int]  # why -> how many of those allowed


def read_recordings(data: Path, min_recordings: int = MIN_RECORDINGS, min_sources: int = MIN_SOURCES) -> Found:
    """Read the three tables of the data folder."""
    rows = [*_esc50(data), *_events(data), *_backgrounds(data)]
    kept, left_out = [], Counter[str]()
    for row in rows:
        if not allowed(row.licence):
            continue
        if row.label.startswith("!"):
            left_out[f"background with {row.label[1:]}"] += 1
        else:
            kept.append(row)
    native = {row.label for row in kept if row.filename.startswith("esc50/")} | {BACKGROUND}
    chosen = []
    for label, group in _by_label(kept).items():
        sources = len({row.group for row in group})
        if label in native or (len(group) >= min_recordings and sources >= min_sources):
            chosen += group
        elif len(group) >= min_recordings and sources == 1:
            chosen += [replace(row, group=f"file:{row.filename}", session="one") for row in group]
        else:
            left_out[f"label of fewer than {min_recordings} recordings or {min_sources} sources"] += len(group)
    ordered = tuple(sorted(chosen, key=lambda row: (row.label, row.filename)))
    return Found(ordered, tuple(row.licence for row in rows), dict(left_out))


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Write the table."""
    write_table(path, [field.name for field in fields(Recording)], [astuple(row) for row in recordings])


def read_table(path: Path) -> list[Recording]:
    """The inverse of `write_recordings`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Recording(**row) for row in csv.DictReader(file, delimiter="\t")]


def group_of(source: str, filename: str) -> str:
    """The recording that a file was cut from, as well as its table tells.

    >>> group_of("https://freesound.org/s/163264/ by Zepp2010", "minetest-sounds/rain.ogg")
    'freesound:163264'
    >>> group_of("", "picovoice-speech/82827e1b.ogg")
    'file:picovoice-speech/82827e1b.ogg'
    """
    if number := _FREESOUND.search(source):
        return f"freesound:{number[1]}"
    if source == "LibriSpeech":  # speaker-chapter-utterance
        return f"LibriSpeech:{Path(filename).name.split('-')[0]}"
    return f"source:{source}" if source else f"file:{filename}"


def _esc50(data: Path) -> Iterator[Recording]:
    """Clips of ESC-50: fold-number-take-class.ogg, the number being Freesound's."""
    for row in _rows(data / "esc50" / "clips.csv"):
        group = f"freesound:{row['filename'].split('-')[1]}"
        yield Recording(
            f"esc50/{row['filename']}", row["label"], row["fold"], group, row["licence"], row["source"].strip()
        )


def _events(data: Path) -> Iterator[Recording]:
    for row in _rows(data / "events" / "clips.csv"):
        label = row["esc50_label"] or MERGED.get(row["label"], row["label"])
        source = " ".join(row["source"].split())
        group = group_of(source, row["filename"])
        if row["esc50_overlap"]:  # clips of one Freesound recording: any of them names it
            group = f"freesound:{row['esc50_overlap'].split()[0].split('-')[1]}"
        yield Recording(
            f"events/{row['filename']}", label, "", group, row["licence"], source or row["filename"].split("/")[0]
        )


def _backgrounds(data: Path) -> Iterator[Recording]:
    """Backgrounds, those that are a class, and those to be left out: a label that begins with `!`."""
    for row in _rows(data / "backgrounds" / "clips.csv"):
        label = AMBIENCES.get(row["label"], BACKGROUND)
        if row["label"] in MIXED:
            label = f"!{MIXED[row['label']]}"
        elif Path(row["filename"]).stem in SINGING:
            label = "!birds or insects"
        source = " ".join(row["source"].split())
        name = f"backgrounds/{row['filename']}"
        group = f"file:{name}" if label == BACKGROUND else group_of(source, name)
        yield Recording(name, label, "", group, row["licence"], source)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _by_label(recordings: Iterable[Recording]) -> dict[str, list[Recording]]:
    groups: dict[str, list[Recording]] = defaultdict(list)
    for row in recordings:
        groups[row.label].append(row)
    return groups
