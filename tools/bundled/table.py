"""One table of isolated recordings, clips and backgrounds, from the tables of `../shared/data`.

    filename  label  fold  group  licence  source  session

`filename` is relative to the data folder; `group` is the source: recordings of one group never come into two parts. Of
Freesound it is the recording's number, which also ties clips of `events/` to those of ESC-50 that were cut from the
same recording; of music the artist, of speech the speaker. `session` is `one` for labels of which all recordings are of
one session in one place: their files are parted, having no further source, and their figures flatter.

Labels are ESC-50's; of the others those with enough recordings, and those that `WANTED` names. `fold` is ESC-50's fold,
`valid` for the recordings that `field/` sets aside, and empty where `folds.py` decides. Clips of ESC-50's folds 1 to 3
whose licence forbids learning from them are kept as `tuning`: thresholds may be chosen on them, nothing else.
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
VALID, TUNING = "valid", "tuning"

# Labels that are one with another, and why.
MERGED = {
    "dog_bark": "dog",
    "engine_idling": "engine",
    "footsteps_water": "footsteps",  # steps through puddles are steps; most of them one person's
    "door_close": "door_slam",  # a door shut, more or less hard; and doors of other places than one office
    "metal_impact": "impact",  # something is struck or dropped: file names tell the material, ears hardly
    "wood_impact": "impact",
    "stone_impact": "impact",
    "plastic_impact": "impact",
    "glass_impact": "impact",
    "thump": "impact",
    "car_door": "door_slam",
    "growl": "roar",  # both are monsters and beasts of games
    "water_splash": "water",
    "stream": "water",
    "waterfall": "water",
    "shower": "water",
    "drilling": "power_tool",
    "circular_saw": "power_tool",
    "electric_shaver": "power_tool",
    "hand_mixer": "power_tool",
    "blender": "power_tool",
    "hair_dryer": "power_tool",
    "cafe_babble": "crowd",
    "city_street": "street_traffic",
}
# Labels that are learnt however few recordings there are: what most recordings of everyday life hold.
WANTED = {"music", "speech", "singing", "crowd", "street_traffic"}
# Labels that say nothing to a listener, or of which names of files tell too little.
UNHEARD = {
    *("animal_imitation", "human_grunt", "machine", "motor", "mouth_noise", "balloon", "rolling", "scrape", "beep"),
    *("tape_pull", "squeak", "crumpling", "chopping", "door_open", "coin", "eating", "tearing", "ping_pong"),
}
# Ambiences that are nothing but one of the classes serve as recordings of it, never as background.
AMBIENCES = {
    "rain": "rain",
    "waves": "sea_waves",
    "sea_waves": "sea_waves",
    "wind": "wind",
    "fire": "crackling_fire",
    "crackling_fire": "crackling_fire",
    "night_crickets": "crickets",
    "birds_ambience": "chirping_birds",
    "thunderstorm": "thunderstorm",
    "cafe_babble": "crowd",
    "crowd": "crowd",
    "city_street": "street_traffic",
}
# Ambiences in which a class may be heard that no label names.
MIXED = {
    "storm": "rain, wind and thunder",
    "boat_interior": "creaks, water, an engine",
    "children_playing": "voices and water",
    "construction": "tools and voices",
    "farm": "animals",
    "owl": "an owl",
    "subway": "a train and voices",
    "grocery_store": "voices",
    "hallwaynoises": "doors and voices",
    "elevator": "doors",
}
# Of the kinds `outdoor_ambience` and `night_ambience`: power between 1.5 and 9 kHz, where birds and insects sing, goes
# up and down by more than 10 dB (99th over 10th percentile of frames), or has a line 8 dB above its neighbourhood.
SINGING = {
    *("cdda_weather_clear_spring", "cdda_weather_clear_summer", "cdda_weather_cloudy_spring"),
    *("cdda_weather_sunny_autumn", "cdda_weather_sunny_spring", "cdda_weather_sunny_summer"),
    *("cdda_weather_sunny_winter", "cdda_clear_night_2", "cdda_clear_night_3", "ValyriaTear__forest_at_night"),
}
# Tags of groups: given with each of their classes, and where a sound is of the group and the class is uncertain.
GROUPS = {
    "animal": (
        *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow", "crickets"),
        *("chirping_birds", "roar"),
    ),
    "human_voice": (
        *("speech", "singing", "crying_baby", "laughing", "coughing", "sneezing", "throat_clearing", "scream", "crowd"),
    ),
    "vehicle": ("engine", "train", "airplane", "helicopter", "car_horn", "siren", "street_traffic"),
    "water_sound": (
        *("rain", "sea_waves", "water_drops", "pouring_water", "toilet_flush", "water", "drinking_sipping"),
    ),
}

_FREESOUND = re.compile(r"freesound\.org/(?:people/[^/]+/sounds|sounds|s)/(\d+)")
_TAKE = re.compile(r"(_c\d+)?[_\d]*[a-d]?$")  # what tells takes and cuts of one sound apart


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

    recordings: tuple[Recording, ...]  # `fold` as the sources have it, or empty
    licences: tuple[str, ...]  # of all rows that were read, allowed or not
    left_out: dict[str, int]  # why -> how many of those allowed


def read_recordings(data: Path, min_recordings: int = MIN_RECORDINGS, min_sources: int = MIN_SOURCES) -> Found:
    """Read the tables of the data folder."""
    rows = [*_esc50(data), *_events(data), *_backgrounds(data), *_field(data)]
    kept, left_out = [], Counter[str]()
    for row in rows:
        if not allowed(row.licence):
            if row.fold in ("1", "2", "3") and not row.licence.startswith("CC-Sampling"):
                kept.append(replace(row, fold=TUNING))  # never learnt from
            continue
        if row.label.startswith("!"):
            left_out[row.label[1:]] += 1
        else:
            kept.append(row)
    native = {row.label for row in kept if row.filename.startswith("esc50/")} | {BACKGROUND} | WANTED
    chosen = []
    for label, group in _by_label(kept).items():
        free = [row for row in group if row.fold not in (VALID, TUNING)]
        sources = len({row.group for row in free})
        if label in native or (len(free) >= min_recordings and sources >= min_sources):
            chosen += group
        elif len(free) >= min_recordings and sources == 1:
            chosen += [replace(row, group=f"file:{row.filename}", session="one") for row in group]
        else:
            left_out[f"label of fewer than {min_recordings} recordings or {min_sources} sources"] += len(group)
    ordered = tuple(sorted(chosen, key=lambda row: (row.label, row.filename)))
    return Found(ordered, tuple(row.licence for row in rows), dict(left_out))


def groups_of(label: str) -> list[str]:
    """Groups that a class belongs to.

    >>> groups_of("dog"), groups_of("clapping")
    (['animal'], [])
    """
    return [group for group, labels in GROUPS.items() if label in labels]


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


def sound_of(filename: str) -> str:
    """The sound that a file is a take or a cut of, by its name.

    >>> sound_of("events/audio__background_noise_1_2.ogg"), sound_of("ambience/clock__waves_c1.ogg")
    ('audio__background_noise', 'clock__waves')
    """
    return _TAKE.sub("", Path(filename).stem)


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
        label = _ambience(row["label"], row["filename"])
        source = " ".join(row["source"].split())
        name = f"backgrounds/{row['filename']}"
        group = f"file:{name}" if label == BACKGROUND else group_of(source, name)
        yield Recording(name, label, "", group, row["licence"], source)


def _field(data: Path) -> Iterator[Recording]:
    """Music, speech, events and ambiences of `field/`."""
    path = data / "field" / "clips.csv"
    for row in _rows(path) if path.is_file() else ():
        licence = "share-alike" if "SHARE-ALIKE" in row["note"] else row["licence"]
        label = MERGED.get(row["label"], row["label"])
        group = f"{row['kind']}:{row['group']}"
        if row["kind"] == "ambience":
            label = _ambience(row["label"], row["filename"])
            group = f"sound:{sound_of(row['filename'])}"
        elif row["kind"] == "event":
            group = f"sound:{sound_of(row['filename'])}"
            if label in UNHEARD or ";" in label:
                label = "!label that tells a listener nothing, or several at once"
        fold = VALID if row["split"] == VALID else ""
        source = f"{row['author']}, {row['repo']} {row['path']}".strip(", ")
        yield Recording(f"field/{row['filename']}", label, fold, group, licence, source)


def _ambience(label: str, filename: str) -> str:
    """The class of an ambience, `background`, or why it is left out."""
    stem = Path(filename).stem
    if label in MIXED:
        return f"!background with {MIXED[label]}"
    for word, why in MIXED.items():
        if word in stem:
            return f"!background with {why}"
    if stem in SINGING:
        return "!background with birds or insects"
    return AMBIENCES.get(label, BACKGROUND)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _by_label(recordings: Iterable[Recording]) -> dict[str, list[Recording]]:
    groups: dict[str, list[Recording]] = defaultdict(list)
    for row in recordings:
        groups[row.label].append(row)
    return groups
