"""What soundscapes are made of, as the files that make them speak of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earmark.data.records import Problem


@dataclass(frozen=True)
class SoundSource:
    """One recording that soundscapes are made of, and what its table says of whose it is."""

    path: Path
    name: str  # as its table writes it
    collection: str  # name of the folder it is from
    label: str  # empty: a background without one
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Sources:
    """Recordings by label, labels and recordings in the order of their names."""

    sounds: dict[str, tuple[SoundSource, ...]]
    backgrounds: dict[str, tuple[SoundSource, ...]]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, (*self.sounds.values(), *self.backgrounds.values())))
