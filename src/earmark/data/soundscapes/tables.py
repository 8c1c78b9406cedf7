"""What soundscapes are made of, and the tables that say so.

`sources.tsv` has a row for every burst of a sound and for every stretch of background:

    filename  onset  offset  event_label  role  collection  source_file  source_onset  snr  licence  attribution  speed

times in seconds, `source_onset` from the beginning of the source recording, `role` sound or background, `snr` in dB;
licence and attribution as the source's table writes them; `speed` that the sound is played at, 1 as recorded.
`source_onset` is of the recording as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, Self

from earmark.data.soundscapes.mixing import Soundscape
from earmark.data.soundscapes.options import SoundSource
from earmark.events import Event
from earmark.formats import dcase
from earmark.formats.fields import format_seconds
from earmark.formats.tables import write_table


@dataclass(frozen=True)
class Row:
    """A row of `sources.tsv`, as it is written."""

    filename: str
    onset: str
    offset: str
    event_label: str
    role: str
    collection: str
    source_file: str
    source_onset: str
    snr: str
    licence: str
    attribution: str
    speed: str = "1"


@dataclass(frozen=True)
class Part:
    """What one soundscape is made of."""

    filename: str
    seconds: float
    rows: tuple[Row, ...]
    crowded_out: int  # sounds for which there was no room
    faults: tuple[str, ...]  # recordings that were drawn for it and cannot be used

    @classmethod
    def of(cls, name: str, soundscape: Soundscape) -> Self:
        """The part of a soundscape that is written under this name."""
        rows = sorted(_rows(name, soundscape), key=lambda row: (row.role, float(row.onset), row.event_label))
        faults = tuple(f"{source.collection}/{source.name}: {fault}" for source, fault in soundscape.faults)
        left = soundscape.wanted - len(soundscape.sounds)
        return cls(name, len(soundscape.wave) / soundscape.rate, tuple(rows), left, faults)

    @classmethod
    def read(cls, data: dict[str, Any]) -> Self:
        """The inverse of `as_json`. `KeyError` or `TypeError` for anything else."""
        rows = tuple(Row(**row) for row in data["rows"])
        return cls(data["filename"], data["seconds"], rows, data["crowded_out"], tuple(data["faults"]))

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def events(self) -> list[Event]:
        """Strong labels by onset."""
        sounds = [row for row in self.rows if row.role == "sound"]
        return sorted(Event(float(row.onset), float(row.offset), row.event_label) for row in sounds)


@dataclass(frozen=True)
class LabelCount:
    """How much of a label there is in a set."""

    label: str
    soundscapes: int
    events: int
    seconds: float
    recordings: int  # source recordings its events are from


@dataclass(frozen=True)
class Made:
    """A set of soundscapes as it lies on disk."""

    soundscapes: int
    written: int  # by this call; the others were there
    labels: tuple[LabelCount, ...]
    crowded_out: int  # sounds for which there was no room
    faults: tuple[str, ...]  # recordings that cannot be used


def write_tables(directory: Path, parts: Sequence[Part], written: int) -> Made:
    """Write weak, strong, durations and sources tables of all parts; what they hold in sum."""
    strong = {part.filename: part.events() for part in parts}
    weak = {name: sorted({event.label for event in events}) for name, events in strong.items()}
    dcase.write_weak(directory / "weak.tsv", weak)
    dcase.write_strong(directory / "strong.tsv", strong)
    dcase.write_durations(directory / "durations.tsv", {part.filename: part.seconds for part in parts})
    rows = [astuple(row) for part in parts for row in part.rows]
    write_table(directory / "sources.tsv", [field.name for field in fields(Row)], rows)
    faults = tuple(sorted({fault for part in parts for fault in part.faults}))
    return Made(len(parts), written, _counts(parts), sum(part.crowded_out for part in parts), faults)


def _counts(parts: Sequence[Part]) -> tuple[LabelCount, ...]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for part in parts:
        for row in part.rows:
            if row.role == "sound":
                rows[row.event_label].append(row)
    return tuple(
        LabelCount(
            label,
            len({row.filename for row in found}),
            len(found),
            sum(float(row.offset) - float(row.onset) for row in found),
            len({(row.collection, row.source_file) for row in found}),
        )
        for label, found in sorted(rows.items())
    )


def _rows(name: str, soundscape: Soundscape) -> Iterator[Row]:
    rate = soundscape.rate
    for sound in soundscape.sounds:
        played = f"{sound.snr:.2f}", f"{sound.speed:.6g}"
        for first, last in sound.bursts:
            begins = (sound.begins + first - sound.at) * sound.speed
            yield _row(name, "sound", sound.source, _seconds(rate, first, last, begins), *played)
    for bed in soundscape.beds:
        yield _row(name, "background", bed.source, _seconds(rate, *bed.span, bed.begins), "", "1")


def _row(name: str, role: str, source: SoundSource, times: list[str], snr: str, speed: str) -> Row:
    onset, offset, within = times
    whose = (_line(source.licence), _line(source.attribution))
    return Row(name, onset, offset, source.label, role, source.collection, source.name, within, snr, *whose, speed)


def _seconds(rate: int, *samples: float) -> list[str]:
    return [format_seconds(sample / rate) for sample in samples]


def _line(text: str) -> str:
    """A cell of a tab table on one line."""
    return " ".join(text.split())
