"""Decoded recordings are kept within bounded memory; broken ones are listed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.records import Sources
from earmark.data.soundscapes.rendering import make_soundscapes
from earmark.data.soundscapes.sources import read_sources
from earmark.errors import DataError

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_broken_recordings_are_told_and_cost_the_others_nothing(isolated: Path, tmp_path: Path) -> None:
    for label in ("beep", "hum"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "good.wav").write_bytes((isolated / f"{label}0.wav").read_bytes())
    (tmp_path / "data" / "hum" / "text.wav").write_text("no sound " * 9)
    soundfile.write(tmp_path / "data" / "hum" / "silent.wav", silence(1), RATE)
    found = read_sources([tmp_path / "data"])
    one = make_soundscapes(tmp_path / "one", found, SMALL, 8)
    assert [fault.split(": ")[0] for fault in one.faults] == ["data/hum/silent.wav", "data/hum/text.wav"]
    assert "contains nothing above -70 dB" in one.faults[0]
    assert "it is a text file, not audio" in one.faults[1]
    assert {row.label for row in one.labels} == {"beep", "hum"}
    assert make_soundscapes(tmp_path / "one", found, SMALL, 8).faults == one.faults  # told again where all is kept
    make_soundscapes(tmp_path / "two", found, SMALL, 3)
    make_soundscapes(tmp_path / "two", found, SMALL, 8)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "data" / "hum" / "good.wav").write_text("no more")
    (tmp_path / "data" / "beep" / "good.wav").write_text("no more")
    with pytest.raises(DataError, match="no recording of any sound can be used: "):
        make_soundscapes(tmp_path / "three", read_sources([tmp_path / "data"]), SMALL, 2, processes=2)


def test_memory_is_bounded(sources: Sources) -> None:
    each = sources.sounds["beep"]
    recordings = Recordings(SMALL, memory=1)
    assert [recordings.sound(source) is not None for source in each] == [True] * 4
    assert len(recordings._held) == 1
    assert recordings.sound(each[-1]) is recordings.sound(each[-1])
