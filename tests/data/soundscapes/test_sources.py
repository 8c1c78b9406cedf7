"""Which recordings are sounds, which are backgrounds, and which are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from earmark.data.soundscapes.choice import Choice
from earmark.data.soundscapes.mixing import compose
from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.records import Sources
from earmark.data.soundscapes.sources import read_sources

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def decibels(power: float) -> float:
    return 10 * np.log10(power)


def test_backgrounds_are_a_folder_or_what_has_no_label(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "beds").mkdir()
    rng = np.random.default_rng(1)
    short = np.concatenate([silence(1), 0.1 * rng.standard_normal(RATE), silence(1)])  # goes round and round
    soundfile.write(tmp_path / "beds" / "short.wav", short, RATE)
    found = read_sources(
        [isolated / "clips.csv"], choice=Choice(where=("label!=rustle",)), backgrounds=tmp_path / "beds"
    )
    assert list(found.backgrounds) == [""]
    made = compose(found, SMALL, 0, Recordings(SMALL))
    assert [bed.source.name for bed in made.beds] == ["short.wav"] * 4
    assert made.beds[0].begins == RATE
    levels = [np.mean(part**2) for part in made.background.reshape(30, -1)]
    assert decibels(max(levels) / min(levels)) < 3  # no silence is left, no seam is heard
    for label, wave in (("hum", tone(200, 0.5)), ("background", short)):
        (tmp_path / "data" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / label / "a.wav", wave, RATE)
    assert {label: len(each) for label, each in read_sources([tmp_path / "data"]).backgrounds.items()} == {"": 1}
    noise = compose(Sources(found.sounds, {}), SMALL, 0, Recordings(SMALL))
    assert noise.beds == ()
    assert np.mean(noise.background**2) > 0


def test_a_recording_of_several_labels_is_left_out_and_told(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.tsv").write_text("filename\tevent_labels\nbeep0.wav\tbeep\nhum0.wav\tbeep,hum\nrustle0.wav\t\n")
    found = read_sources([tmp_path / "weak.tsv"], audio=isolated)
    assert list(found.sounds) == ["beep"]
    assert list(found.backgrounds) == [""]
    assert [problem.where for problem in found.problems] == ["hum0.wav"]
